#include "infer/set.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/csvcell.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data/names.h"
#include "device/device.h"
#include "gd/log.h"
#include "infer/criterion.h"

enum { IGNORED_LABEL = -100 };

/* Which importer reads files of this name; NULL: none. */
static const char *importer_of(const char *path) {
  static const char *const endings[][2] = {{".csv", "csv"}, {".tsv", "csv"}, {".txt", "csv"}, {".xz", "csv"},
                                           {".zst", "csv"}, {".npy", "npy"}, {".npz", "npy"}, {".gz", "idx"}};
  if (strstr(path, ".csv.") || strstr(path, ".tsv.")) return "csv";
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
    if (strcmp(dot, endings[i][0]) == 0) return endings[i][1];
  return NULL;
}

/* The first that is given, or NULL. */
static const char *given(const char *a, const char *b) {
  return *a ? a : *b ? b : NULL;
}

/* As far as a run computes; statistics square what they are taken of. */
static double largest(const gd_options *o) {
  return o->standardize ? 1e150 : strcmp(o->precision, "fp64") == 0 ? 0 : FLT_MAX;
}

gd_data_options gdi_data_options(const gd_options *o) {
  return (gd_data_options){.target_type = gdi_target_type(o),
                           .largest = largest(o),
                           .size = (int)o->size,
                           .layout = gdi_layout_of(o->layout),
                           .x_name = given(o->x_name, ""),
                           .y_name = given(o->y_name, ""),
                           .w_name = given(o->w_name, ""),
                           .memory = strcmp(o->memory, "hold") == 0     ? GD_MEMORY_HOLD
                                     : strcmp(o->memory, "stream") == 0 ? GD_MEMORY_STREAM
                                                                        : GD_MEMORY_AUTO};
}

static gd_status open_file(gdi_set *s, const char *path, const gd_options *o, const gdi_set_use *use,
                           bool probed) {
  gd_data_options d = gdi_data_options(o);
  d.probed = probed, d.without_targets = use->without_targets, d.part = use->part;
  if (use->part == GD_PART_VAL)
    d.x_name = given(o->val_x_name, o->x_name), d.y_name = given(o->val_y_name, o->y_name),
    d.w_name = given(o->val_w_name, o->w_name);
  if (use->without_targets) d.w_name = "none"; /* nor does a loss weigh anything */
  if (use->names)
    d.target_known = true, d.target_type = use->without_targets ? GD_TARGET_AUTO : use->target_type;
  gd_status st = gd_dataset_open(&s->data, path, &d);
  const char *importer = importer_of(path);
  if (st != GD_OK && importer && access(path, R_OK) == 0)
    return GD_FAIL(GD_ERR_DATA,
                   "%s: not an HDF5 file; \"gdtrain data import %s %s --out DATA.h5\" makes one of it", path,
                   importer, strcmp(importer, "idx") == 0 ? "IMAGES LABELS" : path);
  return st;
}

/* Columns by their names; said where that changed something, or could not be done. */
static gd_status take_columns(gdi_set *s, const gd_names *names, bool targets, bool tells) {
  const gd_data_info *i = gd_dataset_info(s->data);
  char text[300];
  gd_names wanted = *names;
  if (!targets) wanted.n_y = 0;
  const bool moved = !gdi_names_same(i->names.x, i->names.n_x, wanted.x, wanted.n_x);
  GD_TRY(gd_dataset_match(s->data, &wanted));
  if (moved && tells)
    gd_message(GD_LOG_INFO, "%s: columns are matched by name and taken in the model's order: %s", i->path,
               gdi_names_text(wanted.x, wanted.n_x, text, sizeof text));
  if (wanted.n_x > 0 && i->names.n_x == 0 && tells)
    gd_message(GD_LOG_WARN, "%s: its columns have no names; they are taken for the model's in this order: %s",
               i->path, gdi_names_text(wanted.x, wanted.n_x, text, sizeof text));
  return GD_OK;
}

/* What was taken for what. */
static void tell_notes(const gd_data_info *i, const char *notes) {
  for (const char *line = notes, *end; line && (end = strchr(line, '\n')); line = end + 1) {
    const bool warning = strncmp(line, "warning: ", 9) == 0;
    if (warning) line += 9;
    gd_message(warning ? GD_LOG_WARN : GD_LOG_INFO, "%s: %.*s", i->path, (int)(end - line), line);
  }
}

gd_status gdi_set_open(gdi_set *s, gd_world *w, const char *path, const gd_options *o,
                       const gdi_set_use *use) {
  const gd_names *names = use->names;
  memset(s, 0, sizeof *s);
  /* One rank of each host takes the first, guarded look; the others need not. */
  const bool looks = gd_world_local_rank(w) == 0;
  GD_TRY(gd_world_agree(w, looks ? open_file(s, path, o, use, false) : GD_OK));
  GD_TRY(gd_world_agree(w, looks ? GD_OK : open_file(s, path, o, use, true)));
  if (gd_world_rank(w) == 0) tell_notes(gd_dataset_info(s->data), gd_dataset_info(s->data)->notes);
  if (names) GD_TRY(gd_world_agree(w, take_columns(s, names, !use->without_targets, gd_world_rank(w) == 0)));
  size_t bytes = gd_dataset_load_bytes(s->data);
  if (bytes == 0) return GD_OK;
  GD_TRY(gd_shared_new(w, &s->memory, bytes));
  gd_status st = s->memory.owner ? gd_dataset_load(s->data, s->memory.data, true) : GD_OK;
  GD_TRY(gd_world_agree(w, st)); /* also a barrier: no rank reads before it is loaded */
  if (!s->memory.owner) GD_TRY(gd_dataset_load(s->data, s->memory.data, false));
  return GD_OK;
}

gd_status gdi_set_labelled(const gdi_set *s) {
  const gd_data_info *i = gd_dataset_info(s->data);
  if (!i->labels || !i->unlabelled) return GD_OK;
  return GD_FAIL(GD_ERR_DATA,
                 "%s: none of its labels is a class (0, 1, 2 ...): nothing can be learned or judged by them",
                 i->path);
}

gd_status gdi_set_binary(const gdi_set *s, const char *loss) {
  char why[160];
  snprintf(why, sizeof why, "%s takes targets from 0, no, to 1, yes; --loss mse learns other numbers", loss);
  return gdi_targets_within(s->data, 0, 1, why);
}

gd_status gdi_set_tell_labels(const gdi_set *s, const gd_options *o) {
  char *notes = NULL;
  const gd_status st =
      gdi_note_labels(&notes, s->data, *o->class_weights || strcmp(o->sampler, "balanced") == 0);
  tell_notes(gd_dataset_info(s->data), notes);
  free(notes);
  return st;
}

void gdi_set_close(gdi_set *s, gd_world *w) {
  if (s->data) gd_dataset_close(s->data);
  if (s->memory.data) gd_shared_free(w, &s->memory);
  free(s->class_map);
  memset(s, 0, sizeof *s);
}

/* ---- classes: by their names, or as numbers where both are numbers ("1.0" and "1") ---- */

typedef struct known_class {
  const char *name;
  double number; /* NaN: the name is none */
  int64_t id;
} known_class;

static int by_class_name(const void *a, const void *b) {
  return strcmp(((const known_class *)a)->name, ((const known_class *)b)->name);
}

static int by_number(const void *a, const void *b) {
  const double x = ((const known_class *)a)->number, y = ((const known_class *)b)->number;
  return (x > y) - (x < y);
}

static known_class class_of(const char *name, int64_t id) {
  known_class c = {name, 0, id};
  if (!gdi_csv_number(name, &c.number)) c.number = NAN;
  return c;
}

/* The model's classes by name, and those that are numbers by number. */
typedef struct known_classes {
  known_class *name, *number;
  size_t n, n_numbers;
} known_classes;

static gd_status know_classes(known_classes *k, int64_t classes, char (*names)[GD_MAX_CLASS_NAME]) {
  *k = (known_classes){malloc((size_t)classes * sizeof *k->name), malloc((size_t)classes * sizeof *k->number),
                       (size_t)classes, 0};
  if (!k->name || !k->number)
    return GD_FAIL(GD_ERR_OOM, "no memory for %lld class names", (long long)classes);
  for (int64_t i = 0; i < classes; i++) {
    k->name[i] = class_of(names[i], i);
    if (!isnan(k->name[i].number)) k->number[k->n_numbers++] = k->name[i];
  }
  qsort(k->name, k->n, sizeof *k->name, by_class_name);
  qsort(k->number, k->n_numbers, sizeof *k->number, by_number);
  return GD_OK;
}

/* -1: no class of this name, nor one of this number alone. */
static int64_t class_named(const known_classes *k, const char *name) {
  const known_class wanted = class_of(name, -1);
  const known_class *at = bsearch(&wanted, k->name, k->n, sizeof wanted, by_class_name);
  if (at) return at->id;
  if (isnan(wanted.number)) return -1;
  at = bsearch(&wanted, k->number, k->n_numbers, sizeof wanted, by_number);
  if (!at || (at > k->number && by_number(at - 1, at) == 0) ||
      (at + 1 < k->number + k->n_numbers && by_number(at, at + 1) == 0))
    return -1;
  return at->id;
}

static gd_status map_classes(gdi_set *s, const known_classes *k) {
  const gd_data_info *i = gd_dataset_info(s->data);
  bool same = true;
  for (int64_t c = 0; c < i->classes; c++) {
    const int64_t to = class_named(k, i->class_name[c]);
    if (to < 0)
      return GD_FAIL(GD_ERR_DATA, "%s: class \"%s\" is none of the model's classes: \"%s\"%s", i->path,
                     i->class_name[c], k->name[0].name, k->n > 1 ? " ... (gdtrain inspect tells all)" : "");
    s->class_map[c] = to;
    same &= to == c;
  }
  if (same) free(s->class_map), s->class_map = NULL;
  return GD_OK;
}

gd_status gdi_set_match(gdi_set *s, int64_t classes, char (*names)[GD_MAX_CLASS_NAME]) {
  const gd_data_info *i = gd_dataset_info(s->data);
  if (!i->labels) return GD_OK;
  if (!names || !i->class_name) {
    if (i->classes <= classes) return GD_OK;
    return GD_FAIL(GD_ERR_DATA,
                   "%s: labels go up to %lld, but the model has %lld outputs: end it with linear:%lld",
                   i->path, (long long)i->classes - 1, (long long)classes, (long long)i->classes);
  }
  s->class_map = malloc((size_t)i->classes * sizeof *s->class_map);
  if (!s->class_map) return GD_FAIL(GD_ERR_OOM, "no memory for %lld class names", (long long)i->classes);
  known_classes known;
  gd_status st = know_classes(&known, classes, names);
  if (st == GD_OK) st = map_classes(s, &known);
  free(known.name), free(known.number);
  return st;
}

gd_status gdi_set_relabel(const gdi_set *s, gd_tensor *labels) {
  enum { STAGE = 256 };
  int64_t y[STAGE];
  gd_device *d = labels->device;
  for (int64_t at = 0, n = s->class_map ? gd_numel(labels) : 0; at < n; at += STAGE) {
    const int64_t part = n - at < STAGE ? n - at : STAGE;
    int64_t *there = (int64_t *)labels->data + at;
    GD_TRY(d->download(d, y, there, (size_t)part * sizeof *y));
    for (int64_t i = 0; i < part; i++)
      if (y[i] != IGNORED_LABEL) y[i] = s->class_map[y[i]];
    GD_TRY(d->upload(d, there, y, (size_t)part * sizeof *y));
  }
  return GD_OK;
}

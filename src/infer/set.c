#include "infer/set.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/device.h"

enum { IGNORED_LABEL = -100 };

/* Which importer reads files of this name; NULL: none. */
static const char *importer_of(const char *path) {
  static const char *const endings[][2] = {{".csv", "csv"}, {".npy", "npy"}, {".gz", "idx"}};
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
    if (strcmp(dot, endings[i][0]) == 0) return endings[i][1];
  return NULL;
}

static gd_status open_file(gdi_set *s, const char *path, const gd_options *o, bool targets, bool probed) {
  gd_data_options d = {.probed = probed,
                       .without_targets = !targets,
                       .x_name = o->x_name[0] ? o->x_name : NULL,
                       .y_name = o->y_name[0] ? o->y_name : NULL};
  if (strcmp(o->memory, "hold") == 0) d.memory = GD_MEMORY_HOLD;
  if (strcmp(o->memory, "stream") == 0) d.memory = GD_MEMORY_STREAM;
  gd_status st = gd_dataset_open(&s->data, path, &d);
  const char *importer = importer_of(path);
  if (st != GD_OK && importer && access(path, R_OK) == 0)
    return GD_FAIL(GD_ERR_DATA, "%s: not an HDF5 file; \"gdtrain data import %s\" makes one of it", path,
                   importer);
  return st;
}

gd_status gdi_set_open(gdi_set *s, gd_world *w, const char *path, const gd_options *o, bool targets) {
  memset(s, 0, sizeof *s);
  /* One rank of each host takes the first, guarded look; the others need not. */
  const bool looks = gd_world_local_rank(w) == 0;
  GD_TRY(gd_world_agree(w, looks ? open_file(s, path, o, targets, false) : GD_OK));
  GD_TRY(gd_world_agree(w, looks ? GD_OK : open_file(s, path, o, targets, true)));
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

void gdi_set_close(gdi_set *s, gd_world *w) {
  if (s->data) gd_dataset_close(s->data);
  if (s->memory.data) gd_shared_free(w, &s->memory);
  free(s->class_map);
  memset(s, 0, sizeof *s);
}

static int64_t class_named(const char *name, int64_t classes, char (*names)[GD_MAX_CLASS_NAME]) {
  for (int64_t i = 0; i < classes; i++)
    if (strcmp(name, names[i]) == 0) return i;
  return -1;
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
  bool same = true;
  s->class_map = malloc((size_t)i->classes * sizeof *s->class_map);
  if (!s->class_map) return GD_FAIL(GD_ERR_OOM, "no memory for %lld class names", (long long)i->classes);
  for (int64_t c = 0; c < i->classes; c++) {
    int64_t to = class_named(i->class_name[c], classes, names);
    if (to < 0)
      return GD_FAIL(GD_ERR_DATA, "%s: class \"%s\" is none of the model's classes", i->path,
                     i->class_name[c]);
    s->class_map[c] = to;
    same &= to == c;
  }
  if (same) free(s->class_map), s->class_map = NULL;
  return GD_OK;
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

/* What a checkpoint says beside its arrays: the model and how it was configured, progress, and what the data were. */
#include <math.h>
#include <string.h>

#include "data/names.h"
#include "store/checkpoint.h"

static gd_status read_measured(gd_measured *m, gdi_h5 *f) {
  const char *name;
  double *value;
  if (!gdi_h5_has_attr(f, "progress", "row_samples")) return GD_OK;
  for (int i = 0; gdi_measured_field(m, i, &name, &value); i++)
    GD_TRY(gdi_h5_attr_f64(f, "progress", name, value));
  return GD_OK;
}

static gd_status read_watched(gd_watched *w, gdi_h5 *f) {
  const char *name;
  double *value;
  w->kept = gdi_h5_has_attr(f, "progress", "plateau_lr");
  for (int i = 0; w->kept && gdi_watched_field(w, i, &name, &value); i++)
    GD_TRY(gdi_h5_attr_f64(f, "progress", name, value));
  return GD_OK;
}

static gd_status read_progress(gd_checkpoint *c, gdi_h5 *f) {
  int64_t seed;
  GD_TRY(gdi_h5_attr_i64(f, "progress", "step", &c->step));
  GD_TRY(gdi_h5_attr_i64(f, "progress", "epoch", &c->epoch));
  GD_TRY(gdi_h5_attr_i64(f, "progress", "samples", &c->samples));
  c->rows = -1;
  if (gdi_h5_has_attr(f, "progress", "rows")) GD_TRY(gdi_h5_attr_i64(f, "progress", "rows", &c->rows));
  if (gdi_h5_has_attr(f, "progress", "skipped"))
    GD_TRY(gdi_h5_attr_i64(f, "progress", "skipped", &c->skipped));
  GD_TRY(gdi_h5_attr_i64(f, "progress", "seed", &seed));
  c->seed = (uint64_t)seed;
  if (c->step < 0 || c->epoch < 0 || c->samples < 0 || c->skipped < 0 || c->skipped > c->step)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: step, epoch, samples or skipped steps are none that can be",
                   f->path);
  GD_TRY(read_measured(&c->measured, f));
  GD_TRY(read_watched(&c->watched, f));
  c->has_best = gdi_h5_has_attr(f, "progress", "best");
  if (!c->has_best) return GD_OK;
  c->best_loss = NAN;
  if (gdi_h5_has_attr(f, "progress", "best_loss"))
    GD_TRY(gdi_h5_attr_f64(f, "progress", "best_loss", &c->best_loss));
  GD_TRY(gdi_h5_attr_i64(f, "progress", "best_step", &c->best_step));
  return gdi_h5_attr_f64(f, "progress", "best", &c->best);
}

static gd_status open_row(gdi_h5_array *a, gdi_h5 *f, const char *path, bool text, int64_t max) {
  GD_TRY(gdi_h5_array_open(a, f, path));
  if (a->ndim == 1 && a->text == text && a->n <= max && a->width <= GDI_MAX_CONFIG + 1) return GD_OK;
  gdi_h5_array_close(a);
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s is not a row of %s", f->path, path,
                 text ? "strings" : "numbers");
}

static gd_status read_numbers(void **out, int64_t *n, int64_t max, gd_arena *arena, gdi_h5 *f,
                              const char *path, gd_dtype type) {
  gdi_h5_array a;
  GD_TRY(open_row(&a, f, path, false, max));
  *n = a.n;
  *out = gd_arena_alloc(arena, (size_t)a.n * gd_dtype_bytes(type));
  gd_status st = *out ? gdi_h5_array_read(&a, type, 0, a.n, *out) : GD_ERR_OOM;
  gdi_h5_array_close(&a);
  return st;
}

/* n strings of `width` bytes each; width 0: as wide as the file says. */
static gd_status read_strings(void **out, int64_t n, size_t width, gd_arena *arena, gdi_h5 *f,
                              const char *path) {
  gdi_h5_array a;
  GD_TRY(open_row(&a, f, path, true, n));
  if (width == 0) width = a.width + 1;
  gd_status st =
      width > GDI_MAX_CONFIG + 2 ? GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s is too long", f->path, path) : GD_OK;
  *out = st == GD_OK ? gd_arena_zalloc(arena, (size_t)n * width) : NULL;
  if (st == GD_OK) st = *out ? gdi_h5_array_read_text(&a, width, *out) : GD_ERR_OOM;
  if (a.n != n) st = GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s has %lld strings", f->path, path, (long long)a.n);
  gdi_h5_array_close(&a);
  return st;
}

/* One for each value of a one-dimensional sample, and those of the targets. */
static gd_status read_names(gd_names *n, const gd_checkpoint *c, gdi_h5 *f) {
  n->n_x = c->sample_ndim == 1 ? c->sample[0] : 0;
  n->n_y = -1;
  GD_TRY(gdi_names_read_list(&n->x, &n->n_x, c->arena, f, "data/columns"));
  return gdi_names_read_list(&n->y, &n->n_y, c->arena, f, "data/targets");
}

static gd_status read_control(gd_checkpoint *c, gdi_h5 *f) {
  void *row;
  int64_t n;
  c->controlled = gdi_h5_has(f, "progress/control");
  if (!c->controlled) return GD_OK;
  GD_TRY(read_numbers(&row, &n, GD_CONTROL_NUMBERS, c->arena, f, "progress/control", GD_F64));
  if (n != GD_CONTROL_NUMBERS)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /progress/control is too short", f->path);
  memcpy(c->control, row, sizeof c->control);
  return GD_OK;
}

static gd_status read_statistics(gd_standardize *s, gd_arena *arena, gdi_h5 *f, const char *mean,
                                 const char *std) {
  void *row;
  int64_t n;
  if (!gdi_h5_has(f, mean)) return GD_OK;
  GD_TRY(read_numbers(&row, &s->features, INT64_MAX, arena, f, mean, GD_F64));
  s->mean = row;
  GD_TRY(read_numbers(&row, &n, s->features, arena, f, std, GD_F64));
  s->std = row;
  if (n != s->features) return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /%s is too short", f->path, std);
  return GD_OK;
}

static gd_status read_data(gd_checkpoint *c, gdi_h5 *f) {
  void *row;
  GD_TRY(gdi_h5_attr_i64(f, "data", "classes", &c->classes));
  GD_TRY(gdi_h5_attr_f64(f, "data", "x_scale", &c->x_scale));
  GD_TRY(gdi_h5_attr_text(f, "data", "digest", c->data_digest, sizeof c->data_digest));
  if (gdi_h5_has_attr(f, "data", "val_digest"))
    GD_TRY(gdi_h5_attr_text(f, "data", "val_digest", c->val_digest, sizeof c->val_digest));
  if (c->classes < 0 || c->classes > GDI_MAX_CLASSES)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %lld classes", f->path, (long long)c->classes);
  if (gdi_h5_has(f, "data/sample")) {
    int64_t n;
    GD_TRY(read_numbers(&row, &n, GD_MAX_DIMS - 1, c->arena, f, "data/sample", GD_I64));
    memcpy(c->sample, row, (size_t)n * sizeof *c->sample);
    c->sample_ndim = (int)n;
  }
  if (gdi_h5_has(f, "data/class_name")) {
    GD_TRY(read_strings(&row, c->classes, GD_MAX_CLASS_NAME, c->arena, f, "data/class_name"));
    c->class_name = row;
  }
  if (gdi_h5_has(f, "data/class_weight")) {
    GD_TRY(
        read_numbers(&row, &c->n_class_weights, GDI_MAX_CLASSES, c->arena, f, "data/class_weight", GD_F64));
    c->class_weight = row;
  }
  GD_TRY(read_names(&c->names, c, f));
  GD_TRY(read_statistics(&c->standardize, c->arena, f, "data/mean", "data/std"));
  GD_TRY(read_statistics(&c->standardize_targets, c->arena, f, "data/target_mean", "data/target_std"));
  const int64_t targets = c->standardize_targets.features;
  if (targets != 0 && targets != c->outputs)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: /data/target_mean has %lld numbers for %lld outputs", f->path,
                   (long long)targets, (long long)c->outputs);
  return GD_OK;
}

/* The description of the model must at least be a tree; whether there are such layers is known when it is built. */
static gd_status read_spec(gd_checkpoint *c, gdi_h5 *f) {
  void *text;
  gd_tree *ignored;
  if (gdi_h5_has(f, "model_spec")) {
    GD_TRY(read_strings(&text, 1, 0, c->arena, f, "model_spec"));
    c->model = text;
  } else {
    c->model = gd_arena_alloc(c->arena, GDI_MAX_SPEC + 1);
    if (!c->model) return GD_ERR_OOM;
    GD_TRY(gdi_h5_attr_text(f, "/", "model", c->model, GDI_MAX_SPEC + 1));
  }
  gd_status st = gd_tree_parse(&ignored, c->arena, c->model, "model");
  return st == GD_ERR_USAGE ? GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s", f->path, gd_error_last()->message) : st;
}

/* One that need not be there. */
static gd_status read_attr(char **out, gd_arena *arena, gdi_h5 *f, const char *name, size_t bytes) {
  if (!gdi_h5_has_attr(f, "/", name)) return GD_OK;
  *out = gd_arena_alloc(arena, bytes);
  return *out ? gdi_h5_attr_text(f, "/", name, *out, bytes) : GD_ERR_OOM;
}

static gd_status read_root(gd_checkpoint *c, gdi_h5 *f) {
  char format[64] = "";
  void *text;
  if (!gdi_h5_has(f, "model"))
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: not a gdtrain checkpoint: no /model", f->path);
  if (!gdi_h5_has_attr(f, "/", "format"))
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: not a gdtrain checkpoint: no attribute 'format'", f->path);
  GD_TRY(gdi_h5_attr_text(f, "/", "format", format, sizeof format));
  if (strcmp(format, GDI_FORMAT) != 0)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: is a '%s'; this program reads '%s'", f->path, format, GDI_FORMAT);
  GD_TRY(read_spec(c, f));
  GD_TRY(gdi_h5_attr_i64(f, "/", "outputs", &c->outputs));
  GD_TRY(gdi_h5_attr_text(f, "/", "machine", c->machine, sizeof c->machine));
  GD_TRY(gdi_h5_attr_text(f, "/", "version", c->version, sizeof c->version));
  GD_TRY(read_attr(&c->plugins, c->arena, f, "plugins", GDI_MAX_PLUGINS));
  GD_TRY(read_attr(&c->found_out, c->arena, f, "found_out", GDI_MAX_FOUND_OUT));
  GD_TRY(read_strings(&text, 1, 0, c->arena, f, "config"));
  c->config = text;
  return GD_OK;
}

gd_status gdi_header_read(gd_checkpoint *c, gdi_h5 *f) {
  GD_TRY(read_root(c, f));
  GD_TRY(read_progress(c, f));
  GD_TRY(read_control(c, f));
  return read_data(c, f);
}

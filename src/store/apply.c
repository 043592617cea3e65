/* From what a file holds to a model and its settings. */
#include "store/apply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "device/convert.h"

gd_status gdi_saved_options(gd_options *out, const gd_checkpoint *c) {
  return gd_options_read(out, "the configuration in the checkpoint", c->config);
}

static const gd_stored *by_name(const gd_stored *list, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(list[i].name, name) == 0) return &list[i];
  return NULL;
}

gd_status gdi_checkpoint_weights(const gd_checkpoint *c, gd_stored **out, int *n) {
  const int own = c->n_params + c->n_frozen + c->n_buffers;
  gd_stored *list = *out = malloc(((size_t)(own + c->n_tied) + 1) * sizeof **out);
  if (!list) return GD_FAIL(GD_ERR_OOM, "no memory to list %d arrays", own);
  for (int i = 0; i < c->n_params; i++) *list++ = c->param[i];
  for (int i = 0; i < c->n_frozen; i++) *list++ = c->frozen[i];
  for (int i = 0; i < c->n_buffers; i++) *list++ = c->buffer[i];
  for (int i = 0; i < c->n_tied; i++) {
    const gd_stored *of = by_name(*out, own, c->tied[i].of);
    if (!of) continue; /* it was read from an array of this name: only a caller's own list can lack it */
    *list = *of;
    memcpy(list++->name, c->tied[i].name, sizeof list->name);
  }
  *n = (int)(list - *out);
  return GD_OK;
}

/* The first element that is NaN or infinite, or -1. */
static int64_t first_not_finite(const gd_stored *a) {
  int64_t n = 1;
  for (int d = 0; d < a->ndim; d++) n *= a->shape[d];
  for (int64_t i = 0; i < n; i++) {
    if (a->dtype == GD_F32 && !isfinite(((const float *)a->data)[i])) return i;
    if (a->dtype == GD_F64 && !isfinite(((const double *)a->data)[i])) return i;
  }
  return -1;
}

/* Nothing can be trained from such weights, nor predicted by them. */
static gd_status check_finite(const gd_stored *a, const char *path) {
  const int64_t i = first_not_finite(a);
  if (i < 0) return GD_OK;
  return GD_FAIL(GD_ERR_CHECKPOINT,
                 "%s: %s holds a value that is not finite, element %lld: weights of no use; had the run that "
                 "wrote them diverged?",
                 path, a->name, (long long)i);
}

gd_status gdi_stored_find(const gd_named *item, const gd_stored *stored, int n, const char *path,
                          const gd_stored **out) {
  const gd_tensor *t = item->tensor;
  for (int k = 0; k < n; k++) {
    if (strcmp(stored[k].name, item->name) != 0) continue;
    *out = &stored[k];
    if (stored[k].ndim == t->ndim &&
        memcmp(stored[k].shape, t->shape, (size_t)t->ndim * sizeof *t->shape) == 0)
      return check_finite(&stored[k], path);
    gd_tensor theirs = {.ndim = stored[k].ndim};
    char text[2][GDI_SHAPE_TEXT];
    memcpy(theirs.shape, stored[k].shape, sizeof stored[k].shape);
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s is %s, but the model's is %s", path, item->name,
                   gdi_shape_text(&theirs, text[0], sizeof text[0]),
                   gdi_shape_text(t, text[1], sizeof text[1]));
  }
  char has[160] = "";
  for (int k = 0, at = 0; k < n && at < (int)sizeof has; k++)
    at += snprintf(has + at, sizeof has - (size_t)at, "%s%s", k ? ", " : "", stored[k].name);
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: no array for the model's %s; it holds %s", path, item->name, has);
}

static bool is_float(gd_dtype type) {
  return type == GD_F32 || type == GD_F64;
}

static gd_status copy(gd_tensor *t, const gd_stored *from, void *stage, const char *path) {
  if (!is_float(t->dtype) && from->dtype != t->dtype)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s, but the model's is %s", path, from->name,
                   gd_dtype_name(from->dtype), gd_dtype_name(t->dtype));
  if (is_float(t->dtype) && !is_float(from->dtype))
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s, weights are f32 or f64", path, from->name,
                   gd_dtype_name(from->dtype));
  if (from->dtype == t->dtype) return t->device->upload(t->device, t->data, from->data, gd_tensor_bytes(t));
  gdi_convert(t->dtype, stage, from->dtype, from->data, gd_numel(t));
  return t->device->upload(t->device, t->data, stage, gd_tensor_bytes(t));
}

/* By the first of its names that the file has. */
static gd_status find_by_any(const gd_params *p, const gd_named *item, const gd_stored *stored, int n,
                             const char *path, const gd_stored **out) {
  if (by_name(stored, n, item->name)) return gdi_stored_find(item, stored, n, path, out);
  for (int i = 0; i < p->n_aliases; i++)
    if (p->alias[i].of == item && by_name(stored, n, p->alias[i].named.name))
      return gdi_stored_find(&p->alias[i].named, stored, n, path, out);
  return gdi_stored_find(item, stored, n, path, out);
}

static bool has_any(const gd_params *p, const gd_named *item, const gd_stored *stored, int n) {
  bool yes = by_name(stored, n, item->name);
  for (int i = 0; i < p->n_aliases; i++)
    yes |= p->alias[i].of == item && by_name(stored, n, p->alias[i].named.name);
  return yes;
}

static gd_status apply_all(const gd_params *p, const gd_named *item, int items, const gd_stored *stored,
                           int n, const char *path, bool partial) {
  for (int i = 0; i < items; i++) {
    const gd_stored *from = NULL;
    if (partial && !has_any(p, &item[i], stored, n)) continue;
    GD_TRY(find_by_any(p, &item[i], stored, n, path, &from));
    void *stage = malloc(gd_tensor_bytes(item[i].tensor));
    gd_status st =
        stage ? copy(item[i].tensor, from, stage, path) : GD_FAIL(GD_ERR_OOM, "no memory for weights");
    free(stage);
    GD_TRY(st);
  }
  return GD_OK;
}

/* Of a tensor with several names the file may have any, all of them equal; found under the first of the model's. */
static gd_status check_alias(const gd_param_alias *alias, const gd_stored *stored, int n, const char *path) {
  const gd_stored *first = by_name(stored, n, alias->of->name),
                  *other = by_name(stored, n, alias->named.name);
  if (!first || !other) return GD_OK;
  const gd_stored *found;
  GD_TRY(gdi_stored_find(&alias->named, stored, n, path, &found));
  size_t bytes = gd_dtype_bytes(first->dtype) * (size_t)gd_numel(alias->of->tensor);
  if (first->dtype == other->dtype && memcmp(first->data, other->data, bytes) == 0) return GD_OK;
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s and %s are one tensor of the model, but differ in the file", path,
                 first->name, other->name);
}

static gd_status apply_weights(gd_params *p, const gd_stored *stored, int n, const char *path, bool partial) {
  GD_TRY(apply_all(p, p->item, p->n, stored, n, path, partial));
  GD_TRY(apply_all(p, p->frozen, p->n_frozen, stored, n, path, partial));
  GD_TRY(apply_all(p, p->constant, p->n_constants, stored, n, path, partial));
  for (int i = 0; i < p->n_aliases; i++) GD_TRY(check_alias(&p->alias[i], stored, n, path));
  return GD_OK;
}

gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) {
  return apply_weights(p, stored, n, path, false);
}

gd_status gdi_weights_apply_some(gd_params *p, const gd_stored *stored, int n, const char *path) {
  return apply_weights(p, stored, n, path, true);
}

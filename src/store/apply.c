/* From what a file holds to a model and its settings. */
#include "store/apply.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "device/convert.h"

gd_status gdi_saved_options(gd_options *out, const gd_checkpoint *c) {
  return gd_options_read(out, "the configuration in the checkpoint", c->config);
}

gd_status gdi_stored_find(const gd_params *p, int i, const gd_stored *stored, int n, const char *path,
                          const gd_stored **out) {
  const gd_tensor *t = p->item[i].tensor;
  for (int k = 0; k < n; k++) {
    if (strcmp(stored[k].name, p->item[i].name) != 0) continue;
    *out = &stored[k];
    if (stored[k].ndim == t->ndim &&
        memcmp(stored[k].shape, t->shape, (size_t)t->ndim * sizeof *t->shape) == 0)
      return GD_OK;
    gd_tensor theirs = {.ndim = stored[k].ndim};
    char text[2][GDI_SHAPE_TEXT];
    memcpy(theirs.shape, stored[k].shape, sizeof stored[k].shape);
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s is %s, but the model's is %s", path, p->item[i].name,
                   gdi_shape_text(&theirs, text[0], sizeof text[0]),
                   gdi_shape_text(t, text[1], sizeof text[1]));
  }
  char has[160] = "";
  for (int k = 0, at = 0; k < n && at < (int)sizeof has; k++)
    at += snprintf(has + at, sizeof has - (size_t)at, "%s%s", k ? ", " : "", stored[k].name);
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: no array for the model's %s; it holds %s", path, p->item[i].name,
                 has);
}

static gd_status apply(gd_tensor *t, const gd_stored *from, void *stage, const char *path) {
  if (from->dtype != GD_F32 && from->dtype != GD_F64)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s, weights are f32 or f64", path, from->name,
                   gd_dtype_name(from->dtype));
  gdi_convert(t->dtype, stage, from->dtype, from->data, gd_numel(t));
  return t->device->upload(t->device, t->data, stage, gd_tensor_bytes(t));
}

gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) {
  void *stage = malloc(gd_params_bytes(p));
  gd_status st = stage ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for weights");
  for (int i = 0; st == GD_OK && i < p->n; i++) {
    const gd_stored *from = NULL;
    st = gdi_stored_find(p, i, stored, n, path, &from);
    if (st == GD_OK) st = apply(p->item[i].tensor, from, stage, path);
  }
  free(stage);
  return st;
}

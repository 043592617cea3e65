#include "store/arrays.h"

#include <string.h>

/* Called twice for every name: to count, then to keep. */
static gd_status note_name(void *user, const char *name) {
  gdi_names *list = user;
  if (list->name) {
    if (list->n == list->max || strlen(name) >= sizeof *list->name)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: the name of an array is too long: %s", list->file, name);
    strcpy(list->name[list->n], name);
  }
  list->n++;
  return GD_OK;
}

gd_status gdi_names_read(gdi_names *out, gd_arena *a, gdi_h5 *f, const char *group) {
  *out = (gdi_names){.file = f->path};
  GD_TRY(gdi_h5_list(f, group, note_name, out));
  *out = (gdi_names){.file = f->path, .max = out->n};
  out->name = gd_arena_alloc(a, ((size_t)out->max + 1) * sizeof *out->name);
  return out->name ? gdi_h5_list(f, group, note_name, out) : GD_ERR_OOM;
}

gd_status gdi_stored_describe(gd_stored *out, gdi_h5 *f, const char *path, const char *name) {
  if (strlen(name) >= sizeof out->name || strchr(name, '/'))
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s cannot be the name of a parameter", f->path, name);
  gdi_h5_array a;
  GD_TRY(gdi_h5_array_open(&a, f, path));
  gd_status st = a.text ? GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds text", f->path, path) : GD_OK;
  if (st == GD_OK && a.unwritten)
    st = GD_FAIL(GD_ERR_CHECKPOINT, "%s: a part of %s was never written", f->path, path);
  *out = (gd_stored){.dtype = a.type, .ndim = a.ndim};
  strcpy(out->name, name);
  memcpy(out->shape, a.shape, sizeof a.shape);
  gdi_h5_array_close(&a);
  return st;
}

gd_status gdi_stored_read(gdi_h5 *f, const char *path, const gd_stored *described, void *to) {
  gdi_h5_array a;
  GD_TRY(gdi_h5_array_open(&a, f, path));
  gd_status st = gdi_h5_array_read(&a, described->dtype, 0, a.ndim > 0 ? a.shape[0] : 1, to);
  gdi_h5_array_close(&a);
  return st;
}

size_t gdi_stored_bytes(const gd_stored *a) {
  size_t bytes = gd_dtype_bytes(a->dtype);
  for (int i = 0; i < a->ndim; i++) bytes *= (size_t)a->shape[i];
  return bytes;
}

/* Weights by name, from our checkpoints and from the files of others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/zip.h"
#include "store/apply.h"
#include "store/arrays.h"
#include "store/safetensors.h"

/* Weights that were compressed more than this are no weights. */
enum { MAX_RATIO = 64 };

/* A copy in the arena `a` of what a checkpoint holds. */
static gd_status copy(gd_stored *to, gd_arena *a, const gd_stored *from) {
  *to = *from;
  to->data = gd_arena_alloc(a, gdi_stored_bytes(from));
  if (!to->data) return GD_ERR_OOM;
  memcpy(to->data, from->data, gdi_stored_bytes(from));
  return GD_OK;
}

static gd_status from_checkpoint(gd_stored **out, int *n, gd_arena *a, const gd_checkpoint *c) {
  gd_stored *list;
  GD_TRY(gdi_checkpoint_weights(c, &list, n));
  *out = gd_arena_alloc(a, ((size_t)*n + 1) * sizeof **out);
  gd_status st = *out ? GD_OK : GD_ERR_OOM;
  for (int i = 0; st == GD_OK && i < *n; i++) st = copy(&(*out)[i], a, &list[i]);
  free(list);
  return st;
}

/* dense/kernel becomes dense.kernel, as in a state_dict. */
static void dotted(char *name, const char *path) {
  for (; *path; path++) *name++ = *path == '/' ? '.' : *path;
  *name = 0;
}

/* The group where weights lie beside other things, or "". */
static void find_group(gdi_h5 *f, char group[32]) {
  static const char *const known[] = {"model", "state_dict", "model_state_dict"};
  *group = 0;
  for (size_t i = 0; i < sizeof known / sizeof *known && !*group; i++)
    if (gdi_h5_has_group(f, known[i])) strcpy(group, known[i]);
}

static gd_status read_arrays(gd_stored **out, int *n, gd_arena *a, gdi_h5 *f) {
  char group[32];
  gdi_names list;
  find_group(f, group);
  GD_TRY(gdi_names_read(&list, a, f, *group ? group : "/"));
  *out = gd_arena_alloc(a, ((size_t)list.n + 1) * sizeof **out);
  if (!*out) return GD_ERR_OOM;
  uint64_t room = f->bytes * MAX_RATIO;
  for (int i = 0; i < list.n; i++) {
    char path[GDI_MAX_PATH + 40], name[GDI_MAX_PATH];
    gd_stored *w = &(*out)[i];
    snprintf(path, sizeof path, "%s%s%s", group, *group ? "/" : "", list.name[i]);
    dotted(name, list.name[i]);
    GD_TRY(gdi_stored_describe(w, f, path, name));
    const size_t bytes = gdi_stored_bytes(w);
    if (bytes > room)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: its arrays are far larger than the file", f->path);
    room -= bytes;
    if (!(w->data = gd_arena_alloc(a, bytes))) return GD_ERR_OOM;
    GD_TRY(gdi_stored_read(f, path, w, w->data));
  }
  *n = list.n;
  if (*n == 0) return GD_FAIL(GD_ERR_CHECKPOINT, "%s: no arrays in it", f->path);
  return GD_OK;
}

gd_status gd_weights_read(gd_stored **out, int *n, gd_arena *a, const char *name) {
  gdi_h5 f;
  char path[4096];
  *out = NULL, *n = 0;
  GD_TRY(gd_checkpoint_find(name, path, sizeof path));
  if (gdi_safetensors_is(path)) return gdi_safetensors_read(out, n, a, path);
  if (gdi_zip_is(path))
    return GD_FAIL(GD_ERR_CHECKPOINT,
                   "%s: a file of torch.save(), which may hold a program, is not read: "
                   "safetensors.torch.save_file(model.state_dict(), \"w.safetensors\")",
                   path);
  GD_TRY(gdi_h5_look(path, GD_ERR_CHECKPOINT));
  GD_TRY(gdi_h5_open(&f, path, GD_ERR_CHECKPOINT));
  const bool ours = gdi_h5_has_attr(&f, "/", "format");
  gd_status st = ours ? GD_OK : read_arrays(out, n, a, &f);
  gdi_h5_close(&f);
  if (ours) {
    gd_checkpoint c;
    GD_TRY(gd_checkpoint_read(&c, path, false));
    const char *used;
    st = gd_checkpoint_choose(&c, NULL, &used);
    if (st == GD_OK) st = from_checkpoint(out, n, a, &c);
    gd_checkpoint_free(&c);
  }
  return st;
}

/*
 * The safetensors format: length of the header (u64, little-endian), a header in JSON that names type, shape
 * and byte range of every tensor, padded with blanks to 8 bytes, and the values without gaps.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/words.h"
#include "base/h5write.h"
#include "store/apply.h"
#include "store/checkpoint.h"

static const char *type_name(gd_dtype type) {
  switch (type) {
  case GD_F32: return "F32";
  case GD_F64: return "F64";
  case GD_BF16: return "BF16";
  case GD_I32: return "I32";
  case GD_I64: return "I64";
  case GD_U8: return "U8";
  }
  return "";
}

/* Parameters and buffers: what PyTorch calls the state_dict. */
static bool exported(const gdi_entry *e) {
  return e->kind != GDI_STATE;
}

static void put_header(FILE *f, const gdi_entry *entry, int n) {
  fprintf(f, "{\"__metadata__\":{\"format\":\"pt\"}");
  size_t at = 0;
  for (int i = 0; i < n; i++) {
    const gd_stored *a = entry[i].array;
    if (!exported(&entry[i])) continue;
    fputc(',', f);
    gdi_print_quoted(f, a->name);
    fprintf(f, ":{\"dtype\":\"%s\",\"shape\":[", type_name(a->dtype));
    for (int d = 0; d < a->ndim; d++) fprintf(f, "%s%lld", d ? "," : "", (long long)a->shape[d]);
    fprintf(f, "],\"data_offsets\":[%zu,%zu]}", at, at + gdi_stored_bytes(a));
    at += gdi_stored_bytes(a);
  }
  fputc('}', f);
  while (ftell(f) % 8 != 0) fputc(' ', f);
}

static bool put_all(FILE *f, const gdi_entry *entry, int n) {
  char *header = NULL;
  size_t bytes = 0;
  FILE *memory = open_memstream(&header, &bytes);
  if (!memory) return false;
  put_header(memory, entry, n);
  bool ok = !ferror(memory);
  ok = fclose(memory) == 0 && ok;
  const uint64_t length = bytes;
  ok = ok && fwrite(&length, sizeof length, 1, f) == 1 && fwrite(header, bytes, 1, f) == 1;
  free(header);
  for (int i = 0; i < n && ok; i++) {
    const size_t size = gdi_stored_bytes(entry[i].array);
    ok = !exported(&entry[i]) || fwrite(entry[i].array->data, 1, size, f) == size;
  }
  return ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
}

static gd_status write_file(const gdi_entry *entry, int n, gdi_h5_writer *w) {
  FILE *f = fopen(w->temporary, "wbx");
  if (!f) return GD_FAIL(GD_ERR_WRITE, "%s: cannot be created: %m", w->path);
  errno = 0;
  bool ok = put_all(f, entry, n);
  int reason = errno;
  if (fclose(f) != 0 && ok) ok = false, reason = errno;
  if (!ok) return GD_FAIL(GD_ERR_WRITE, "%s: cannot be written: %s", w->path, strerror(reason));
  return gdi_h5_publish(w);
}

gd_status gd_export_safetensors(const gd_checkpoint *c, const char *path) {
  gdi_h5_writer w = {.id = 0}; /* no HDF5 in it, but it takes its name in the same way */
  if (strlen(path) >= sizeof w.path) return GD_FAIL(GD_ERR_WRITE, "%.80s...: the path is too long", path);
  strcpy(w.path, path);
  snprintf(w.temporary, sizeof w.temporary, "%s.%d.tmp", path, (int)getpid());
  gdi_entry *entry = NULL;
  gd_checkpoint all = {0}; /* every name, without states */
  int n;
  GD_TRY(gdi_checkpoint_weights(c, &all.param, &all.n_params));
  gd_status st = gdi_checkpoint_entries(&all, &entry, &n);
  if (st == GD_OK) st = write_file(entry, n, &w);
  if (st != GD_OK) gdi_h5_abandon(&w);
  free(entry), free(all.param);
  return st;
}

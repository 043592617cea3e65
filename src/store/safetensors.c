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
#include "store/safetensors.h"

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

/* ---- what the numbers mean: values of the metadata are texts */

static void put_list(FILE *f, const char *key, const char *name, size_t bytes, int64_t n) {
  char *text = NULL;
  size_t size = 0;
  FILE *list = n > 0 ? open_memstream(&text, &size) : NULL;
  if (!list) return;
  for (int64_t i = 0; i < n; i++) {
    fputs(i ? ", " : "[", list);
    gdi_print_quoted(list, name + (size_t)i * bytes);
  }
  fputc(']', list);
  fclose(list);
  fprintf(f, ",\"%s\":", key);
  gdi_print_quoted(f, text);
  free(text);
}

static void put_metadata(FILE *f, const gd_checkpoint *c) {
  fputs("{\"__metadata__\":{\"format\":\"pt\"", f);
  if (c->x_scale != 1) fprintf(f, ",\"x_scale\":\"%.17g\"", c->x_scale);
  if (c->standardize.features)
    fprintf(f, ",\"standardize\":\"x = (x - %s) / %s\"", gdi_statistics[0], gdi_statistics[1]);
  if (c->standardize_targets.features)
    fprintf(f, ",\"standardize_targets\":\"y = output * %s + %s\"", gdi_statistics[3], gdi_statistics[2]);
  if (c->names.n_x) put_list(f, "columns", *c->names.x, sizeof *c->names.x, c->names.n_x);
  if (c->names.n_y) put_list(f, "targets", *c->names.y, sizeof *c->names.y, c->names.n_y);
  if (c->class_name) put_list(f, "classes", *c->class_name, sizeof *c->class_name, c->classes);
  fputc('}', f);
}

static void put_header(FILE *f, const gd_checkpoint *c, const gdi_entry *entry, int n) {
  put_metadata(f, c);
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

static bool put_all(FILE *f, const gd_checkpoint *c, const gdi_entry *entry, int n) {
  char *header = NULL;
  size_t bytes = 0;
  FILE *memory = open_memstream(&header, &bytes);
  if (!memory) return false;
  put_header(memory, c, entry, n);
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

static gd_status write_file(const gd_checkpoint *c, const gdi_entry *entry, int n, gdi_h5_writer *w) {
  FILE *f = fopen(w->temporary, "wbx");
  if (!f) return GD_FAIL(GD_ERR_WRITE, "%s: cannot be created: %m", w->path);
  errno = 0;
  bool ok = put_all(f, c, entry, n);
  int reason = errno;
  if (fclose(f) != 0 && ok) ok = false, reason = errno;
  if (!ok) return GD_FAIL(GD_ERR_WRITE, "%s: cannot be written: %s", w->path, strerror(reason));
  return gdi_h5_publish(w);
}

/* ---- */

const char *const gdi_statistics[4] = {"standardize.mean", "standardize.std", "standardize_targets.mean",
                                       "standardize_targets.std"};
enum { STATISTICS = sizeof gdi_statistics / sizeof *gdi_statistics };

bool gdi_is_statistics(const char *name) {
  for (int i = 0; i < STATISTICS; i++)
    if (strcmp(name, gdi_statistics[i]) == 0) return true;
  return false;
}

/* What is needed to use the weights: mean and deviation of samples and targets, as tensors of their own. */
static gd_status add_statistics(gd_checkpoint *all, const gd_checkpoint *c) {
  const gd_standardize *s[] = {&c->standardize, &c->standardize_targets};
  gd_stored *list = realloc(all->param, (size_t)(all->n_params + STATISTICS) * sizeof *list);
  if (!list) return GD_FAIL(GD_ERR_OOM, "no memory to export weights");
  all->param = list;
  for (int i = 0; i < STATISTICS; i++) {
    const gd_standardize *of = s[i / 2];
    gd_stored *a = &list[all->n_params];
    if (of->features == 0) continue;
    *a = (gd_stored){.dtype = GD_F64, .ndim = 1, .shape = {of->features}, .data = i % 2 ? of->std : of->mean};
    strcpy(a->name, gdi_statistics[i]);
    all->n_params++;
  }
  return GD_OK;
}

/* PyTorch's batch norm also has the number of updates that its running statistics have seen: the step. */
static gd_status add_counts(gd_stored **list, int *n, int64_t *step) {
  static const char mean[] = "running_mean";
  gd_stored *all = realloc(*list, 2 * (size_t)*n * sizeof *all + 1);
  if (!all) return GD_FAIL(GD_ERR_OOM, "no memory for an export");
  *list = all;
  for (int i = *n - 1; i >= 0; i--) {
    const size_t length = strlen(all[i].name), prefix = length < strlen(mean) ? 0 : length - strlen(mean);
    if (strcmp(all[i].name + prefix, mean) != 0) continue;
    gd_stored *count = &all[*n];
    *count = (gd_stored){.dtype = GD_I64, .data = step};
    char name[sizeof count->name];
    const int wanted = snprintf(name, sizeof name, "%.*snum_batches_tracked", (int)prefix, all[i].name);
    memcpy(count->name, name, sizeof name);
    if (wanted < (int)sizeof name) ++*n;
  }
  return GD_OK;
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
  int64_t step = c->step;
  gd_status st = add_statistics(&all, c);
  if (st == GD_OK) st = add_counts(&all.param, &all.n_params, &step);
  if (st == GD_OK) st = gdi_checkpoint_entries(&all, &entry, &n);
  if (st == GD_OK) st = write_file(c, entry, n, &w);
  if (st != GD_OK) gdi_h5_abandon(&w);
  free(entry), free(all.param);
  return st;
}

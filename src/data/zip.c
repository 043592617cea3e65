#include "data/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef GD_WITH_ARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

bool gdi_zip_is(const char *path) {
  char first[4] = "";
  FILE *f = fopen(path, "rbe");
  const bool yes = f && fread(first, 1, sizeof first, f) == sizeof first &&
                   (memcmp(first, "PK\3\4", 4) == 0 || memcmp(first, "PK\5\6", 4) == 0);
  if (f) fclose(f);
  return yes;
}

#ifdef GD_WITH_ARCHIVE
enum { MAX_ENTRIES = 1 << 16, READ_BYTES = 1 << 17 };

static gd_status damaged(struct archive *a, const char *path) {
  const char *why = archive_error_string(a);
  return GD_FAIL(GD_ERR_DATA, "%s: a ZIP archive that is damaged or cut: %s", path,
                 why ? why : "unknown format");
}

static gd_status open_archive(struct archive **out, const char *path) {
  struct archive *a = *out = archive_read_new();
  if (!a) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
  archive_read_support_format_zip_seekable(a); /* by its directory, which a whole one has at its end */
  return archive_read_open_filename(a, path, READ_BYTES) == ARCHIVE_OK ? GD_OK : damaged(a, path);
}

/* The name of its next file; *name NULL: there are no more. */
static gd_status next_entry(struct archive *a, const char *path, const char **name) {
  struct archive_entry *e;
  const int code = archive_read_next_header(a, &e);
  *name = NULL;
  if (code == ARCHIVE_EOF) return GD_OK;
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged(a, path);
  *name = archive_entry_pathname(e);
  if (!*name || strlen(*name) >= sizeof((gdi_zip_entry *)0)->name)
    return GD_FAIL(GD_ERR_DATA, "%s: a ZIP archive that is damaged: a name in it is too long, or no text",
                   path);
  if (archive_entry_is_data_encrypted(e))
    return GD_FAIL(GD_ERR_DATA, "%s: %s is encrypted; unpack it first", path, *name);
  return GD_OK;
}

static gd_status list(struct archive *a, const char *path, gdi_zip_entry **out, int *n) {
  const char *name;
  for (;;) {
    GD_TRY(next_entry(a, path, &name));
    if (!name) return GD_OK;
    if (*n == MAX_ENTRIES) return GD_FAIL(GD_ERR_DATA, "%s: more than %d files", path, MAX_ENTRIES);
    gdi_zip_entry *more = *n & (*n - 1) ? *out : realloc(*out, (size_t)(*n ? 2 * *n : 1) * sizeof **out);
    if (!more) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
    *out = more;
    strcpy((*out)[(*n)++].name, name);
  }
}

gd_status gdi_zip_list(gdi_zip_entry **out, int *n, const char *path) {
  struct archive *a;
  *out = NULL, *n = 0;
  gd_status st = open_archive(&a, path);
  if (st == GD_OK) st = list(a, path, out, n);
  archive_read_free(a);
  if (st == GD_OK) return GD_OK;
  free(*out);
  *out = NULL, *n = 0;
  return st;
}

struct gdi_zip_reader {
  struct archive *archive;
};

gd_status gdi_zip_open(gdi_zip_reader **out, const char *path, const gdi_zip_entry *e) {
  gdi_zip_reader *r = *out = calloc(1, sizeof *r);
  const char *name = NULL;
  if (!r) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
  gd_status st = open_archive(&r->archive, path);
  do {
    if (st == GD_OK) st = next_entry(r->archive, path, &name);
  } while (st == GD_OK && name && strcmp(name, e->name) != 0);
  if (st == GD_OK && !name) st = GD_FAIL(GD_ERR_DATA, "%s: it changed while it was read", path);
  if (st == GD_OK) return GD_OK;
  gdi_zip_close(r);
  *out = NULL;
  return st;
}

int64_t gdi_zip_read(gdi_zip_reader *r, void *to, uint64_t bytes, const char **why) {
  const la_ssize_t got = archive_read_data(r->archive, to, bytes);
  if (got >= 0) return got;
  *why = archive_error_string(r->archive);
  if (!*why) *why = "it cannot be unpacked";
  return -1;
}

void gdi_zip_close(gdi_zip_reader *r) {
  if (!r) return;
  archive_read_free(r->archive);
  free(r);
}
#else
gd_status gdi_zip_list(gdi_zip_entry **out, int *n, const char *path) {
  *out = NULL, *n = 0;
  return GD_FAIL(GD_ERR_ENV, "%s: this build has no libarchive: save each array by numpy.save()", path);
}

gd_status gdi_zip_open(gdi_zip_reader **out, const char *path, const gdi_zip_entry *e) {
  (void)e;
  int n;
  gdi_zip_entry *none;
  *out = NULL;
  return gdi_zip_list(&none, &n, path);
}

int64_t gdi_zip_read(gdi_zip_reader *r, void *to, uint64_t bytes, const char **why) {
  (void)r, (void)to, (void)bytes, (void)why;
  return -1;
}

void gdi_zip_close(gdi_zip_reader *r) {
  (void)r;
}
#endif

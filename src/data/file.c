#include "data/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { MAX_RATIO = 1032, PIECE_BYTES = 1 << 28 };

gd_status gdi_file_open(gdi_file *f, const char *path) {
  struct stat st;
  *f = (gdi_file){.path = path};
  if (stat(path, &st) != 0) return GD_FAIL(GD_ERR_DATA, "%s: %m", path);
  if (!S_ISREG(st.st_mode)) return GD_FAIL(GD_ERR_DATA, "%s: not a regular file", path);
  f->bytes = (uint64_t)st.st_size;
  errno = 0;
  f->gz = gzopen(path, "rb");
  if (!f->gz)
    return GD_FAIL(GD_ERR_DATA, "%s: cannot be opened: %s", path, errno ? strerror(errno) : "no memory");
  gzbuffer(f->gz, 1 << 17);
  f->compressed = !gzdirect(f->gz);
  return GD_OK;
}

gd_status gdi_file_open_member(gdi_file *f, const char *path, const char *archive, const gdi_zip_entry *e) {
  struct stat st;
  *f = (gdi_file){.path = path, .compressed = true}; /* at the most the whole archive is this file */
  if (stat(archive, &st) != 0) return GD_FAIL(GD_ERR_DATA, "%s: %m", archive);
  f->bytes = (uint64_t)st.st_size;
  return gdi_zip_open(&f->member, archive, e);
}

void gdi_file_close(gdi_file *f) {
  if (f->gz) gzclose(f->gz);
  gdi_zip_close(f->member);
  f->gz = NULL, f->member = NULL;
}

static gd_status damaged(gdi_file *f, const char *what, const char *known) {
  int code;
  if (known) return GD_FAIL(GD_ERR_DATA, "%s: its %s cannot be read: %s", f->path, what, known);
  const char *why = gzerror(f->gz, &code);
  if (code == Z_OK || code == Z_STREAM_END) why = "the file ends there";
  if (code == Z_ERRNO) why = strerror(errno);
  return GD_FAIL(GD_ERR_DATA, "%s: its %s cannot be read: %s", f->path, what, why);
}

gd_status gdi_file_read(gdi_file *f, const char *what, void *to, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
    const char *why = f->member ? "the file ends there" : NULL;
    const int64_t got = f->member ? gdi_zip_read(f->member, (char *)to + done, piece, &why)
                                  : gzread(f->gz, (char *)to + done, (unsigned)piece);
    if (got <= 0) return damaged(f, what, why);
    done += (size_t)got;
  }
  return GD_OK;
}

gd_status gdi_file_expect(gdi_file *f, uint64_t at, uint64_t bytes) {
  bool fits = f->compressed ? bytes / MAX_RATIO <= f->bytes : at <= f->bytes && f->bytes - at == bytes;
  if (fits) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s: its header promises %llu bytes, but the file has %llu%s", f->path,
                 (unsigned long long)(at + bytes), (unsigned long long)f->bytes,
                 f->compressed ? " compressed" : "");
}

gd_status gdi_file_end(gdi_file *f) {
  char more;
  const char *why = NULL;
  const int64_t got = f->member ? gdi_zip_read(f->member, &more, 1, &why) : gzread(f->gz, &more, 1);
  if (got < 0) return damaged(f, "end", why);
  if (got > 0) return GD_FAIL(GD_ERR_DATA, "%s: there is more in it than its header promises", f->path);
  return GD_OK;
}

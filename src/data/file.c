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

void gdi_file_close(gdi_file *f) {
  if (f->gz) gzclose(f->gz);
  f->gz = NULL;
}

static gd_status damaged(gdi_file *f, const char *what) {
  int code;
  const char *why = gzerror(f->gz, &code);
  if (code == Z_OK || code == Z_STREAM_END) why = "the file ends there";
  if (code == Z_ERRNO) why = strerror(errno);
  return GD_FAIL(GD_ERR_DATA, "%s: its %s cannot be read: %s", f->path, what, why);
}

gd_status gdi_file_read(gdi_file *f, const char *what, void *to, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    size_t piece = bytes - done < PIECE_BYTES ? bytes - done : PIECE_BYTES;
    int got = gzread(f->gz, (char *)to + done, (unsigned)piece);
    if (got <= 0) return damaged(f, what);
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
  int got = gzread(f->gz, &more, 1);
  if (got < 0) return damaged(f, "end");
  if (got > 0) return GD_FAIL(GD_ERR_DATA, "%s: there is more in it than its header promises", f->path);
  return GD_OK;
}

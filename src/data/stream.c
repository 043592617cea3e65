#include "data/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/unpack.h"

enum { IN_BYTES = 1 << 17 };

/* ---- the file ---- */

static ssize_t read_some(int fd, void *to, size_t bytes) {
  ssize_t got;
  while ((got = read(fd, to, bytes)) < 0 && errno == EINTR) {
  }
  return got;
}

static gd_status copy_all(const gdi_stream *s, int from, int to) {
  ssize_t got;
  while ((got = read_some(from, s->in, IN_BYTES)) > 0)
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(to, s->in + done, (size_t)(got - done));
      if (put < 0 && errno != EINTR)
        return GD_FAIL(GD_ERR_DATA, "%s: its copy cannot be written: %m", s->path);
      if (put > 0) done += put;
    }
  return got < 0 ? GD_FAIL(GD_ERR_DATA, "%s: cannot be read: %m", s->path) : GD_OK;
}

/* A pipe can be read once; tables are read twice. */
static gd_status copy_pipe(gdi_stream *s) {
  char name[4096];
  const char *folder = getenv("TMPDIR");
  snprintf(name, sizeof name, "%.4000s/gdtrain.XXXXXX", folder && *folder ? folder : "/tmp");
  const int copy = mkstemp(name);
  if (copy < 0) return GD_FAIL(GD_ERR_DATA, "%s: no temporary file for it in %s (TMPDIR): %m", s->path, name);
  unlink(name);
  const gd_status st = copy_all(s, s->fd, copy);
  if (s->fd != STDIN_FILENO) close(s->fd);
  s->fd = copy, s->copied = true;
  return st;
}

static gd_status open_file(gdi_stream *s, const char *path) {
  struct stat st;
  s->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
  if (s->fd < 0 || fstat(s->fd, &st) != 0) return GD_FAIL(GD_ERR_DATA, "%s: %m", s->path);
  if (S_ISFIFO(st.st_mode) || s->fd == STDIN_FILENO) return copy_pipe(s);
  if (!S_ISREG(st.st_mode)) return GD_FAIL(GD_ERR_DATA, "%s: not a regular file", s->path);
  return GD_OK;
}

static gd_status fill(gdi_stream *s) {
  if (s->at < s->have || s->ended) return GD_OK;
  const ssize_t got = read_some(s->fd, s->in, IN_BYTES);
  if (got < 0) return GD_FAIL(GD_ERR_DATA, "%s: cannot be read: %m", s->path);
  s->at = 0, s->have = (size_t)got;
  s->ended = got == 0;
  return GD_OK;
}

/* ---- the stream ---- */

const char *gdi_stream_packed(const gdi_stream *s) {
  return s->unpacker ? s->unpacker->name : NULL;
}

gd_status gdi_stream_rewind(gdi_stream *s) {
  if (s->state) s->unpacker->end(s);
  s->state = NULL;
  s->at = s->have = 0;
  s->ended = s->complete = false;
  if (lseek(s->fd, 0, SEEK_SET) != 0) return GD_FAIL(GD_ERR_DATA, "%s: cannot be read again: %m", s->path);
  GD_TRY(fill(s));
  s->unpacker = gdi_unpacker_of(s->in, s->have);
  if (!s->unpacker) return GD_OK;
  if (!s->unpacker->begin)
    return GD_FAIL(GD_ERR_DATA, "%s: %s: this build of gdtrain cannot read it; unpack it first", s->path,
                   s->unpacker->name);
  return s->unpacker->begin(s);
}

gd_status gdi_stream_open(gdi_stream *s, const char *path) {
  *s = (gdi_stream){.path = strcmp(path, "-") == 0 ? "standard input" : path, .fd = -1};
  s->in = malloc(IN_BYTES);
  gd_status st = s->in ? open_file(s, path) : GD_FAIL(GD_ERR_OOM, "no memory to read %s", s->path);
  if (st == GD_OK) st = gdi_stream_rewind(s);
  if (st != GD_OK) gdi_stream_close(s);
  return st;
}

gd_status gdi_stream_read(gdi_stream *s, void *to, size_t bytes, size_t *got) {
  for (*got = 0; *got == 0 && bytes > 0;) {
    const char *why = NULL;
    GD_TRY(fill(s));
    if (!s->unpacker) {
      *got = s->have - s->at < bytes ? s->have - s->at : bytes;
      memcpy(to, s->in + s->at, *got);
      s->at += *got;
      return GD_OK;
    }
    if (s->ended && s->complete) return GD_OK;
    *got = s->unpacker->unpack(s, to, bytes, &why);
    if (!why && *got == 0 && s->ended && !s->complete) why = "it ends too early";
    if (why) return GD_FAIL(GD_ERR_DATA, "%s: damaged %s data: %s", s->path, s->unpacker->name, why);
  }
  return GD_OK;
}

void gdi_stream_close(gdi_stream *s) {
  if (s->state) s->unpacker->end(s);
  if (s->fd > STDIN_FILENO) close(s->fd);
  free(s->in);
  *s = (gdi_stream){.fd = -1};
}

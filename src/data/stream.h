/* Bytes of a file, a pipe or standard input, plain or compressed; from the start as often as they are needed. */
#ifndef GDI_DATA_STREAM_H
#define GDI_DATA_STREAM_H

#include "gd/status.h"

typedef struct gdi_unpacker gdi_unpacker;

typedef struct gdi_stream {
  const char *path; /* as messages name it: "-" is standard input */
  int fd;           /* < 0: not open */
  uint8_t *in;      /* what was read and is not yet unpacked: in[at .. have) */
  size_t at, have;
  bool copied;                  /* it is a pipe, and this is its copy */
  bool ended;                   /* nothing more comes from the file */
  bool complete;                /* what was unpacked so far is whole */
  const gdi_unpacker *unpacker; /* NULL: plain */
  void *state;
} gdi_stream;

/* Errors of all: GD_ERR_DATA with the file, GD_ERR_OOM. A pipe is first copied to a file without a name in TMPDIR. */
gd_status gdi_stream_open(gdi_stream *s, const char *path) GD_CHECKED;
/* Up to `bytes` bytes; *got 0 is the end, and what was unpacked is whole. */
gd_status gdi_stream_read(gdi_stream *s, void *to, size_t bytes, size_t *got) GD_CHECKED;
gd_status gdi_stream_rewind(gdi_stream *s) GD_CHECKED;
/* "gzip", "xz", "zstd", or NULL. */
const char *gdi_stream_packed(const gdi_stream *s);
void gdi_stream_close(gdi_stream *s); /* one that is not open is fine */

#endif

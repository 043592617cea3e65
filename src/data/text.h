/* Text of a stream as UTF-8, whatever it is stored in. */
#ifndef GDI_DATA_TEXT_H
#define GDI_DATA_TEXT_H

#include <iconv.h>

#include "data/stream.h"

typedef struct gdi_text {
  gdi_stream stream;
  char encoding[64];   /* as iconv calls it */
  const char *because; /* why it was guessed; NULL: it was given, or is plain UTF-8 */
  iconv_t convert;     /* (iconv_t)-1: not open */
  char *raw;           /* bytes that are not yet converted: raw[0 .. have) */
  size_t have;
  bool ended, begun; /* the stream has ended; the first character is past */
  int64_t line;      /* of what comes next, from 1 */
} gdi_text;

/* `encoding` NULL: guessed from the first MiB: a byte order mark, UTF-16 by its zeros, UTF-8 where it is that, else one
 * of the Latin-1 family. Errors of all: GD_ERR_DATA with file and line, GD_ERR_OOM; GD_ERR_USAGE: no such encoding */
gd_status gdi_text_open(gdi_text *t, const char *path, const char *encoding) GD_CHECKED;
/* Up to `bytes` (at least 16) bytes of UTF-8, a mark of byte order left out; *got 0 is the end. */
gd_status gdi_text_read(gdi_text *t, char *to, size_t bytes, size_t *got) GD_CHECKED;
gd_status gdi_text_rewind(gdi_text *t) GD_CHECKED;
void gdi_text_close(gdi_text *t); /* one that is not open is fine */

#endif

/* Streams that are compressed, told by their first bytes. */
#ifndef GDI_DATA_UNPACK_H
#define GDI_DATA_UNPACK_H

#include "data/stream.h"

struct gdi_unpacker {
  const char *name, *magic;
  size_t magic_bytes;
  gd_status (*begin)(gdi_stream *s) GD_CHECKED; /* NULL: this build has no library for it */
  /* Unpack from s->in to `to`; sets s->complete where one whole stream ended. *why: what is wrong with it, or NULL. */
  size_t (*unpack)(gdi_stream *s, void *to, size_t bytes, const char **why);
  void (*end)(gdi_stream *s);
};

/* The one whose magic these bytes begin with, or NULL. */
const gdi_unpacker *gdi_unpacker_of(const uint8_t *bytes, size_t n);

#endif

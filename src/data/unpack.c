/* gzip by zlib; xz by liblzma and zstd by libzstd where the build found them. */
#include "data/unpack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef GD_WITH_LZMA
#include <lzma.h>
#endif
#ifdef GD_WITH_ZSTD
#include <zstd.h>
#endif

static gd_status no_memory(const gdi_stream *s) {
  return GD_FAIL(GD_ERR_OOM, "no memory to unpack %s", s->path);
}

/* ---- gzip ---- */

static gd_status gz_begin(gdi_stream *s) {
  z_stream *z = s->state = calloc(1, sizeof *z);
  if (z && inflateInit2(z, 15 + 16) == Z_OK) return GD_OK;
  free(z);
  s->state = NULL;
  return no_memory(s);
}

/* Files of gzip may follow one another. */
static size_t gz_unpack(gdi_stream *s, void *to, size_t bytes, const char **why) {
  z_stream *z = s->state;
  if (s->complete) {
    if (s->in[s->at] != 0x1f) *why = "other bytes follow it";
    inflateReset(z);
    s->complete = false;
  }
  z->next_in = s->in + s->at, z->avail_in = (uInt)(s->have - s->at);
  z->next_out = to, z->avail_out = (uInt)(bytes < 1 << 30 ? bytes : 1 << 30);
  const uInt room = z->avail_out;
  const int code = inflate(z, Z_NO_FLUSH);
  s->at = s->have - z->avail_in;
  s->complete = code == Z_STREAM_END;
  if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) *why = z->msg ? z->msg : "zlib refuses it";
  return room - z->avail_out;
}

static void gz_end(gdi_stream *s) {
  inflateEnd(s->state);
  free(s->state);
}

/* ---- xz ---- */

#ifdef GD_WITH_LZMA
enum { LZMA_MEMORY = 1 << 29 };

static gd_status xz_begin(gdi_stream *s) {
  lzma_stream *z = s->state = malloc(sizeof *z);
  if (z) *z = (lzma_stream)LZMA_STREAM_INIT;
  if (z && lzma_stream_decoder(z, LZMA_MEMORY, LZMA_CONCATENATED) == LZMA_OK) return GD_OK;
  free(z);
  s->state = NULL;
  return no_memory(s);
}

static size_t xz_unpack(gdi_stream *s, void *to, size_t bytes, const char **why) {
  lzma_stream *z = s->state;
  z->next_in = s->in + s->at, z->avail_in = s->have - s->at;
  z->next_out = to, z->avail_out = bytes;
  const lzma_ret code = lzma_code(z, s->ended ? LZMA_FINISH : LZMA_RUN);
  s->at = s->have - z->avail_in;
  s->complete = code == LZMA_STREAM_END;
  if (code == LZMA_MEMLIMIT_ERROR)
    *why = "it needs more than 512 MiB of memory to unpack";
  else if (code != LZMA_OK && code != LZMA_STREAM_END && code != LZMA_BUF_ERROR)
    *why = "liblzma refuses it";
  return bytes - z->avail_out;
}

static void xz_end(gdi_stream *s) {
  lzma_end(s->state);
  free(s->state);
}
#else
#define xz_begin  NULL
#define xz_unpack NULL
#define xz_end    NULL
#endif

/* ---- zstd ---- */

#ifdef GD_WITH_ZSTD
static gd_status zst_begin(gdi_stream *s) {
  s->state = ZSTD_createDStream();
  return s->state ? GD_OK : no_memory(s);
}

static size_t zst_unpack(gdi_stream *s, void *to, size_t bytes, const char **why) {
  ZSTD_inBuffer in = {s->in + s->at, s->have - s->at, 0};
  ZSTD_outBuffer out = {to, bytes, 0};
  const size_t code = ZSTD_decompressStream(s->state, &out, &in);
  s->at += in.pos;
  s->complete = code == 0;
  if (ZSTD_isError(code)) *why = ZSTD_getErrorName(code);
  return out.pos;
}

static void zst_end(gdi_stream *s) {
  ZSTD_freeDStream(s->state);
}
#else
#define zst_begin  NULL
#define zst_unpack NULL
#define zst_end    NULL
#endif

const gdi_unpacker *gdi_unpacker_of(const uint8_t *bytes, size_t n) {
  static const gdi_unpacker known[] = {{"gzip", "\x1f\x8b", 2, gz_begin, gz_unpack, gz_end},
                                       {"xz",
                                        "\xFD"
                                        "7zXZ\0",
                                        6, xz_begin, xz_unpack, xz_end},
                                       {"zstd", "\x28\xB5\x2F\xFD", 4, zst_begin, zst_unpack, zst_end}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (n >= known[i].magic_bytes && memcmp(bytes, known[i].magic, known[i].magic_bytes) == 0)
      return &known[i];
  return NULL;
}

#include "data/elements.h"

#include <stdlib.h>
#include <string.h>

#include "device/convert.h"

bool gdi_elements_known(const gdi_elements *e) {
  const bool power = e->width == 1 || e->width == 2 || e->width == 4 || e->width == 8;
  if (e->kind == 'f') return power && e->width > 1;
  if (e->kind == 'b') return e->width == 1;
  return power && (e->kind == 'i' || e->kind == 'u');
}

gd_dtype gdi_elements_type(const gdi_elements *e) {
  if (e->kind == 'u' && e->width == 1) return GD_U8;
  const bool exact = e->kind == 'f' ? e->width <= 4 : e->width <= 2; /* f32 has 24 bits */
  return exact ? GD_F32 : GD_F64;
}

/* The bytes of one, the last counting most. */
static uint64_t bits_of(const gdi_elements *e, const uint8_t *p) {
  uint64_t v = 0;
  for (size_t i = 0; i < e->width; i++) v = v << 8 | p[e->big ? i : e->width - 1 - i];
  return v;
}

/* *exact: a double holds it. */
static double value_of(const gdi_elements *e, const uint8_t *p, bool *exact) {
  const uint64_t bits = bits_of(e, p);
  double value;
  float narrow;
  *exact = true;
  if (e->kind == 'b') return bits != 0;
  if (e->kind == 'f' && e->width == 2) return (double)gdi_from_half((uint16_t)bits);
  if (e->kind == 'f' && e->width == 4) {
    const uint32_t half = (uint32_t)bits;
    memcpy(&narrow, &half, sizeof narrow);
    return (double)narrow;
  }
  if (e->kind == 'f') {
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  const int unused = 64 - 8 * (int)e->width; /* the sign moves to the top and back */
  const int64_t whole = (int64_t)(bits << unused) >> unused;
  const bool beyond = e->kind == 'u' && e->width == 8 && bits >> 63;
  value = e->kind == 'u' ? (double)bits : (double)whole;
  *exact = !beyond && value <= 0x1p53 && value >= -0x1p53;
  return value;
}

/* Are they in memory as they are in the file? */
static bool as_stored(const gdi_elements *e, gd_dtype type) {
  return (type == GD_U8 && e->kind == 'u') ||
         (e->kind == 'f' && !e->big && e->width == gd_dtype_bytes(type) && e->width > 2);
}

static gd_status convert(const gdi_elements *e, const gdi_file *f, int64_t at, int64_t n, const uint8_t *from,
                         gd_dtype type, void *to) {
  bool exact;
  for (int64_t i = 0; i < n; i++) {
    const double v = value_of(e, from + (size_t)i * e->width, &exact);
    if (!exact)
      return GD_FAIL(GD_ERR_DATA, "%s: value %.17g at position %lld is too large to be a number here",
                     f->path, v, (long long)(at + i));
    if (type == GD_F32)
      ((float *)to)[at + i] = (float)v;
    else
      ((double *)to)[at + i] = v;
  }
  return GD_OK;
}

gd_status gdi_elements_read(const gdi_elements *e, gdi_file *f, int64_t n, gd_dtype type, void *to) {
  enum { STAGE = 1 << 16 };
  if (as_stored(e, type)) {
    GD_TRY(gdi_file_read(f, "values", to, (size_t)n * e->width));
    return gdi_file_end(f);
  }
  uint8_t *stage = malloc(STAGE * sizeof(double));
  gd_status st = stage ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the values of %s", f->path);
  for (int64_t at = 0; st == GD_OK && at < n; at += STAGE) {
    const int64_t part = n - at < STAGE ? n - at : STAGE;
    st = gdi_file_read(f, "values", stage, (size_t)part * e->width);
    if (st == GD_OK) st = convert(e, f, at, part, stage, type, to);
  }
  free(stage);
  return st == GD_OK ? gdi_file_end(f) : st;
}

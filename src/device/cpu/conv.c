/*
 * f32 goes to oneDNN where it has a fast kernel for all passes. Else, and in f64, a convolution is matrix products over
 * columns: row (i, j) of an image's columns [out, K] holds the K = kH kW C/groups values under the kernel for output (i, j),
 * channels last. Packed weights are [O, kH, kW, C/groups] then.
 *
 * bf16 operands gain on AMX units only: a third of the time of f32 from 16 channels on (oneDNN 2.6, ResNet-20); with fewer,
 * or without AMX, they are slower, and bf16 precision computes convolutions in f32.
 */
#include "device/cpu/conv.h"

#include <string.h>

#include "device/cpu/gemm.h"

enum { BF16_CHANNELS = 16 };

static bool has_all(const gdi_conv *c) {
  gdi_conv full = *c; /* what decides is the same for all chunks */
  full.n = GDI_CONV_IMAGES, full.bias = false;
  return gdi_onednn_conv_has(&full, GDI_CONV_FORWARD) && gdi_onednn_conv_has(&full, GDI_CONV_DATA) &&
         gdi_onednn_conv_has(&full, GDI_CONV_WEIGHTS);
}

void gdi_conv_choose(gdi_conv *c, gd_dtype product) {
  c->onednn = false;
  if (c->type != GD_F32) return;
  if (product == GD_BF16 && c->c / c->groups >= BF16_CHANNELS && c->o / c->groups >= BF16_CHANNELS &&
      gdi_onednn_has_amx()) {
    c->type = GD_BF16;
    if ((c->onednn = has_all(c))) return;
    c->type = GD_F32;
  }
  c->onednn = has_all(c);
}

static int64_t taps(const gdi_conv *c) {
  return c->kernel[0] * c->kernel[1];
}
static int64_t row_elements(const gdi_conv *c) { /* K */
  return taps(c) * (c->c / c->groups);
}
static int64_t pixels(const int64_t extent[2]) {
  return extent[0] * extent[1];
}
static char *at(const void *base, int64_t elements, gd_dtype type) {
  return (char *)(uintptr_t)base + elements * (int64_t)gd_dtype_bytes(type);
}

/* Calls f(row of columns at tap, pixel of x or NULL outside) for each output and tap, in order. */
typedef void (*visit)(char *column, char *pixel, int64_t channels);

static void each_tap(const gdi_conv *c, char *x, char *columns, visit f) {
  const int64_t channels = c->c / c->groups;
  for (int64_t i = 0; i < c->out[0]; i++)
    for (int64_t j = 0; j < c->out[1]; j++)
      for (int64_t k = 0; k < taps(c); k++) {
        const int64_t row = i * c->stride[0] - c->begin[0] + k / c->kernel[1] * c->dilation[0],
                      column = j * c->stride[1] - c->begin[1] + k % c->kernel[1] * c->dilation[1];
        const bool inside = row >= 0 && row < c->in[0] && column >= 0 && column < c->in[1];
        f(columns, inside ? at(x, (row * c->in[1] + column) * c->c, c->type) : NULL, channels);
        columns = at(columns, channels, c->type);
      }
}

#define VISITS(type)                                                                                         \
  static void read_##type(char *column, char *pixel, int64_t channels) {                                     \
    if (pixel)                                                                                               \
      memcpy(column, pixel, (size_t)channels * sizeof(type));                                                \
    else                                                                                                     \
      memset(column, 0, (size_t)channels * sizeof(type));                                                    \
  }                                                                                                          \
  static void add_##type(char *column, char *pixel, int64_t channels) {                                      \
    for (int64_t i = 0; pixel && i < channels; i++)                                                          \
      ((type *)(void *)pixel)[i] += ((type *)(void *)column)[i];                                             \
  }                                                                                                          \
  static void repeat_##type(void *y, const void *bias, int64_t rows, int64_t o) {                            \
    for (int64_t r = 0; r < rows; r++) memcpy((type *)y + r * o, bias, (size_t)o * sizeof(type));            \
  }                                                                                                          \
  /* [rows, a, b] -> [rows, b, a] */                                                                         \
  static void turn_##type(const void *from, void *to, int64_t rows, int64_t a, int64_t b) {                  \
    const type *x = from;                                                                                    \
    type *y = to;                                                                                            \
    for (int64_t r = 0; r < rows; r++, x += a * b, y += a * b)                                               \
      for (int64_t i = 0; i < a; i++)                                                                        \
        for (int64_t j = 0; j < b; j++) y[j * a + i] = x[i * b + j];                                         \
  }
VISITS(float)
VISITS(double)

/* One image and group: its columns and one product. */
static gd_status run_group(const gdi_conv *c, gdi_conv_pass pass, char *x, char *w, char *y, char *columns,
                           bool add) {
  const bool f64 = c->type == GD_F64;
  const int64_t K = row_elements(c), O = c->o / c->groups, P = pixels(c->out);
  gdi_product p = {.type = c->type, .add = add, .lda = c->o, .ldb = K, .ldc = K};
  if (pass == GDI_CONV_DATA) { /* columns = dy w, added where they came from */
    p.m = P, p.n = K, p.k = O, p.a = y, p.b = w, p.c = columns, p.add = false;
    GD_TRY(gdi_gemm(&p));
    each_tap(c, x, columns, f64 ? add_double : add_float);
    return GD_OK;
  }
  each_tap(c, x, columns, f64 ? read_double : read_float);
  if (pass == GDI_CONV_FORWARD) /* y = columns w^T */
    p.m = P, p.n = O, p.k = K, p.a = columns, p.lda = K, p.b = w, p.transpose_b = true, p.c = y, p.ldc = c->o;
  else /* dw = dy^T columns */
    p.m = O, p.n = K, p.k = P, p.a = y, p.transpose_a = true, p.b = columns, p.c = w;
  return gdi_gemm(&p);
}

static gd_status by_columns(const gdi_conv *c, gdi_conv_pass pass, const void *x, const void *w,
                            const void *bias, const void *y, void *scratch) {
  const int64_t in = pixels(c->in) * c->c, out = pixels(c->out) * c->o;
  if (bias) /* the sums begin with it */
    (c->type == GD_F64 ? repeat_double : repeat_float)((void *)(uintptr_t)y, bias, c->n * pixels(c->out),
                                                       c->o);
  if (pass == GDI_CONV_DATA) memset((void *)(uintptr_t)x, 0, (size_t)(c->n * in) * gd_dtype_bytes(c->type));
  for (int64_t i = 0; i < c->n; i++)
    for (int64_t g = 0; g < c->groups; g++)
      GD_TRY(run_group(c, pass, at(x, i * in + g * (c->c / c->groups), c->type),
                       at(w, g * (c->o / c->groups) * row_elements(c), c->type),
                       at(y, i * out + g * (c->o / c->groups), c->type), scratch,
                       pass == GDI_CONV_WEIGHTS ? i > 0 : bias != NULL));
  return GD_OK;
}

gd_status gdi_conv_packed(const gdi_conv *c, gdi_conv_pass pass, int64_t *elements) {
  if (c->onednn) return gdi_onednn_conv_packed(c, pass, elements);
  *elements = c->o * row_elements(c);
  return GD_OK;
}

gd_status gdi_conv_pack(const gdi_conv *c, gdi_conv_pass pass, const void *w, void *packed) {
  if (c->onednn) return gdi_onednn_conv_pack(c, pass, w, packed);
  (c->type == GD_F64 ? turn_double : turn_float)(w, packed, c->o, c->c / c->groups, taps(c));
  return GD_OK;
}

gd_status gdi_conv_unpack(const gdi_conv *c, const void *packed, void *w) {
  if (c->onednn) return gdi_onednn_conv_unpack(c, packed, w);
  (c->type == GD_F64 ? turn_double : turn_float)(packed, w, c->o, taps(c), c->c / c->groups);
  return GD_OK;
}

int64_t gdi_conv_scratch(const gdi_conv *c) {
  return c->onednn ? 0 : pixels(c->out) * row_elements(c);
}

gd_status gdi_conv_run(const gdi_conv *c, gdi_conv_pass pass, const void *x, const void *packed,
                       const void *bias, const void *y, void *scratch) {
  return c->onednn ? gdi_onednn_conv_run(c, pass, x, packed, bias, y)
                   : by_columns(c, pass, x, packed, bias, y, scratch);
}

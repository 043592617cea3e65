/* Strided copies and transposition: tiles keep both sides in cache when rows become columns. */
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/cpu.h"
#include "ops/transpose.h"

enum { TILE = 32 };

typedef struct job {
  char *to;
  const char *from;
  int64_t bytes;
  int ndim, across; /* across: the dimension that is contiguous in `from`, -1 when tiles do not help */
  int64_t shape[GD_MAX_DIMS], stride[GD_MAX_DIMS], run[GD_MAX_DIMS]; /* in elements; run: strides of `to` */
  int64_t tiles;
} job;

/* Drop dimensions of 1 and merge those that lie one after the other on both sides. */
static void plan(job *j, int ndim, const int64_t shape[], const int64_t stride[]) {
  for (int i = 0; i < ndim; i++) {
    if (shape[i] == 1) continue;
    if (j->ndim && j->stride[j->ndim - 1] == stride[i] * shape[i]) {
      j->shape[j->ndim - 1] *= shape[i];
    } else {
      j->shape[j->ndim++] = shape[i];
    }
    j->stride[j->ndim - 1] = stride[i];
  }
  if (j->ndim == 0) j->shape[0] = j->stride[0] = j->ndim = 1;
  int64_t n = 1;
  j->across = -1;
  for (int i = j->ndim - 1; i >= 0; i--) {
    j->run[i] = n, n *= j->shape[i];
    if (j->stride[i] == 1 && i < j->ndim - 1) j->across = i;
  }
  j->tiles = j->across < 0 ? 1 : (j->shape[j->across] + TILE - 1) / TILE;
}

/* rows x columns elements: to[r * run + c] = from[r + c * stride] */
#define BLOCK(type)                                                                                          \
  static void block_##type(char *to, const char *from, int64_t rows, int64_t columns, int64_t run,           \
                           int64_t stride) {                                                                 \
    for (int64_t c0 = 0; c0 < columns; c0 += TILE) {                                                         \
      int64_t end = columns - c0 < TILE ? columns : c0 + TILE;                                               \
      for (int64_t r = 0; r < rows; r++)                                                                     \
        for (int64_t c = c0; c < end; c++) ((type *)to)[r * run + c] = ((const type *)from)[r + c * stride]; \
    }                                                                                                        \
  }
BLOCK(uint8_t)
BLOCK(uint16_t)
BLOCK(uint32_t)
BLOCK(uint64_t)

static void copy_items(void *context, int64_t lo, int64_t hi) {
  const job *j = context;
  int last = j->ndim - 1;
  void (*block)(char *, const char *, int64_t, int64_t, int64_t, int64_t) = j->bytes == 1   ? block_uint8_t
                                                                            : j->bytes == 2 ? block_uint16_t
                                                                            : j->bytes == 4 ? block_uint32_t
                                                                                            : block_uint64_t;
  for (int64_t item = lo; item < hi; item++) {
    int64_t row = item % j->tiles * TILE, rest = item / j->tiles, rows = 1, run = 0, to = 0, from = 0;
    if (j->across >= 0) {
      int64_t left = j->shape[j->across] - row;
      rows = left < TILE ? left : TILE;
      run = j->run[j->across];
      to = row * run, from = row;
    }
    for (int i = last - 1; i >= 0; i--) {
      if (i == j->across) continue;
      int64_t at = rest % j->shape[i];
      rest /= j->shape[i];
      to += at * j->run[i], from += at * j->stride[i];
    }
    char *out = j->to + to * j->bytes;
    const char *in = j->from + from * j->bytes;
    if (j->stride[last] == 1)
      memcpy(out, in, (size_t)(j->shape[last] * j->bytes));
    else
      block(out, in, rows, j->shape[last], run, j->stride[last]);
  }
}

void gdi_cpu_gather(gd_device *d, size_t bytes, int ndim, const int64_t shape[], const int64_t stride[],
                    void *to, const void *from) {
  job j = {.to = to, .from = from, .bytes = (int64_t)bytes};
  plan(&j, ndim, shape, stride);
  int64_t items = j.tiles;
  for (int i = 0; i < j.ndim - 1; i++)
    if (i != j.across) items *= j.shape[i];
  int64_t elements = j.run[0] * j.shape[0];
  if (elements == 0) return;
  int64_t grain = elements <= GDI_SERIAL_ELEMENTS ? items : gdi_row_grain(elements / items);
  gdi_parallel(d, items, grain, copy_items, &j);
}

/* `to` = `from` with two dimensions exchanged. */
static void transpose(gd_device *d, const gd_tensor *from, int dim0, int dim1, void *to) {
  int64_t shape[GD_MAX_DIMS], stride[GD_MAX_DIMS], n = 1;
  for (int i = from->ndim - 1; i >= 0; i--) {
    int at = i == dim0 ? dim1 : i == dim1 ? dim0 : i;
    shape[at] = from->shape[i], stride[at] = n;
    n *= from->shape[i];
  }
  gdi_cpu_gather(d, gd_dtype_bytes(from->dtype), from->ndim, shape, stride, to, from->data);
}

gd_status gdi_cpu_transpose_forward(gd_device *d, gd_node *n) {
  const gdi_transpose *p = n->params;
  transpose(d, n->in[0], p->dim0, p->dim1, n->out->data);
  return GD_OK;
}

gd_status gdi_cpu_transpose_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                     const bool add[]) {
  const gdi_transpose *p = n->params;
  if (!add[0]) {
    transpose(d, dout, p->dim0, p->dim1, din[0]->data);
    return GD_OK;
  }
  size_t mark = gd_arena_mark(d->scratch);
  void *turned;
  GD_TRY(gdi_scratch(d, gd_numel(dout), gd_dtype_bytes(dout->dtype), &turned));
  transpose(d, dout, p->dim0, p->dim1, turned);
  gdi_cpu_put(d, dout->dtype, gd_numel(dout), din[0]->data, turned, true);
  gd_arena_release(d->scratch, mark);
  return GD_OK;
}

/*
 * y = keep ? x / (1 - p) : 0;  dx = keep ? dy / (1 - p) : 0
 *
 * The draws are those of cpu/dropout.c. Backward draws again: arithmetic that hides behind the memory, where
 * a mask would be bytes to write and to read.
 */
#include <math.h>

#include "device/cuda/pack.cuh"
#include "ops/dropout.h"

enum { DRAW = 4 }; /* elements of one block of random numbers */

typedef struct drop {
  gd_rng rng;
  const int64_t *step_at;
  int64_t rows, n;       /* elements of a row */
  int64_t blocks, first; /* of random numbers: in a row; number of the first */
  uint64_t threshold;    /* words below it keep */
  double factor;
  bool add;
} drop;

static __device__ __forceinline__ gd_rng stream_of(const drop &j) {
  gd_rng r = j.rng;
  if (j.step_at) r.stream ^= (uint64_t)*j.step_at << 20; /* as gd_dropout() puts it there */
  return r;
}

/* PACKED: rows are whole blocks, and memory is aligned for them. */
template <typename T, bool PACKED> static __global__ void dropout(drop j, const T *x, T *y) {
  const gd_rng rng = stream_of(j);
  const T factor = (T)j.factor;
  GDI_EACH(i, j.rows * j.blocks) {
    uint32_t word[DRAW];
    gdi_rng_block(rng, (uint64_t)(j.first + i), word);
    if (PACKED) {
      gdi_pack<T, DRAW> value = gdi_load<DRAW>(x + i * DRAW), old = {};
      if (j.add) old = gdi_load<DRAW>(y + i * DRAW);
      for (int w = 0; w < DRAW; w++) {
        value.v[w] = word[w] < j.threshold ? value.v[w] * factor : 0;
        if (j.add) value.v[w] = old.v[w] + value.v[w];
      }
      gdi_store<DRAW>(y + i * DRAW, value);
      continue;
    }
    const int64_t row = i / j.blocks, element = (i - row * j.blocks) * DRAW, at = row * j.n + element;
    for (int w = 0; w < DRAW && element + w < j.n; w++) {
      const T value = word[w] < j.threshold ? x[at + w] * factor : 0;
      y[at + w] = j.add ? y[at + w] + value : value;
    }
  }
}

template <typename T> static gd_status launch(gd_device *d, const drop &j, const void *x, void *y) {
  const bool packed = j.n % DRAW == 0 && gdi_packed((uintptr_t)x | (uintptr_t)y);
  return gdi_launch(d, "dropout", packed ? dropout<T, true> : dropout<T, false>,
                    gdi_blocks_for(d, j.rows * j.blocks), GDI_THREADS, j, (const T *)x, (T *)y);
}

static gd_status apply(gd_device *d, const gd_node *n, const void *from, void *to, bool add) {
  const gd_tensor *x = n->in[0];
  const int64_t elements = gd_numel(x), rows = x->ndim ? x->shape[0] : 1;
  if (elements == 0) return GD_OK;
  const gdi_dropout *of = (const gdi_dropout *)n->params;
  const double p = of->p;
  drop j = {of->rng, of->step_at, rows, elements / rows, 0, 0, 0, 1 / (1 - p), add};
  j.blocks = (j.n + DRAW - 1) / DRAW;
  j.first = of->row0 * j.blocks;
  j.threshold = (uint64_t)nearbyint((1 - p) * 0x1p32);
  return x->dtype == GD_F64 ? launch<double>(d, j, from, to) : launch<float>(d, j, from, to);
}

gd_status gdi_cuda_dropout_forward(gd_device *d, gd_node *n) {
  return apply(d, n, n->in[0]->data, n->out->data, false);
}

gd_status gdi_cuda_dropout_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                    const bool add[]) {
  return din[0] ? apply(d, n, dout->data, din[0]->data, add[0]) : GD_OK;
}

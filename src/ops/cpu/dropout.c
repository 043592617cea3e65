/*
 * y = keep ? x / (1 - p) : 0;  dx = keep ? dy / (1 - p) : 0
 *
 * Draws, the same on every device: element e of row r (of the global batch: row0 + row of this tensor)
 * is decided by word e % 4 of the Philox block number r ceil(n / 4) + e / 4 of the stream rng, n being
 * the elements of a row; it is kept when that word, of 32 bits, is below (1 - p) 2^32, rounded to the nearest
 * integer in f64.
 */
#include "ops/cpu/cpu.h"

#include <math.h>
#include <string.h>

#include "device/cpu/threads.h"

#include "base/philox.h"
#include "ops/dropout.h"

enum { BLOCKS = 16, DRAWS = 4 * BLOCKS }; /* at once */

typedef struct job {
  const void *x;
  void *y;
  uint8_t *keep; /* [rows, n] */
  int64_t n;
  gd_rng rng;
  int64_t row0;
  double p;
  bool add;
} job;

/* Which of the elements [e, e + DRAWS) of a row are kept; its blocks start at number `first`. */
static void decide(const job *j, uint64_t first, int64_t e, uint64_t threshold, uint8_t keep[DRAWS]) {
  uint32_t c[4][BLOCKS];
  for (int l = 0; l < BLOCKS; l++) {
    uint64_t block = first + (uint64_t)(e / 4 + l);
    c[0][l] = (uint32_t)block, c[1][l] = (uint32_t)(block >> 32);
    c[2][l] = (uint32_t)j->rng.stream, c[3][l] = (uint32_t)(j->rng.stream >> 32);
  }
  gdi_philox((uint32_t)j->rng.seed, (uint32_t)(j->rng.seed >> 32), BLOCKS, c[0], c[1], c[2], c[3]);
  for (int l = 0; l < BLOCKS; l++)
    for (int w = 0; w < 4; w++) keep[4 * l + w] = c[w][l] < threshold;
}

static void draw(void *context, int64_t lo, int64_t hi) {
  const job *j = context;
  const uint64_t threshold = (uint64_t)nearbyint((1 - j->p) * 0x1p32);
  for (int64_t row = lo; row < hi; row++) {
    uint64_t first = (uint64_t)(j->row0 + row) * (uint64_t)((j->n + 3) / 4);
    uint8_t *to = j->keep + row * j->n;
    for (int64_t e = 0; e < j->n; e += DRAWS) {
      uint8_t keep[DRAWS];
      decide(j, first, e, threshold, keep);
      memcpy(to + e, keep, (size_t)(j->n - e < DRAWS ? j->n - e : DRAWS));
    }
  }
}

#define SCALE(suffix, T, unused_)                                                                            \
  static void scale_##suffix(void *context, int64_t lo, int64_t hi) {                                        \
    const job *j = context;                                                                                  \
    const T *x = j->x, factor = (T)(1 / (1 - j->p));                                                         \
    T *y = j->y;                                                                                             \
    GDI_SIMD for (int64_t i = lo; i < hi; i++) {                                                             \
      T value = j->keep[i] ? x[i] * factor : 0;                                                              \
      y[i] = j->add ? y[i] + value : value;                                                                  \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(SCALE, )

static void scale(gd_device *d, job *j, const gd_tensor *like) {
  gdi_parallel(d, gd_numel(like), GDI_GRAIN, gdi_is_f64(like->dtype) ? scale_f64 : scale_f32, j);
}

static gd_status forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  const int64_t elements = gd_numel(x), rows = x->ndim ? x->shape[0] : 1;
  if (elements == 0) return GD_OK;
  void *keep;
  if (n->recorded) {
    GD_TRY(gd_node_temporary(&n->saved[0], n, GD_U8, x->ndim, x->shape));
    keep = n->saved[0]->data;
  } else {
    GD_TRY(gdi_scratch(d, elements, 1, &keep));
  }
  const gdi_dropout *p = n->params;
  job j = {x->data, n->out->data, keep, elements / rows, p->rng, p->row0, p->p, false};
  gdi_parallel(d, rows, gdi_row_grain(j.n), draw, &j);
  scale(d, &j, x);
  return GD_OK;
}

gd_status gdi_cpu_dropout_forward(gd_device *d, gd_node *n) {
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

gd_status gdi_cpu_dropout_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  if (!din[0] || gd_numel(dout) == 0) return GD_OK;
  scale(d,
        &(job){.x = dout->data,
               .y = din[0]->data,
               .keep = n->saved[0]->data,
               .p = ((const gdi_dropout *)n->params)->p,
               .add = add[0]},
        dout);
  return GD_OK;
}

/*
 * What the GPU can do: the bare matrix products of an affine layer, without anything around them, replayed as
 * the work of a step is.
 */
#include <math.h>

#include "base/clock.h"
#include "device/cuda/blas.h"

enum { ROUNDS = 10, ROUND_NS = 5000000, CALLS = 16 /* of a product in one recording */ };

static gd_status timed(gd_device *d, gdi_graph *g, int64_t replays, int64_t *taken_ns) {
  GD_TRY(d->gpu->wait(d));
  const int64_t start = gdi_now_ns();
  for (int64_t i = 0; i < replays; i++) GD_TRY(d->gpu->replay(d, g));
  GD_TRY(d->gpu->wait(d));
  *taken_ns = gdi_now_ns() - start;
  return GD_OK;
}

/* Best of a few rounds, in seconds: for a ceiling is what the machine can do. */
static gd_status best_of(gd_device *d, gdi_graph *g, double *best) {
  int64_t taken;
  *best = HUGE_VAL;
  GD_TRY(timed(d, g, 1, &taken));
  const int64_t replays = ROUND_NS / (taken + 1) + 1;
  for (int round = 0; round < ROUNDS; round++) {
    GD_TRY(timed(d, g, replays, &taken));
    const double seconds = 1e-9 * (double)taken / (double)(replays * CALLS);
    if (seconds < *best) *best = seconds;
  }
  return GD_OK;
}

static gd_status measure(gd_device *d, const gdi_blas_product *p, double *best) {
  gdi_graph *g;
  GD_TRY(gdi_blas_multiply(d, p)); /* its plan is made before it is recorded */
  GD_TRY(d->gpu->capture(d));
  gd_status st = GD_OK;
  for (int i = 0; i < CALLS && st == GD_OK; i++) st = gdi_blas_multiply(d, p);
  const gd_status ended = d->gpu->captured(d, &g);
  if (st != GD_OK || ended != GD_OK) return st != GD_OK ? st : ended;
  st = best_of(d, g, best);
  d->gpu->graph_free(d, g);
  return st;
}

enum { BYTE = 0x3f }; /* makes numbers below 1 of every type: zeros would take less power, and so less time */

static gd_status operand(gd_device *d, gd_dtype type, int64_t n, void **out) {
  const size_t bytes = gd_dtype_bytes(type);
  GD_TRY(gdi_cuda_scratch(d, n, bytes, out));
  return GDI_CUDA(d, cudaMemsetAsync(*out, BYTE, (size_t)n * bytes, gdi_cuda_stream(d)));
}

static gd_status layer(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, bool needs_dx,
                       double *seconds) {
  const gd_dtype t = gdi_blas_type(d, type);
  int64_t largest = B * O > O * I ? B * O : O * I;
  if (B * I > largest) largest = B * I;
  void *x, *W, *dy, *c;
  GD_TRY(operand(d, t, B * I, &x));
  GD_TRY(operand(d, t, O * I, &W));
  GD_TRY(operand(d, t, B * O, &dy));
  GD_TRY(operand(d, type, largest, &c));
  const gdi_blas_product product[3] = {
      {.m = B, .n = O, .k = I, .transpose_b = true, .type = t, .a = x, .b = W, .c = c, .count = 1},
      {.m = O, .n = I, .k = B, .transpose_a = true, .type = t, .a = dy, .b = x, .c = c, .count = 1},
      {.m = B, .n = I, .k = O, .type = t, .a = dy, .b = W, .c = c, .count = 1}};
  *seconds = 0;
  for (int i = 0; i < (needs_dx ? 3 : 2); i++) {
    double one = 0;
    GD_TRY(measure(d, &product[i], &one));
    *seconds += one;
  }
  return GD_OK;
}

gd_status gdi_cuda_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, bool needs_dx,
                                 double *seconds) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = layer(d, type, B, I, O, needs_dx, seconds);
  gd_arena_release(d->scratch, mark);
  return st;
}

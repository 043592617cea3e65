/*
 * What the GPU can do: the bare matrix products of an affine layer, without anything around them, replayed as
 * the work of a step is.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "device/cuda/blas.h"
#include "device/values.h"
#include "gd/rng.h"

enum { ROUNDS = 11, ROUND_NS = 5000000, CALLS = 16 /* of a product in one recording */ };

static gd_status timed(gd_device *d, gdi_graph *g, int64_t replays, int64_t *taken_ns) {
  GD_TRY(d->gpu->wait(d));
  const int64_t start = gdi_now_ns();
  for (int64_t i = 0; i < replays; i++) GD_TRY(d->gpu->replay(d, g));
  GD_TRY(d->gpu->wait(d));
  *taken_ns = gdi_now_ns() - start;
  return GD_OK;
}

static int by_size(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/*
 * The median of a few rounds, in seconds: what the GPU sustains. Steps are compared with it by their median
 * too, and the best round would be one before the clock falls to what the power allows.
 */
static gd_status median_of(gd_device *d, gdi_graph *g, double *seconds) {
  int64_t taken[ROUNDS];
  GD_TRY(timed(d, g, 1, &taken[0]));
  const int64_t replays = ROUND_NS / (taken[0] + 1) + 1;
  for (int round = 0; round < ROUNDS; round++) GD_TRY(timed(d, g, replays, &taken[round]));
  qsort(taken, ROUNDS, sizeof *taken, by_size);
  *seconds = 1e-9 * (double)taken[ROUNDS / 2] / (double)(replays * CALLS);
  return GD_OK;
}

/* ---- operands ---- */

/* In turns, so that no more of them stays in the L2 than in a step, whose next product is another one. */
enum { SETS = 2 };

typedef struct operands {
  void *x, *W, *dy, *c;
} operands;

/* How many are drawn, and then repeated, out of step with any tile. */
enum { DRAWN = 8191 };

static size_t draw(gd_dtype type, uint64_t stream, void *to) {
  const gd_rng rng = gd_rng_stream(1, GD_RNG_TEST, stream);
  for (int i = 0; i < DRAWN; i++) {
    const double v = 2 * gd_rng_uniform(rng, (uint64_t)i) - 1;
    type == GD_F64   ? (void)(((double *)to)[i] = v)
    : type == GD_F32 ? (void)(((float *)to)[i] = (float)v)
                     : (void)(((uint16_t *)to)[i] = GDI_TO_BF16(v));
  }
  return gd_dtype_bytes(type);
}

/* Numbers from -1 to 1, as unlike each other as those of a step: equal ones switch less in the multipliers,
 * which then run at a clock that no step sees. */
static gd_status operand(gd_device *d, gd_dtype type, int64_t n, uint64_t stream, void **out) {
  double drawn[DRAWN];
  const size_t bytes = draw(type, stream, drawn);
  GD_TRY(gdi_cuda_scratch(d, n, bytes, out));
  char *to = *out;
  int64_t there = n < DRAWN ? n : DRAWN;
  GD_TRY(d->upload(d, to, drawn, (size_t)there * bytes));
  for (; there < n; there *= 2)
    GD_TRY(
        d->copy(d, to + (size_t)there * bytes, to, (size_t)(n - there < there ? n - there : there) * bytes));
  return GD_OK;
}

static gd_status operands_of(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, uint64_t set,
                             operands *out) {
  const gd_dtype t = gdi_blas_type(d, type);
  int64_t largest = B * O > O * I ? B * O : O * I;
  if (B * I > largest) largest = B * I;
  GD_TRY(operand(d, t, B * I, 3 * set, &out->x));
  GD_TRY(operand(d, t, O * I, 3 * set + 1, &out->W));
  GD_TRY(operand(d, t, B * O, 3 * set + 2, &out->dy));
  return gdi_cuda_scratch(d, largest, gd_dtype_bytes(type), &out->c);
}

/* ---- a layer ---- */

/* Forward, dW and dx. */
enum { PRODUCTS = 3 };

static gdi_blas_product product(int which, gd_dtype t, int64_t B, int64_t I, int64_t O, const operands *o) {
  const gdi_blas_product all[PRODUCTS] = {
      {.m = B, .n = O, .k = I, .transpose_b = true, .type = t, .a = o->x, .b = o->W, .c = o->c, .count = 1},
      {.m = O, .n = I, .k = B, .transpose_a = true, .type = t, .a = o->dy, .b = o->x, .c = o->c, .count = 1},
      {.m = B, .n = I, .k = O, .type = t, .a = o->dy, .b = o->W, .c = o->c, .count = 1}};
  return all[which];
}

static gd_status measure(gd_device *d, const gdi_blas_product p[SETS], double *seconds) {
  gdi_graph *g;
  GD_TRY(gdi_blas_multiply(d, p)); /* its plan is made before it is recorded */
  GD_TRY(d->gpu->capture(d));
  gd_status st = GD_OK;
  for (int i = 0; i < CALLS && st == GD_OK; i++) st = gdi_blas_multiply(d, &p[i % SETS]);
  const gd_status ended = d->gpu->captured(d, &g);
  if (st != GD_OK || ended != GD_OK) return st != GD_OK ? st : ended;
  st = median_of(d, g, seconds);
  d->gpu->graph_free(d, g);
  return st;
}

static gd_status layer(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, double seconds[3]) {
  operands o[SETS];
  for (int s = 0; s < SETS; s++) GD_TRY(operands_of(d, type, B, I, O, (uint64_t)s, &o[s]));
  static const int place[PRODUCTS] = {0, 2, 1}; /* y, dW, dx */
  for (int i = 0; i < PRODUCTS; i++) {
    gdi_blas_product p[SETS];
    for (int s = 0; s < SETS; s++) p[s] = product(i, gdi_blas_type(d, type), B, I, O, &o[s]);
    GD_TRY(measure(d, p, &seconds[place[i]]));
  }
  return GD_OK;
}

gd_status gdi_cuda_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O,
                                 double seconds[3]) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = layer(d, type, B, I, O, seconds);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* What the machine can do: the bare matrix products of an affine layer, without anything around them. */
#include <math.h>

#include "base/clock.h"
#include "device/cpu/cpu.h"
#include "device/cpu/panels.h"

enum { ROUNDS = 10, ROUND_NS = 5000000 };

gd_status gdi_cpu_best_seconds(gd_device *d, gd_status (*once)(gd_device *d, void *context), void *context,
                               double *best) {
  *best = HUGE_VAL;
  for (int round = 0; round < ROUNDS; round++) {
    int64_t start = gdi_now_ns(), calls = 0, taken;
    do {
      GD_TRY(once(d, context));
      calls++;
    } while ((taken = gdi_now_ns() - start) < ROUND_NS);
    double seconds = 1e-9 * (double)taken / (double)calls;
    if (seconds < *best) *best = seconds;
  }
  return GD_OK;
}

static gd_status multiply(gd_device *d, void *products) {
  return gdi_multiply(d, products);
}

static gd_status operand(gd_device *d, gd_dtype type, int64_t rows, int64_t columns, const void **out) {
  gd_tensor *t;
  GD_TRY(gd_tensor_new(&t, d->scratch, d, type, 2, (const int64_t[]){rows, columns}));
  GD_TRY(gd_tensor_fill(t, 0.5));
  return gdi_product_operand(d, t, out);
}

static gd_status layer(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, double seconds[3]) {
  const void *x, *w, *dy;
  gd_tensor *c;
  GD_TRY(operand(d, type, B, I, &x));
  GD_TRY(operand(d, type, O, I, &w));
  GD_TRY(operand(d, type, B, O, &dy));
  int64_t largest = B * O > O * I ? B * O : O * I;
  if (B * I > largest) largest = B * I;
  GD_TRY(gd_tensor_new(&c, d->scratch, d, type, 1, &largest));
  const gd_dtype t = gdi_product_type(d, type);
  const gdi_product product[3] = {
      {.m = B,
       .n = O,
       .k = I,
       .transpose_b = true,
       .type = t,
       .a = x,
       .b = w,
       .c = c->data,
       .lda = I,
       .ldb = I,
       .ldc = O},
      {.m = B, .n = I, .k = O, .type = t, .a = dy, .b = w, .c = c->data, .lda = O, .ldb = I, .ldc = I},
      {.m = O,
       .n = I,
       .k = B,
       .transpose_a = true,
       .type = t,
       .a = dy,
       .b = x,
       .c = c->data,
       .lda = O,
       .ldb = I,
       .ldc = I}};
  for (int i = 0; i < 3; i++)
    GD_TRY(gdi_cpu_best_seconds(d, multiply, &(gdi_products){.product = product[i]}, &seconds[i]));
  return GD_OK;
}

gd_status gdi_cpu_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O,
                                double seconds[3]) {
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = layer(d, type, B, I, O, seconds);
  gd_arena_release(d->scratch, mark);
  return st;
}

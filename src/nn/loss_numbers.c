/* Losses of numbers, element by element: mse, l1, huber. */
#include <string.h>

#include "nn/losses.h"

static int without_trailing_ones(const gd_tensor *t) {
  int n = t->ndim;
  while (n > 0 && t->shape[n - 1] == 1) n--;
  return n;
}

gd_tensor *gdi_target_like(gd_tape *t, gd_tensor *target, const gd_tensor *prediction) {
  if (!target || !prediction) return NULL;
  const int n = without_trailing_ones(target);
  const size_t bytes = (size_t)n * sizeof *target->shape;
  if (n != without_trailing_ones(prediction) || memcmp(target->shape, prediction->shape, bytes) != 0) {
    char p[64], y[64];
    return gd_tape_fail(t, GD_FAIL(GD_ERR_SHAPE, "loss: the prediction is %s but the target is %s",
                                   gd_tensor_describe(prediction, p, sizeof p),
                                   gd_tensor_describe(target, y, sizeof y)));
  }
  if (target->ndim == prediction->ndim) return target;
  return gd_reshape(t, target, prediction->ndim, prediction->shape);
}

gd_tensor *gdi_loss_reduce(gd_tape *t, gd_tensor *x, gd_reduction r) {
  return r == GD_REDUCE_MEAN ? gd_mean(t, x, GD_ALL, false) : gd_sum(t, x, GD_ALL, false);
}

/* ---- the loss of each element, formed from the prediction p and a target y of its shape ---- */

static gd_tensor *squared(gd_tape *t, gd_tensor *p, gd_tensor *y) {
  return gd_square(t, gd_sub(t, p, y));
}

static gd_tensor *absolute(gd_tape *t, gd_tensor *p, gd_tensor *y) {
  return gd_abs(t, gd_sub(t, p, y));
}

/* d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2):  c (d - c / 2) with c = clamp(d) */
static gd_tensor *huber(gd_tape *t, gd_tensor *p, gd_tensor *y, double delta) {
  gd_tensor *d = gd_sub(t, p, y), *c = gd_clamp(t, d, -delta, delta);
  return gd_mul(t, c, gd_sub(t, d, gd_mul_scalar(t, c, 0.5)));
}

gd_tensor *gd_mse_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r) {
  return gdi_loss_reduce(t, squared(t, prediction, gdi_target_like(t, target, prediction)), r);
}

gd_tensor *gd_l1_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r) {
  return gdi_loss_reduce(t, absolute(t, prediction, gdi_target_like(t, target, prediction)), r);
}

gd_tensor *gd_huber_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, double delta, gd_reduction r) {
  return gdi_loss_reduce(t, huber(t, prediction, gdi_target_like(t, target, prediction), delta), r);
}

/* ---- the records ---- */

static gd_loss forward_mse(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                           const gd_batch *b) {
  (void)c, (void)n;
  return gd_loss_of_elements(t, b, squared(t, output[0], gdi_target_like(t, b->y, output[0])));
}

static gd_loss forward_l1(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                          const gd_batch *b) {
  (void)c, (void)n;
  return gd_loss_of_elements(t, b, absolute(t, output[0], gdi_target_like(t, b->y, output[0])));
}

static gd_loss forward_huber(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                             const gd_batch *b) {
  (void)n;
  return gd_loss_of_elements(t, b, huber(t, output[0], gdi_target_like(t, b->y, output[0]), c->huber_delta));
}

const gd_loss_class gd_mse = {.name = "mse",
                              .about = "squared error, mean over elements",
                              .target = GD_NUMBERS,
                              .settings = GD_SETTING_SAMPLE_WEIGHTS,
                              .forward = forward_mse,
                              .metrics = "mae rmse r2"};
const gd_loss_class gd_l1 = {.name = "l1",
                             .about = "absolute error, mean over elements",
                             .target = GD_NUMBERS,
                             .settings = GD_SETTING_SAMPLE_WEIGHTS,
                             .forward = forward_l1,
                             .metrics = "mae rmse r2"};
const gd_loss_class gd_huber = {.name = "huber",
                                .about = "squared error up to huber_delta, absolute beyond",
                                .target = GD_NUMBERS,
                                .settings = GD_SETTING_HUBER_DELTA | GD_SETTING_SAMPLE_WEIGHTS,
                                .forward = forward_huber,
                                .metrics = "mae rmse r2"};

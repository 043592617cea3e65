/*
 * A layer with state that is not trained, for tests: y = scale (x - running mean), with the running mean and variance of
 * each feature, as batch norm keeps them, and a constant scale.
 */
#ifndef GD_TEST_RUNNING_H
#define GD_TEST_RUNNING_H

#include <stdlib.h>

#include "gd/gd.h"

typedef struct running {
  gd_module base;
  gd_tensor *mean, *variance, *scale; /* [I] */
} running;

static gd_tensor *running_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const running *r = (const running *)m;
  gd_tensor *y = gd_mul(t, gd_sub(t, x, gd_detach(t, r->mean)), r->scale);
  if (!m->training) return y;
  gd_tensor *seen = gd_detach(t, x);
  y = gd_track(t, y, r->mean, gd_mean(t, seen, GD_DIMS(0), false), x->shape[0]);
  return gd_track(t, y, r->variance, gd_var(t, seen, GD_DIMS(0), 1, false), x->shape[0]);
}

static void running_reset(gd_module *m, uint64_t seed, uint64_t *ordinal) {
  const running *r = (const running *)m;
  (void)seed, (void)ordinal;
  if (gd_tensor_fill(r->mean, 0) != GD_OK || gd_tensor_fill(r->variance, 1) != GD_OK ||
      gd_tensor_fill(r->scale, 0.75) != GD_OK)
    abort();
}

static gd_status running_build(gd_module *m, gd_build *b) {
  running *r = (running *)m;
  const int64_t features = b->in[0].dim[b->in[0].ndim - 1];
  GD_TRY(gd_module_add_statistic(m, "running_mean", 0.1, GD_SHAPE(features), &r->mean));
  GD_TRY(gd_module_add_statistic(m, "running_var", 0.1, GD_SHAPE(features), &r->variance));
  return gd_module_add_buffer(m, "scale", m->dtype, GD_SHAPE(features), &r->scale);
}

static const gd_module_class running_class = {.name = "Running",
                                              .word = "running",
                                              .about = "takes a running mean away",
                                              .example = "running",
                                              .bytes = sizeof(running),
                                              .forward = running_forward,
                                              .reset = running_reset,
                                              .build = running_build};

#endif

/* Steps through the sync with a small model, on worlds of every kind. */
#ifndef GD_TEST_MPI_SYNC_STEPS_H
#define GD_TEST_MPI_SYNC_STEPS_H

#include <stdlib.h>

#include "gd/gd.h"
#include "test.h"

enum { MAX_K = 13 };

static gd_world *first; /* holds MPI */
static gd_device *device;

static inline int set_up(void **state) {
  (void)state;
  assert_ok(gd_world_init(&first, &(gd_world_options){GD_TRANSPORT_AUTO, 60}));
  assert_ok(gd_device_open(&device, &(gd_device_options){.threads = 1}));
  return 0;
}

static inline int tear_down(void **state) {
  (void)state;
  gd_device_close(device);
  gd_world_finish(first);
  return 0;
}

static inline gd_world *world_of(gd_transport transport, const char *fake_hosts) {
  gd_world *w;
  fake_hosts ? setenv("GDTRAIN_FAKE_HOSTS", fake_hosts, 1) : unsetenv("GDTRAIN_FAKE_HOSTS");
  assert_ok(gd_world_init(&w, &(gd_world_options){transport, 60}));
  return w;
}

/* ---- a model, and gradients made up for it */

static inline int64_t micro_batches(int64_t step) {
  return 1 + (step * 5 + 7) % MAX_K; /* 8, 13, 5, 10 ...: every number once in MAX_K steps */
}

/* Values of very different size, so that another order of additions has other bits. */
static inline double gradient(int64_t step, int64_t k, int64_t i) {
  if (k % 5 == 3 && i < 40) return 0; /* micro-batches that do not reach the parameter at the front */
  uint64_t u = ((uint64_t)step * 1000 + (uint64_t)k) << 32 ^ (uint64_t)i;
  u = (u ^ u >> 31) * 0x9E3779B97F4A7C15u; /* SplitMix64's finaliser: cheap and well mixed */
  u = (u ^ u >> 30) * 0xBF58476D1CE4E5B9u;
  u = (u ^ u >> 27) * 0x94D049BB133111EBu;
  return ((double)(u >> 40) / (1 << 24) - 0.5) * (double)(1 << (u & 15)) / 4096;
}

static inline gd_step_stats record_of(int64_t step, int64_t k) {
  return (gd_step_stats){.loss_sum = 1.0 / (double)(3 + k + step),
                         .weight = (double)(10 + k % 3),
                         .correct = (double)k,
                         .samples = 10,
                         .grad_sq = 1.0 / (double)(7 + k)};
}

static inline gd_module *model_of(gd_device *d, gd_dtype dtype) {
  gd_module *m;
  int64_t outputs; /* 40 + 12000 + 300 + 21000 parameters: 9 blocks, the last one short */
  assert_ok(gd_model_parse(&m, "linear:300 relu linear:40", GD_SHAPE(70), d, dtype, &outputs));
  gd_module_reset(m, 3);
  return m;
}

/* ---- a step */

static inline void write_gradient(gd_params *p, int64_t step, int64_t k, double spoil) {
  for (int j = 0; j < p->n; j++) {
    gd_tensor *t = p->item[j].tensor;
    if (j == 0 && k % 5 == 3) continue; /* not reached */
    for (int64_t i = 0; i < gd_numel(t); i++) {
      const double v = gradient(step, k, p->offset[j] + i) + (i == 5 ? spoil : 0);
      p->dtype == GD_F32 ? (void)(((float *)t->grad->data)[i] = (float)v)
                         : (void)(((double *)t->grad->data)[i] = v);
    }
    t->has_grad = true;
  }
}

static inline double rate(int64_t step) {
  return 0.1 / (double)(1 + step);
}

static inline gd_status run_step(gd_sync *s, gd_params *p, int64_t step, gd_sync_result *result) {
  const gd_range run = gd_sync_begin(s, micro_batches(step));
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_sync_micro_batch(s, k);
    write_gradient(p, step, k, 0);
    const gd_step_stats r = record_of(step, k);
    assert_ok(gd_sync_micro_batch_done(s, k, &r));
  }
  return gd_sync_update(s, &(gd_sync_step){.lr = rate(step), .step = step}, result);
}

/* ---- everything that a step changes */

typedef struct model_state {
  int64_t elements;
  size_t bytes;
  char *params, *state[GD_OPTIM_MAX_STATES];
} model_state;

static inline model_state state_new(const gd_params *p) {
  model_state m = {.elements = p->elements, .bytes = gd_params_bytes(p)};
  m.params = calloc(m.bytes, 1);
  for (int i = 0; i < GD_OPTIM_MAX_STATES; i++) m.state[i] = calloc(m.bytes, 1);
  return m;
}

static inline void state_free(model_state *m) {
  free(m->params);
  for (int i = 0; i < GD_OPTIM_MAX_STATES; i++) free(m->state[i]);
}

#endif

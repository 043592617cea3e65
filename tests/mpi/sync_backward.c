/* Real gradients, sent during backward or after it: the same bits, and nearly those of an all-reduce. */
#include <math.h>
#include <string.h>

#include "sync/exchange.h"
#include "sync_steps.h"

static gd_tensor *loss_of(gd_tape *t, gd_module *m, int64_t step, int64_t k) {
  gd_tensor *x, *y;
  double value[4 * 70], label[4 * 40];
  for (int i = 0; i < 4 * 70; i++) value[i] = gradient(step, k, i) * 100;
  for (int i = 0; i < 4 * 40; i++) label[i] = gradient(step, k + 50, i) * 100;
  assert_ok(gd_tensor_new(&x, gd_tape_arena(t), device, m->dtype, GD_SHAPE(4, 70)));
  assert_ok(gd_tensor_new(&y, gd_tape_arena(t), device, m->dtype, GD_SHAPE(4, 40)));
  assert_ok(gd_tensor_set(x, value, 4 * 70));
  assert_ok(gd_tensor_set(y, label, 4 * 40));
  return gd_loss_of(t, &gd_mse, gd_forward(m, t, x), y).sum;
}

typedef struct way {
  gd_sync_mode mode;
  bool attach, no_overlap;
  size_t bucket_bytes;
  double clip_norm;
} way;

enum { FAILS = 2, NOT_FINITE = 4, STEPS = 7 }; /* the steps have 8, 13, 5, 10, 2, 7 and 12 micro-batches */

/* The rank with micro-batch 0 fails at its last one in step FAILS, and has no finite loss in step NOT_FINITE. */
static gd_status real_step(gd_sync *s, gd_tape *t, gd_module *m, int64_t step, gd_sync_result *result) {
  const gd_range run = gd_sync_begin(s, micro_batches(step));
  const bool fails = step == FAILS && run.lo == 0;
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_sync_micro_batch(s, k);
    if (fails && k + 1 == run.hi) break;
    gd_tensor *loss = loss_of(t, m, step, k);
    assert_ok(gd_backward(t, loss, NULL));
    gd_step_stats r = {.loss_sum = gd_item(loss), .weight = 4 * 40, .samples = 4};
    if (step == NOT_FINITE && k == 0) r.loss_sum = NAN;
    assert_ok(gd_sync_micro_batch_done(s, k, &r));
    gd_tape_reset(t);
  }
  return gd_sync_update(s, &(gd_sync_step){.lr = 0.01, .step = step, .flags = fails}, result);
}

/* A step in which a rank fails ends a run; here it is taken back, to see that it leaves no message behind. */
static void failed_step(gd_sync *s, gd_tape *t, gd_module *m, const gd_params *p) {
  model_state before = state_new(p);
  gd_sync_result result;
  assert_ok(gd_sync_gather(s, before.params, (void *const *)before.state));
  assert_ok(real_step(s, t, m, FAILS, &result));
  assert_int_equal(result.flags, 1);
  assert_ok(gd_sync_scatter(s, before.params, (const void *const *)before.state));
  state_free(&before);
}

/* Train with real gradients; the parameters at the end. Owner: caller. */
static double *trained(gd_world *w, const way *how, int64_t *n) {
  gd_module *module = model_of(device, GD_F64);
  gd_params *p;
  gd_sync *s;
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device));
  assert_ok(gd_params_new(&p, module));
  assert_ok(gd_sync_new(&s, w, p,
                        &(gd_sync_options){.mode = how->mode,
                                           .optim = gd_optim_defaults(GD_ADAM),
                                           .max_micro_batches = MAX_K,
                                           .clip_norm = how->clip_norm,
                                           .bucket_bytes = how->bucket_bytes,
                                           .no_overlap = how->no_overlap}));
  if (how->attach) gd_sync_attach(s, t);
  for (int64_t step = 0; step < STEPS; step++) {
    gd_sync_result result;
    if (step == FAILS) {
      failed_step(s, t, module, p);
      continue;
    }
    const gd_status st = real_step(s, t, module, step, &result);
    assert_int_equal(st, step == NOT_FINITE ? GD_ERR_NONFINITE : GD_OK);
    assert_int_equal(result.updated, step != NOT_FINITE);
    if (how->clip_norm > 0 && st == GD_OK) assert_true(result.grad_norm > 0);
  }
  gd_error_clear();
  *n = p->elements;
  double *copy = malloc(gd_params_bytes(p));
  memcpy(copy, p->data, gd_params_bytes(p));
  gd_sync_free(s);
  gd_tape_free(t);
  gd_params_free(p);
  gd_module_free(module);
  return copy;
}

static void all_reduce_agrees_with_the_ordered_sum(void **state) {
  (void)state;
  int64_t n;
  double *ordered = trained(first, &(way){.clip_norm = 0.5}, &n);
  const way ways[] = {{GD_SYNC_ALLREDUCE, false, false, 0, 0.5},
                      {GD_SYNC_ALLREDUCE, true, false, 0, 0.5},
                      {GD_SYNC_ALLREDUCE, true, true, 0, 0.5},
                      {GD_SYNC_ALLREDUCE, true, false, 1000, 0.5},
                      {GD_SYNC_ALLREDUCE, true, false, 100000, 0.5}};
  for (int i = 0; i < 5; i++) {
    double *reduced = trained(first, &ways[i], &n);
    for (int64_t e = 0; e < n; e++) assert_close(reduced[e], ordered[e], 1e-7);
    assert_ok(gd_world_same(first, "parameters", reduced, (size_t)n * sizeof(double), ""));
    free(reduced);
  }
  free(ordered);
}

/* Nobody's part in a step is the same twice; small pieces, so that many are on their way at once. */
static void equal_bits_whenever_gradients_leave(void **state) {
  (void)state;
  gd_world *worlds[] = {world_of(GD_TRANSPORT_MPI, NULL), world_of(GD_TRANSPORT_AUTO, "2"),
                        world_of(GD_TRANSPORT_AUTO, "3")};
  const way ways[] = {{GD_SYNC_ORDERED, true, false, 1000, 0},
                      {GD_SYNC_ORDERED, true, true, 1000, 0},
                      {GD_SYNC_ORDERED, true, false, 0, 0},
                      {GD_SYNC_ORDERED, true, false, 1000, 0.5}};
  for (int i = 0; i < 4; i++) {
    int64_t n;
    double *alone = trained(first, &(way){.clip_norm = ways[i].clip_norm}, &n);
    for (int j = 0; j < 3; j++) {
      double *got = trained(worlds[j], &ways[i], &n);
      assert_memory_equal(got, alone, (size_t)n * sizeof *got);
      free(got);
    }
    free(alone);
  }
  for (int j = 2; j >= 0; j--) gd_world_finish(worlds[j]);
}

/* With one rank in a group nobody else has to be ready: all is sent before the last micro-batch is done. */
static void gradients_leave_before_backward_is_over(void **state) {
  (void)state;
  gd_world *w = world_of(GD_TRANSPORT_MPI, NULL);
  gd_module *module = model_of(device, GD_F64);
  gd_params *p;
  gd_tape *t;
  assert_ok(gd_tape_new(&t, device));
  assert_ok(gd_params_new(&p, module));
  for (int late = 0; late < 2 && gd_world_size(w) > 1; late++) {
    gd_sync *s;
    gd_sync_result result;
    assert_ok(gd_sync_new(&s, w, p,
                          &(gd_sync_options){.optim = gd_optim_defaults(GD_SGD),
                                             .max_micro_batches = MAX_K,
                                             .bucket_bytes = 1000,
                                             .no_overlap = late}));
    gd_sync_attach(s, t);
    const gd_range run = gd_sync_begin(s, MAX_K);
    for (int64_t k = run.lo; k < run.hi; k++) {
      gd_sync_micro_batch(s, k);
      gd_tensor *loss = loss_of(t, module, 0, k);
      assert_ok(gd_backward(t, loss, NULL));
      const gdi_exchange *x = s->exchange;
      for (int i = 0; k + 1 == run.hi && i < x->routes; i++)
        assert_int_equal(x->route[i].node, late ? 0 : x->nodes[x->own]);
      assert_ok(gd_sync_micro_batch_done(
          s, k, &(gd_step_stats){.loss_sum = gd_item(loss), .weight = 160, .samples = 4}));
      gd_tape_reset(t);
    }
    assert_ok(gd_sync_update(s, &(gd_sync_step){.lr = 0.01}, &result));
    gd_sync_free(s);
  }
  gd_tape_free(t);
  gd_params_free(p);
  gd_module_free(module);
  gd_world_finish(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_reduce_agrees_with_the_ordered_sum),
      cmocka_unit_test(equal_bits_whenever_gradients_leave),
      cmocka_unit_test(gradients_leave_before_backward_is_over),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Steps that change nothing: where a loss or gradient is not finite, or with more micro-batches than announced. */
#include <math.h>
#include <string.h>

#include "sync_steps.h"

/* `late`: the step is made, and the next one refused. */
static void spoiled_step(gd_world *w, bool skip, double loss, double spoil, gd_status expected, bool late) {
  gd_module *module = model_of(device, GD_F32);
  gd_params *p;
  gd_sync *s;
  gd_sync_result result;
  assert_ok(gd_params_new(&p, module));
  assert_ok(gd_sync_new(&s, w, p,
                        &(gd_sync_options){.optim = gd_optim_defaults(GD_SGD),
                                           .max_micro_batches = 6,
                                           .skip_nonfinite = skip}));
  char *before = malloc(gd_params_bytes(p));
  memcpy(before, p->data, gd_params_bytes(p));
  assert_ok(gd_world_barrier(w));
  const gd_range run = gd_sync_begin(s, 6);
  for (int64_t k = run.lo; k < run.hi; k++) {
    gd_step_stats r = record_of(0, k);
    if (k == 4) r.loss_sum += loss;
    gd_sync_micro_batch(s, k);
    write_gradient(p, 0, k, k == 4 ? spoil : 0);
    assert_ok(gd_sync_micro_batch_done(s, k, &r));
  }
  assert_int_equal(gd_sync_update(s, &(gd_sync_step){.lr = 0.1, .flags = 1u << gd_world_rank(w)}, &result),
                   expected);
  assert_int_equal(result.flags, (1u << gd_world_size(w)) - 1);
  assert_int_equal(result.updated, late);
  if (!late) assert_memory_equal(before, p->data, gd_params_bytes(p));
  if (expected != GD_OK && loss != 0) assert_non_null(strstr(gd_error_last()->message, "micro-batch 4 of 6"));
  assert_int_equal(gd_sync_healthy(s), late ? GD_ERR_NONFINITE : GD_OK);
  if (late) {
    assert_int_equal(run_step(s, p, 1, &result), GD_ERR_USAGE); /* of 13 micro-batches */
    assert_int_equal(run_step(s, p, 2, &result), GD_ERR_NONFINITE);
  }
  gd_error_clear();
  gd_sync_free(s);
  free(before);
  gd_params_free(p);
  gd_module_free(module);
}

static void a_step_that_is_not_finite_changes_nothing(void **state) {
  (void)state;
  gd_world *worlds[] = {world_of(GD_TRANSPORT_AUTO, NULL), world_of(GD_TRANSPORT_AUTO, "2"),
                        world_of(GD_TRANSPORT_MPI, NULL)};
  for (int i = 0; i < 3; i++) {
    spoiled_step(worlds[i], false, NAN, 0, GD_ERR_NONFINITE, false);
    spoiled_step(worlds[i], true, INFINITY, 0, GD_OK, false);
    spoiled_step(worlds[i], true, 0, NAN, GD_OK, false);
    spoiled_step(worlds[i], false, 0, NAN, GD_OK, true); /* one pass: found on the way, told later */
  }
  for (int i = 0; i < 3; i++) gd_world_finish(worlds[i]);
}

static void a_step_with_too_many_micro_batches_is_refused(void **state) {
  (void)state;
  gd_module *module = model_of(device, GD_F32);
  gd_params *p;
  gd_sync *s;
  gd_sync_result result;
  assert_ok(gd_params_new(&p, module));
  gd_sync_options o = {.optim = gd_optim_defaults(GD_SGD), .max_micro_batches = 0};
  assert_int_equal(gd_sync_new(&s, first, p, &o), GD_ERR_USAGE);
  o.max_micro_batches = 2;
  assert_ok(gd_sync_new(&s, first, p, &o));
  const gd_range run = gd_sync_begin(s, 3);
  assert_int_equal(run.lo, run.hi);
  assert_int_equal(gd_sync_update(s, &(gd_sync_step){0}, &result), GD_ERR_USAGE);
  gd_error_clear();
  gd_sync_free(s);
  gd_params_free(p);
  gd_module_free(module);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_that_is_not_finite_changes_nothing),
      cmocka_unit_test(a_step_with_too_many_micro_batches_is_refused),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Ten steps of SGD with momentum on a small network follow PyTorch's, loss by loss and weight by weight. */
#include "golden/golden.h"

enum { STEPS = 10, PARAMETERS = 4 };
static const float rate = 0.1f, momentum = 0.9f;

static void copy_to_leaf(gd_tensor **leaf, gd_arena *a, const gd_tensor *from) {
  assert_ok(gd_tensor_new(leaf, a, from->device, from->dtype, from->ndim, from->shape));
  memcpy((*leaf)->data, from->data, gd_tensor_bytes(from));
}

/* v = m v + g (v = g at first), w -= lr v */
static void update(gd_tensor *w, gd_tensor *v, bool first) {
  float *W = w->data, *V = v->data;
  const float *G = w->grad->data;
  for (int64_t i = 0; i < gd_numel(w); i++) {
    V[i] = first ? G[i] : momentum * V[i] + G[i];
    W[i] -= rate * V[i];
  }
}

static gd_tensor *mean_loss(gd_tape *t, gd_tensor *const w[], gd_tensor *x, gd_tensor *y) {
  gd_tensor *h = gd_linear(t, x, w[0], w[1], GD_ACT_TANH);
  gd_tensor *sum = gd_cross_entropy_sum(t, gd_linear(t, h, w[2], w[3], GD_ACT_NONE), y, NULL, -100, NULL);
  return gd_mul_scalar(t, sum, 1.0 / (double)x->shape[0]);
}

static void ten_steps_follow_torch(void **state) {
  (void)state;
  gd_device *device;
  gd_tape *t;
  gd_arena *model;
  golden g;
  gd_tensor *x, *y, *w[PARAMETERS], *v[PARAMETERS];
  assert_ok(gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  assert_ok(gd_tape_new(&t, device));
  assert_ok(gd_arena_new(&model, "model"));
  golden_open(&g, GD_SOURCE_DIR "/tests/golden/mlp.txt");

  copy_to_leaf(&x, model, golden_tensor(&g, t, GD_F32));
  copy_to_leaf(&y, model, golden_tensor(&g, t, GD_I64));
  for (int i = 0; i < PARAMETERS; i++) {
    assert_true(golden_is(&g, "initial"));
    copy_to_leaf(&w[i], model, golden_tensor(&g, t, GD_F32));
    copy_to_leaf(&v[i], model, w[i]);
    assert_ok(gd_require_grad(w[i], true));
  }
  for (int step = 0; step < STEPS; step++) {
    gd_tape_reset(t);
    for (int i = 0; i < PARAMETERS; i++) gd_zero_grad(w[i]);
    gd_tensor *loss = mean_loss(t, w, x, y);
    assert_ok(gd_backward(t, loss, NULL));
    for (int i = 0; i < PARAMETERS; i++) update(w[i], v[i], step == 0);
    assert_true(golden_is(&g, "loss"));
    assert_agrees("loss", loss, golden_tensor(&g, t, GD_F32), 1e-5, 0);
  }
  for (int i = 0; i < PARAMETERS; i++) {
    assert_true(golden_is(&g, "final"));
    assert_agrees("final weight", w[i], golden_tensor(&g, t, GD_F32), 1e-5, 1e-6);
  }
  assert_string_equal(g.word, "");
  fclose(g.f);
  gd_tape_free(t);
  gd_arena_free(model);
  gd_device_close(device);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ten_steps_follow_torch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

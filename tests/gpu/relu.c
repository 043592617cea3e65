/*
 * relu and its gradient as parts of the products beside them: the gradients that kernels make, however y is used,
 * fewer launches, and a NaN that is not lost.
 */
#include "device/gpu.h"
#include "products.h"

enum { LAYERS = 3, LEAVES = 2 * LAYERS, MOST = 300 };

/* x [B,width] -> LAYERS layers of `width`, relu after all but the last, with leaves W and b of each. */
typedef struct model {
  gd_device *d;
  gd_arena *arena;
  gd_tape *tape;
  gd_tensor *x, *leaf[LEAVES];
  int64_t B, width;
} model;

static model model_of(gd_device_kind kind, gd_matmul_type matmul, int64_t B, int64_t width) {
  model m = {.d = device_of(kind, matmul), .B = B, .width = width};
  const double scale = 1 / sqrt((double)width);
  assert_ok(gd_arena_new(&m.arena, "leaves"));
  assert_ok(gd_tape_new(&m.tape, m.d));
  m.x = made(m.d, m.arena, GD_F32, GD_SHAPE(B, width), 1, 1, 0);
  for (int i = 0; i < LEAVES; i++) {
    m.leaf[i] = i % 2 ? made(m.d, m.arena, GD_F32, GD_SHAPE(width), (uint64_t)i + 2, 0.1, 0)
                      : made(m.d, m.arena, GD_F32, GD_SHAPE(width, width), (uint64_t)i + 2, scale, 0);
    assert_ok(gd_require_grad(m.leaf[i], true));
  }
  return m;
}

/* relu by kernels. */
static model apart_of(gd_matmul_type matmul, int64_t B, int64_t width) {
  setenv("GDTRAIN_TUNE", "relu_by_product=0", 1);
  const model m = model_of(GD_CUDA, matmul, B, width);
  unsetenv("GDTRAIN_TUNE");
  return m;
}

/* The CPU, or where products round their operands, which moves z across 0, kernels with the same products. */
static model reference_of(gd_matmul_type matmul, int64_t B, int64_t width) {
  return matmul == GD_MATMUL_NATIVE ? model_of(GD_CPU, matmul, B, width) : apart_of(matmul, B, width);
}

static void end(model *m) {
  gd_tape_free(m->tape);
  gd_arena_free(m->arena);
  gd_device_close(m->d);
}

static gd_tensor *layer(model *m, gd_tensor *x, int i) {
  return gd_linear(m->tape, x, m->leaf[2 * i], m->leaf[2 * i + 1],
                   i + 1 < LAYERS ? GD_ACT_RELU : GD_ACT_NONE);
}

static gd_tensor *squares(model *m, gd_tensor *y) {
  return gd_sum(m->tape, gd_mul(m->tape, y, y), GD_ALL, false);
}

/* ---- ways to use the results of layers; each a scalar ---- */

typedef gd_tensor *(*use)(model *m);

static gd_tensor *one_after_the_other(model *m) {
  gd_tensor *y = m->x;
  for (int i = 0; i < LAYERS; i++) y = layer(m, y, i);
  return squares(m, y);
}
/* Something else adds to the gradient of y, after the product or before it. */
static gd_tensor *used_earlier_too(model *m) {
  gd_tensor *y = layer(m, m->x, 0), *other = squares(m, y);
  return gd_add(m->tape, squares(m, layer(m, y, 1)), other);
}
static gd_tensor *used_later_too(model *m) {
  gd_tensor *y = layer(m, m->x, 0), *z = layer(m, y, 1);
  return gd_add(m->tape, squares(m, y), squares(m, z));
}
static gd_tensor *by_two_layers(model *m) {
  gd_tensor *y = layer(m, m->x, 0);
  return gd_add(m->tape, squares(m, layer(m, y, 1)), squares(m, layer(m, y, 2)));
}
static gd_tensor *through_a_view(model *m) {
  gd_tensor *y = gd_reshape(m->tape, layer(m, m->x, 0), GD_SHAPE(1, m->B, m->width));
  return squares(m, layer(m, y, 1));
}
static gd_tensor *same_layer_twice(model *m) {
  return squares(m, layer(m, layer(m, m->x, 0), 0));
}
static gd_tensor *as_weights(model *m) { /* y is x of one layer and W of another */
  gd_tensor *y = layer(m, m->x, 0), *z = layer(m, y, 1);
  return squares(m, gd_linear(m->tape, z, y, NULL, GD_ACT_NONE));
}

static const use uses[] = {one_after_the_other, used_earlier_too, used_later_too, by_two_layers,
                           through_a_view,      same_layer_twice, as_weights};
enum { USES = sizeof uses / sizeof *uses };

/* ---- passes ---- */

static void zero(model *m) {
  for (int i = 0; i < LEAVES; i++) gd_zero_grad(m->leaf[i]);
}

static void pass(model *m, use f) {
  gd_tape_reset(m->tape);
  assert_ok(gd_backward(m->tape, f(m), NULL));
}

static void assert_gradients(const model *found, const model *expected, double tolerance) {
  static double a[MOST * MOST], b[MOST * MOST];
  for (int i = 0; i < LEAVES; i++) {
    const gd_tensor *x = found->leaf[i], *y = expected->leaf[i];
    double largest_of = 0;
    assert_int_equal(x->has_grad, y->has_grad);
    if (!x->has_grad) continue;
    assert_ok(gd_tensor_get(x->grad, a, gd_numel(x)));
    assert_ok(gd_tensor_get(y->grad, b, gd_numel(y)));
    for (int64_t k = 0; k < gd_numel(x); k++) largest_of = fmax(largest_of, fabs(b[k]));
    assert_true(largest_of > 0);
    for (int64_t k = 0; k < gd_numel(x); k++) assert_close(a[k], b[k], tolerance * largest_of);
  }
}

/* ---- the promises ---- */

static const double tolerances[] = {
    [GD_MATMUL_NATIVE] = 2e-5, [GD_MATMUL_BF16] = 2e-2, [GD_MATMUL_TF32] = 2e-3};
enum { KINDS = sizeof tolerances / sizeof *tolerances };

static void every_use_gives_the_gradients_of_kernels(void **state) {
  (void)state;
  static const int64_t shapes[][2] = {{1, 1}, {5, 7}, {64, 128}, {33, 129}, {300, 130}};
  for (int s = 0; s < 5; s++)
    for (int k = 0; k < KINDS; k++) {
      model here = reference_of((gd_matmul_type)k, shapes[s][0], shapes[s][1]),
            there = model_of(GD_CUDA, (gd_matmul_type)k, shapes[s][0], shapes[s][1]);
      for (int i = 0; i < USES; i++) {
        if (uses[i] == as_weights && s == 4) continue; /* 300 weights of 130 are as good as 33 of 129 */
        zero(&here), zero(&there);
        for (int twice = 0; twice < 2; twice++) pass(&here, uses[i]), pass(&there, uses[i]); /* adds up */
        if (s > 0) assert_gradients(&there, &here, tolerances[k]);
      }
      end(&here), end(&there);
    }
}

/* Several passes over one tape, of which one leaves a layer out. */
static void passes_over_one_tape_are_told_apart(void **state) {
  (void)state;
  for (int k = 0; k < KINDS; k++) {
    model m[] = {reference_of((gd_matmul_type)k, 20, 40), model_of(GD_CUDA, (gd_matmul_type)k, 20, 40)};
    for (int i = 0; i < 2; i++) {
      gd_tensor *y = layer(&m[i], m[i].x, 0), *z = layer(&m[i], y, 1);
      gd_tensor *seed = made(m[i].d, gd_tape_arena(m[i].tape), GD_F32, GD_SHAPE(20, 40), 9, 1, 0);
      assert_ok(gd_backward(m[i].tape, z, seed));
      assert_ok(gd_backward(m[i].tape, y, seed)); /* its gradient is dy now */
      assert_ok(gd_backward(m[i].tape, z, seed));
    }
    assert_gradients(&m[1], &m[0], tolerances[k]);
    end(&m[0]), end(&m[1]);
  }
}

static int launches(model *m, int *longest) {
  gdi_graph *g;
  pass(m, one_after_the_other); /* makes what recording may not */
  assert_ok(m->d->gpu->wait(m->d));
  gd_tape_reset(m->tape);
  assert_ok(m->d->gpu->capture(m->d));
  assert_ok(gd_backward(m->tape, one_after_the_other(m), NULL));
  assert_ok(m->d->gpu->captured(m->d, &g));
  const int n = m->d->gpu->graph_kernels(g, longest);
  m->d->gpu->graph_free(m->d, g);
  return n;
}

/* Where the library has no such products, kernels do it: by the same numbers. */
static void launches_are_saved_and_bits_are_not_lost(void **state) {
  (void)state;
  int longest[2];
  model by_product = model_of(GD_CUDA, GD_MATMUL_NATIVE, 64, 32), apart = apart_of(GD_MATMUL_NATIVE, 64, 32);
  assert_non_null(strstr(gd_device_describe(apart.d), "relu apart")); /* what ranks compare */
  assert_null(strstr(gd_device_describe(by_product.d), "relu apart"));
  const int n = launches(&by_product, &longest[0]), more = launches(&apart, &longest[1]);
  assert_int_equal(more - n,
                   LAYERS - 1); /* activations; gradients of biases take the place of their gradients */
  assert_in_range(longest[1] - longest[0], 2 * (LAYERS - 1), 2 * LAYERS);
  zero(&by_product), zero(&apart);
  pass(&by_product, one_after_the_other), pass(&apart, one_after_the_other);
  assert_gradients(&by_product, &apart, 2e-5);
  setenv("GDTRAIN_EMULATED_NO_EPILOGUE", "relu", 1);
  model without = model_of(GD_CUDA, GD_MATMUL_NATIVE, 64, 32);
  assert_in_range(launches(&without, NULL), n, more);
  zero(&without);
  pass(&without, one_after_the_other);
  unsetenv("GDTRAIN_EMULATED_NO_EPILOGUE");
  assert_gradients(&without, &apart, 2e-5);
  end(&by_product), end(&apart), end(&without);
}

static bool any_nan(const gd_tensor *t) {
  static double v[MOST * MOST];
  bool found = false;
  assert_ok(gd_tensor_get(t, v, gd_numel(t)));
  for (int64_t i = 0; i < gd_numel(t); i++) found |= isnan(v[i]);
  return found;
}

static void set_first(gd_tensor *t, double value) {
  static double v[MOST * MOST];
  assert_ok(gd_tensor_get(t, v, gd_numel(t)));
  v[0] = value;
  assert_ok(gd_tensor_set(t, v, gd_numel(t)));
}

/* The product's relu may make 0 of NaN: that of samples then shows in a gradient, or relu is a kernel. */
static void nan_of_samples_is_not_lost(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_BF16; matmul++) {
    model m = model_of(GD_CUDA, (gd_matmul_type)matmul, 20, 40);
    set_first(m.x, NAN);
    pass(&m, one_after_the_other);
    assert_true(any_nan(m.leaf[0]->grad));
    gd_tape_reset(m.tape);
    assert_ok(gd_require_grad(m.leaf[0], false)); /* nobody would see it there */
    gd_tensor *y = layer(&m, m.x, 0);
    assert_ok(gd_tape_status(m.tape));
    assert_true(any_nan(y));
    gd_tape_record(m.tape, false);
    assert_ok(gd_require_grad(m.leaf[0], true));
    y = layer(&m, m.x, 0);
    assert_ok(gd_tape_status(m.tape));
    assert_true(any_nan(y));
    end(&m);
  }
}

static void a_warm_pass_takes_no_memory(void **state) {
  (void)state;
  model m = model_of(GD_CUDA, GD_MATMUL_BF16, 300, 130);
  for (int i = 0; i < 2; i++) pass(&m, one_after_the_other);
  const size_t tape = gd_arena_reserved_bytes(gd_tape_arena(m.tape)),
               scratch = gd_arena_reserved_bytes(m.d->scratch);
  for (int i = 0; i < 3; i++) pass(&m, one_after_the_other);
  assert_int_equal(gd_arena_reserved_bytes(gd_tape_arena(m.tape)), tape);
  assert_int_equal(gd_arena_reserved_bytes(m.d->scratch), scratch);
  end(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_use_gives_the_gradients_of_kernels),
      cmocka_unit_test(passes_over_one_tape_are_told_apart),
      cmocka_unit_test(launches_are_saved_and_bits_are_not_lost),
      cmocka_unit_test(nan_of_samples_is_not_lost),
      cmocka_unit_test(a_warm_pass_takes_no_memory),
  };
  if (no_gpu()) return 77;
  return cmocka_run_group_tests(tests, NULL, NULL);
}

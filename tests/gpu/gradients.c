/*
 * Gradients of leaves are made in a lane of their own on a GPU: whoever takes them, and however leaves are
 * used, they are the CPU's. In lazy streams what is not waited for is not there.
 */
#include "device/gpu.h"
#include "products.h"

enum { LAYERS = 4, B = 300, WIDTH = 24, MOST_LEAVES = 2 * LAYERS };

static gd_device *cpu, *gpu;
static const gd_activation acts[LAYERS] = {GD_ACT_RELU, GD_ACT_GELU, GD_ACT_TANH, GD_ACT_NONE};

/* A device with a tape and leaves: W and b of each layer. */
typedef struct model {
  gd_device *d;
  gd_arena *arena;
  gd_tape *tape;
  gd_dtype type;
  gd_tensor *leaf[MOST_LEAVES];
} model;

static gd_tensor *filled(gd_device *d, gd_arena *a, gd_dtype type, uint64_t seed, int ndim,
                         const int64_t shape[]) {
  return made(d, a, type, ndim, shape, seed, 0.3, 0);
}

static model model_on(gd_device *d, gd_dtype type) {
  model m = {.d = d, .type = type};
  assert_ok(gd_arena_new(&m.arena, "leaves"));
  assert_ok(gd_tape_new(&m.tape, d));
  for (int i = 0; i < MOST_LEAVES; i++) {
    m.leaf[i] = i % 2 ? filled(d, m.arena, type, (uint64_t)i + 1, GD_SHAPE(WIDTH))
                      : filled(d, m.arena, type, (uint64_t)i + 1, GD_SHAPE(WIDTH, WIDTH));
    assert_ok(gd_require_grad(m.leaf[i], true));
  }
  return m;
}

static void model_free(model *m) {
  gd_tape_free(m->tape);
  gd_arena_free(m->arena);
}

/* In the tape's arena. */
static gd_tensor *samples(model *m, uint64_t seed) {
  return filled(m->d, gd_tape_arena(m->tape), m->type, 100 + seed, GD_SHAPE(B, WIDTH));
}

static gd_tensor *layer(model *m, gd_tensor *x, int W, int act) {
  return gd_linear(m->tape, x, m->leaf[2 * W], m->leaf[2 * W + 1], acts[act]);
}

static gd_tensor *squares(model *m, gd_tensor *y) {
  return gd_sum(m->tape, gd_mul(m->tape, y, y), GD_ALL, false);
}

/* ---- ways to use leaves; each a scalar ---- */

static gd_tensor *each_once(model *m, gd_tensor *x) {
  for (int i = 0; i < LAYERS; i++) x = layer(m, x, i, i);
  return squares(m, x);
}

/* The gradient of W and b is added up over layers, one of which hands nothing on. */
static gd_tensor *tied(model *m, gd_tensor *x) {
  for (int i = 0; i < LAYERS; i++) x = layer(m, x, i == 1 ? 1 : 0, i);
  return squares(m, x);
}

/* Another operation adds to gradients of weights, before or after their layers in backward. */
static gd_tensor *penalty(model *m) {
  gd_tensor *sum = NULL;
  for (int i = 0; i < MOST_LEAVES; i++) {
    gd_tensor *p = squares(m, m->leaf[i]);
    sum = sum ? gd_add(m->tape, sum, p) : p;
  }
  return sum;
}
static gd_tensor *penalty_first(model *m, gd_tensor *x) {
  gd_tensor *p = penalty(m);
  return gd_add(m->tape, each_once(m, x), p);
}
static gd_tensor *penalty_last(model *m, gd_tensor *x) {
  gd_tensor *y = each_once(m, x);
  return gd_add(m->tape, y, penalty(m));
}

/* A leaf that is a weight here and samples there, or both, or samples and bias. */
static gd_tensor *both_operands(model *m, gd_tensor *x) {
  gd_tensor *y = layer(m, layer(m, x, 0, 0), 1, 1), *W = m->leaf[2];
  y = gd_add(m->tape, squares(m, y), squares(m, gd_linear(m->tape, W, m->leaf[4], m->leaf[5], GD_ACT_TANH)));
  y = gd_add(m->tape, y, squares(m, gd_linear(m->tape, m->leaf[7], m->leaf[6], m->leaf[7], GD_ACT_TANH)));
  return gd_add(m->tape, y, squares(m, gd_linear(m->tape, W, W, NULL, GD_ACT_NONE)));
}

typedef gd_tensor *(*use)(model *m, gd_tensor *x);
static const use uses[] = {each_once, tied, penalty_first, penalty_last, both_operands};
enum { USES = sizeof uses / sizeof *uses };

/* ---- comparisons ---- */

static void assert_gradients(const model *found, const model *expected, double tolerance) {
  static double a[B * WIDTH], b[B * WIDTH];
  for (int i = 0; i < MOST_LEAVES; i++) {
    const gd_tensor *x = found->leaf[i], *y = expected->leaf[i];
    assert_int_equal(x->has_grad, y->has_grad);
    if (!x->has_grad) continue;
    assert_ok(gd_tensor_get(x->grad, a, gd_numel(x)));
    assert_ok(gd_tensor_get(y->grad, b, gd_numel(y)));
    for (int64_t k = 0; k < gd_numel(x); k++) assert_close(a[k], b[k], tolerance * (1 + fabs(b[k])));
  }
}

static void pass(model *m, use f, uint64_t seed) {
  gd_tape_reset(m->tape);
  gd_tensor *loss = f(m, samples(m, seed));
  assert_ok(gd_backward(m->tape, loss, NULL));
}

static void zero(model *m) {
  for (int i = 0; i < MOST_LEAVES; i++) gd_zero_grad(m->leaf[i]);
}

/* ---- promises ---- */

/* The first pass overwrites, the next one adds, and the third follows at once in the same memory. */
static void gradients_are_there_after_backward(void **state) {
  (void)state;
  for (int i = 0; i < USES; i++)
    for (int type = GD_F32; type <= GD_F64; type++) {
      const double tolerance = type == GD_F64 ? 1e-11 : 2e-3;
      model here = model_on(cpu, (gd_dtype)type), there = model_on(gpu, (gd_dtype)type);
      for (int n = 0; n < 3; n++) {
        if (n == 2) zero(&here), zero(&there);
        for (int k = 0; k <= n; k++)
          pass(&here, uses[i], (uint64_t)(n + k)), pass(&there, uses[i], (uint64_t)(n + k));
        assert_gradients(&there, &here, tolerance);
      }
      model_free(&here), model_free(&there);
    }
}

typedef struct told {
  int n;
  double sum[MOST_LEAVES];
} told;

static void listen(void *user, gd_tensor *leaf) {
  told *to = user;
  static double value[B * WIDTH];
  assert_ok(gd_tensor_get(leaf->grad, value, gd_numel(leaf)));
  double *sum = &to->sum[to->n++];
  *sum = 0;
  for (int64_t i = 0; i < gd_numel(leaf); i++) *sum += value[i];
}

static void who_is_told_of_a_gradient_finds_it(void **state) {
  (void)state;
  told here = {0}, there = {0};
  model a = model_on(cpu, GD_F64), b = model_on(gpu, GD_F64);
  gd_tape_on_grad_ready(a.tape, listen, &here);
  gd_tape_on_grad_ready(b.tape, listen, &there);
  pass(&a, penalty_last, 1), pass(&b, penalty_last, 1);
  assert_int_equal(here.n, MOST_LEAVES);
  assert_int_equal(there.n, MOST_LEAVES);
  for (int i = 0; i < MOST_LEAVES; i++) {
    double nearest = INFINITY; /* b and W are told of in another order */
    for (int k = 0; k < MOST_LEAVES; k++) nearest = fmin(nearest, fabs(there.sum[i] - here.sum[k]));
    assert_close(nearest, 0, 1e-9);
  }
  model_free(&a), model_free(&b);
}

static void ignore(void *user, gd_tensor *leaf) {
  (void)user, (void)leaf;
}

/* Somebody who is told makes every gradient be waited for. Rounded operands are temporaries, too. */
static void gradients_beside_have_the_bits_of_one_by_one(void **state) {
  (void)state;
  for (int matmul = GD_MATMUL_NATIVE; matmul <= GD_MATMUL_TF32; matmul++) {
    gd_device *d = device_of(GD_CUDA, (gd_matmul_type)matmul);
    model beside = model_on(d, GD_F32), alone = model_on(d, GD_F32);
    gd_tape_on_grad_ready(alone.tape, ignore, NULL);
    for (int i = 0; i < USES; i++) {
      zero(&beside), zero(&alone);
      pass(&beside, uses[i], 1), pass(&alone, uses[i], 1);
      assert_gradients(&beside, &alone, 0);
    }
    model_free(&beside), model_free(&alone);
    gd_device_close(d);
  }
}

static gd_status broken(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                        const bool add[]) {
  (void)d, (void)n, (void)dout, (void)din, (void)add;
  return GD_FAIL(GD_ERR_GPU, "as planned");
}

static gd_tensor *through(model *m, const gd_op *op, gd_tensor *x) {
  gd_tensor *h = layer(m, x, 0, 3);
  return squares(m, layer(m, gd_apply(m->tape, op, &(gdi_numbers){{0}}, 1, &h), 1, 3));
}

/* What a pass has put aside before it failed does not come after the next one. */
static void a_pass_that_failed_leaves_nothing_behind(void **state) {
  (void)state;
  model here = model_on(cpu, GD_F64), there = model_on(gpu, GD_F64);
  gd_op fails = gdi_op_exp;
  fails.kernel[GD_CUDA].backward = broken;
  for (int recorded = 0; recorded < 2; recorded++) {
    gdi_graph *g = NULL;
    gd_tensor *loss = through(&there, &fails, samples(&there, 1));
    assert_int_equal(gd_backward(there.tape, loss, NULL), GD_ERR_GPU);
    zero(&here), zero(&there);
    if (recorded) assert_ok(gpu->gpu->capture(gpu));
    gd_tape_reset(here.tape), gd_tape_reset(there.tape);
    assert_ok(gd_backward(here.tape, penalty(&here), NULL));
    assert_ok(gd_backward(there.tape, penalty(&there), NULL));
    if (recorded) assert_ok(gpu->gpu->captured(gpu, &g));
    if (recorded) assert_ok(gpu->gpu->replay(gpu, g));
    assert_gradients(&there, &here, 1e-12);
    gpu->gpu->graph_free(gpu, g);
  }
  model_free(&here), model_free(&there);
}

/* Lanes become branches: a replay finds the same, and waits for fewer kernels than it has. */
static void recorded_branches_meet_again(void **state) {
  (void)state;
  model here = model_on(cpu, GD_F64), there = model_on(gpu, GD_F64);
  gd_tensor *x = filled(gpu, there.arena, GD_F64, 101, GD_SHAPE(B, WIDTH)); /* samples(1) */
  gdi_graph *g;
  for (int i = 0; i < USES; i++) {
    zero(&here), zero(&there);
    pass(&here, uses[i], 1), pass(&there, uses[i], 1); /* makes what recording may not */
    zero(&there);
    gd_tape_reset(there.tape);
    assert_ok(gpu->gpu->capture(gpu));
    assert_ok(gd_backward(there.tape, uses[i](&there, x), NULL));
    assert_ok(gpu->gpu->captured(gpu, &g));
    for (int k = 0; k < MOST_LEAVES; k++)
      if (there.leaf[k]->has_grad) assert_ok(gd_tensor_fill(there.leaf[k]->grad, NAN));
    for (int k = 0; k < 2; k++) assert_ok(gpu->gpu->replay(gpu, g));
    assert_gradients(&there, &here, 1e-11);
    int longest, kernels = gpu->gpu->graph_kernels(g, &longest);
    assert_in_range(longest, kernels / 2, kernels);
    if (uses[i] == each_once || uses[i] == penalty_last)
      assert_in_range(kernels - longest, 3 + 2, kernels / 2); /* dW of 3 layers, db of one */
    gpu->gpu->graph_free(gpu, g);
  }
  model_free(&here), model_free(&there);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_are_there_after_backward),
      cmocka_unit_test(who_is_told_of_a_gradient_finds_it),
      cmocka_unit_test(gradients_beside_have_the_bits_of_one_by_one),
      cmocka_unit_test(a_pass_that_failed_leaves_nothing_behind),
      cmocka_unit_test(recorded_branches_meet_again),
  };
  if (no_gpu()) return 77;
  cpu = device_of(GD_CPU, GD_MATMUL_NATIVE), gpu = device_of(GD_CUDA, GD_MATMUL_NATIVE);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gd_device_close(gpu), gd_device_close(cpu);
  return failed;
}

/*
 * Where products take bf16, a kernel that makes values writes their rounded copies too, and the product that
 * comes next takes those: one launch less, the same bits, and never a copy of values that were changed since.
 */
#include "device/gpu.h"
#include "products.h"

enum { B = 33, I = 20, MOST = 64 };

/* x [B,I] -> tanh(x W0^T + b) [B,O] -> what comes between -> times W1^T [C]; the weights have copies. */
typedef struct model {
  gd_device *gpu;
  gd_arena *memory;
  gd_tape *tape;
  int64_t O;
  gd_tensor *x, *W[2], *b, *other;
} model;

static gd_tensor *weight(model *m, char *run, int64_t *at, int64_t rows, int64_t columns, uint64_t seed) {
  gd_tensor *w;
  double value[MOST * MOST];
  assert_ok(gd_tensor_over(&w, m->memory, m->gpu, GD_F32, GD_SHAPE(rows, columns), run + *at * 4));
  for (int64_t i = 0; i < rows * columns; i++)
    value[i] = 0.3 * gd_rng_normal(gd_rng_stream(seed, GD_RNG_TEST, 0), (uint64_t)i);
  assert_ok(gd_tensor_set(w, value, rows * columns));
  assert_ok(gd_require_grad(w, true));
  *at += (rows * columns + 15) / 16 * 16;
  return w;
}

static model new_model(int64_t O) {
  model m = {.gpu = device_of(GD_CUDA, GD_MATMUL_BF16), .O = O};
  gd_tensor *run, *copies;
  int64_t at = 0;
  assert_ok(gd_arena_new(&m.memory, "test"));
  assert_ok(gd_tape_new(&m.tape, m.gpu));
  m.x = made(m.gpu, m.memory, GD_F32, GD_SHAPE(B, I), 1, 1, 0);
  m.b = made(m.gpu, m.memory, GD_F32, GD_SHAPE(O), 2, 1, 0);
  m.other = made(m.gpu, m.memory, GD_F32, GD_SHAPE(B, O), 0, 0, 0.7);
  assert_ok(gd_require_grad(m.x, true));
  run = made(m.gpu, m.memory, GD_F32, GD_SHAPE(2 * MOST * MOST), 0, 0, 0);
  assert_ok(gd_tensor_new(&copies, m.memory, m.gpu, GD_BF16, GD_SHAPE(2 * MOST * MOST)));
  m.W[0] = weight(&m, run->data, &at, O, I, 3);
  m.W[1] = weight(&m, run->data, &at, 24, O, 4);
  m.gpu->gpu->weight_copy(m.gpu, run->data, 2 * MOST * MOST, copies->data);
  assert_ok(m.gpu->gpu->round(m.gpu));
  return m;
}

static void end(model *m) {
  gd_tape_free(m->tape);
  gd_arena_free(m->memory);
  gd_device_close(m->gpu);
}

/* ---- what comes between ---- */

typedef gd_tensor *(*between)(model *m, gd_tensor *y);

static gd_tensor *nothing(model *m, gd_tensor *y) {
  (void)m;
  return y;
}
static gd_tensor *a_view_of_all(model *m, gd_tensor *y) {
  return gd_reshape(m->tape, y, GD_SHAPE(1, B, m->O));
}
static gd_tensor *its_first_rows(model *m, gd_tensor *y) {
  return gd_slice(m->tape, y, 0, 0, 7);
}
static gd_tensor *its_last_rows(model *m, gd_tensor *y) {
  return gd_slice(m->tape, y, 0, 1, B);
}
static gd_tensor *another_operation(model *m, gd_tensor *y) {
  return gd_mul_scalar(m->tape, y, 3);
}
static gd_tensor *values_set(model *m, gd_tensor *y) {
  double value[B * MOST];
  for (int64_t i = 0; i < B * m->O; i++) value[i] = 0.01 * (double)i;
  assert_ok(gd_tensor_set(y, value, B * m->O));
  return y;
}
static gd_tensor *values_filled(model *m, gd_tensor *y) {
  (void)m;
  assert_ok(gd_tensor_fill(y, 0.3));
  return y;
}
static gd_tensor *values_copied(model *m, gd_tensor *y) {
  assert_ok(m->gpu->copy(m->gpu, y->data, m->other->data, gd_tensor_bytes(y)));
  return y;
}
static gd_tensor *values_zeroed(model *m, gd_tensor *y) {
  assert_ok(m->gpu->zero(m->gpu, y->data, gd_tensor_bytes(y)));
  return y;
}
/* The same memory is another tensor's now. */
static gd_tensor *a_new_tape(model *m, gd_tensor *y) {
  void *was = y->data;
  gd_tape_reset(m->tape);
  for (int i = 0; i < 9; i++) {
    assert_ok(gd_tensor_new(&y, gd_tape_arena(m->tape), m->gpu, GD_F32, GD_SHAPE(B, m->O)));
    if (y->data == was) break;
  }
  assert_ptr_equal(y->data, was);
  return values_copied(m, y);
}

/* ---- a run ---- */

/* `late`: something is queued before the second product, which then rounds for itself. */
static gd_tensor *forward(model *m, between change, bool late) {
  gd_tape_reset(m->tape);
  gd_tensor *y = change(m, gd_linear(m->tape, m->x, m->W[0], m->b, GD_ACT_TANH));
  if (late) assert_ok(m->gpu->zero(m->gpu, m->other->data, 0));
  gd_tensor *z = gd_linear(m->tape, y, m->W[1], NULL, GD_ACT_NONE);
  assert_ok(gd_tape_status(m->tape));
  return z;
}

/* Result and gradients, one after the other. Returns how many numbers. */
static int64_t run(model *m, between change, bool late, bool recording, double *out) {
  gd_tensor *z, *all[] = {NULL, m->x->grad, m->W[0]->grad, m->W[1]->grad};
  int64_t n = 0;
  gd_tape_record(m->tape, recording);
  all[0] = z = forward(m, change, late);
  if (recording) {
    for (int i = 0; i < 3; i++) gd_zero_grad(i ? m->W[i - 1] : m->x);
    gd_tensor *seed = made(m->gpu, gd_tape_arena(m->tape), GD_F32, z->ndim, z->shape, 8, 1, 0);
    assert_ok(gd_backward(m->tape, z, seed));
    all[1] = m->x->grad, all[2] = m->W[0]->grad, all[3] = m->W[1]->grad;
  }
  for (int i = 0; i < (recording ? 4 : 1); i++) {
    if (!all[i]) continue;
    assert_ok(gd_tensor_get(all[i], out + n, gd_numel(all[i])));
    n += gd_numel(all[i]);
  }
  return n;
}

/* Launches of a forward. */
static int launches(model *m, between change, bool late, bool recording) {
  gdi_graph *g;
  gd_tape_record(m->tape, recording);
  (void)forward(m, change, late); /* memory and plans are there */
  assert_ok(m->gpu->gpu->wait(m->gpu));
  assert_ok(m->gpu->gpu->capture(m->gpu));
  (void)forward(m, change, late);
  assert_ok(m->gpu->gpu->captured(m->gpu, &g));
  const int n = m->gpu->gpu->graph_kernels(g, NULL);
  m->gpu->gpu->graph_free(m->gpu, g);
  return n;
}

static void expect_same(model *m, between change, bool recording) {
  enum { NUMBERS = 4 * MOST * MOST };
  double *direct = malloc(NUMBERS * sizeof *direct), *late = malloc(NUMBERS * sizeof *late);
  const int64_t n = run(m, change, false, recording, direct);
  assert_int_equal(run(m, change, true, recording, late), n);
  assert_memory_equal(direct, late, (size_t)n * sizeof *direct);
  free(direct), free(late);
}

/* ---- the promises ---- */

static const int64_t widths[] = {32, 33, 30, 3, 64};

static void the_copy_has_the_bits_and_saves_a_launch(void **state) {
  (void)state;
  static const between kept[] = {nothing, a_view_of_all, its_first_rows};
  for (int w = 0; w < 5; w++) {
    model m = new_model(widths[w]);
    for (int k = 0; k < 3; k++)
      for (int recording = 0; recording < 2; recording++) {
        expect_same(&m, kept[k], recording);
        assert_int_equal(launches(&m, kept[k], true, recording), launches(&m, kept[k], false, recording) + 1);
      }
    end(&m);
  }
}

static void what_was_changed_is_rounded_anew(void **state) {
  (void)state;
  static const between changed[] = {its_last_rows, another_operation, values_set, values_filled,
                                    values_copied, values_zeroed,     a_new_tape};
  for (int w = 0; w < 5; w++) {
    model m = new_model(widths[w]);
    for (int k = 0; k < 7; k++)
      for (int recording = 0; recording < 2; recording++)
        if (!recording || changed[k] != a_new_tape) expect_same(&m, changed[k], recording);
    end(&m);
  }
}

/* The copy does for a matmul, and for backward however much is queued before it. */
static void other_products_take_it_too(void **state) {
  (void)state;
  model m = new_model(32);
  double found[2][B * 24];
  for (int late = 0; late < 2; late++) {
    gd_tape_reset(m.tape);
    gd_tensor *y = gd_linear(m.tape, m.x, m.W[0], m.b, GD_ACT_GELU), *w = gd_transpose(m.tape, m.W[1], 0, 1);
    y = gd_linear(m.tape, m.x, m.W[0], m.b, GD_ACT_GELU);
    if (late) assert_ok(m.gpu->zero(m.gpu, m.other->data, 0));
    gd_tensor *z = gd_matmul(m.tape, y, w);
    assert_ok(gd_tape_status(m.tape));
    assert_ok(gd_tensor_get(z, found[late], B * 24));
  }
  assert_memory_equal(found[0], found[1], sizeof found[0]);
  end(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_copy_has_the_bits_and_saves_a_launch),
      cmocka_unit_test(what_was_changed_is_rounded_anew),
      cmocka_unit_test(other_products_take_it_too),
  };
  if (no_gpu()) return 77;
  return cmocka_run_group_tests(tests, NULL, NULL);
}

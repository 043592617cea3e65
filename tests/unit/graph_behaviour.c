/* What users of autograd rely on. */
#include <math.h>
#include <string.h>

#include "gd/gd.h"
#include "test.h"

typedef struct world {
  gd_device *device;
  gd_tape *tape;
  gd_arena *arena;
} world;

static int set_up(void **state) {
  static world w;
  assert_ok(gd_device_open(&w.device, &(gd_device_options){.kind = GD_CPU, .threads = 2}));
  assert_ok(gd_tape_new(&w.tape, w.device));
  assert_ok(gd_arena_new(&w.arena, "model"));
  *state = &w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  gd_tape_free(w->tape);
  gd_arena_free(w->arena);
  gd_device_close(w->device);
  return 0;
}

/* A leaf of the model arena that requires a gradient. */
static gd_tensor *leaf(world *w, int ndim, const int64_t shape[], const double *values) {
  gd_tensor *x;
  assert_ok(gd_tensor_new(&x, w->arena, w->device, GD_F64, ndim, shape));
  assert_ok(gd_tensor_set(x, values, gd_numel(x)));
  assert_ok(gd_require_grad(x, true));
  return x;
}
#define LEAF(w, ...)                                                                                         \
  leaf(w, GD_SHAPE((int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double))), (double[]){__VA_ARGS__})

static void assert_values(const gd_tensor *x, int n, const double *expected) {
  double values[64];
  assert_non_null(x);
  assert_ok(gd_tensor_get(x, values, n));
  for (int i = 0; i < n; i++) assert_close(values[i], expected[i], 1e-12);
}
#define VALUES(...)                                                                                          \
  (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]) {                                      \
    __VA_ARGS__                                                                                              \
  }

static void assert_message(gd_status st, gd_status expected, const char *part) {
  assert_int_equal(st, expected);
  if (!strstr(gd_error_last()->message, part))
    fail_msg("\"%s\" does not say \"%s\"", gd_error_last()->message, part);
}

static void a_chain_has_names_and_gradients(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = LEAF(w, -0.7851, -0.5255, -0.8914);
  gd_tensor *y = gd_add_scalar(t, x, 2), *z = gd_mul_scalar(t, y, 2), *m = gd_mean(t, z, GD_ALL, false);
  assert_string_equal(gd_grad_fn(y), "AddBackward");
  assert_string_equal(gd_grad_fn(z), "MulBackward");
  assert_string_equal(gd_grad_fn(m), "MeanBackward");
  assert_null(gd_grad_fn(x));
  assert_ok(gd_backward(t, m, NULL));
  assert_close(gd_item(m), 2.5320, 1e-4);
  assert_values(x->grad, VALUES(2. / 3, 2. / 3, 2. / 3));
  gd_tape_reset(t);
}

static void gradients_accumulate_until_zeroed(void **state) {
  world *w = *state;
  gd_tensor *x = LEAF(w, 1, 1, 1, 1);
  for (int round = 1; round <= 3; round++) {
    gd_tensor *y = gd_sum(w->tape, gd_mul_scalar(w->tape, x, 3), GD_ALL, false);
    assert_ok(gd_backward(w->tape, y, NULL));
    assert_values(x->grad, VALUES(3. * round, 3. * round, 3. * round, 3. * round));
    gd_tape_reset(w->tape);
  }
  gd_zero_grad(x);
  assert_ok(gd_backward(w->tape, gd_sum(w->tape, gd_mul_scalar(w->tape, x, 3), GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(3, 3, 3, 3));
  gd_tape_reset(w->tape);
}

static void backward_twice_through_one_tape_adds(void **state) {
  world *w = *state;
  gd_tensor *x = LEAF(w, 2, 3);
  gd_tensor *y = gd_sum(w->tape, gd_square(w->tape, gd_mul(w->tape, x, x)), GD_ALL, false);
  assert_ok(gd_backward(w->tape, y, NULL));
  assert_values(x->grad, VALUES(4 * 8, 4 * 27));
  assert_ok(gd_backward(w->tape, y, NULL));
  assert_values(x->grad, VALUES(8 * 8, 8 * 27));
  gd_tape_reset(w->tape);
}

static void without_recording_there_is_no_gradient_and_the_error_says_why(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = LEAF(w, 1, 2);
  bool was = gd_tape_record(t, false);
  gd_tensor *y = gd_sum(t, x, GD_ALL, false);
  gd_tape_record(t, was);
  assert_false(y->requires_grad);
  assert_message(gd_backward(t, y, NULL), GD_ERR_NO_GRAD, "recording was off");
  gd_tensor *z = gd_detach(t, gd_sum(t, x, GD_ALL, false));
  assert_false(z->requires_grad);
  assert_message(gd_backward(t, z, NULL), GD_ERR_NO_GRAD, "detached");
  assert_ok(gd_require_grad(x, false));
  assert_message(gd_backward(t, gd_sum(t, x, GD_ALL, false), NULL), GD_ERR_NO_GRAD,
                 "do not require a gradient");
  assert_message(gd_backward(t, x, NULL), GD_ERR_NO_GRAD, "leaf");
  assert_ok(gd_require_grad(x, true));
  gd_tensor *result = gd_neg(t, x);
  assert_message(gd_require_grad(result, false), GD_ERR_NO_GRAD, "detach it first");
  assert_ok(gd_tape_status(t));
  gd_tape_reset(t);
}

static void a_seed_gives_a_vector_jacobian_product(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = LEAF(w, 1, 2, 3), *seed = gd_values(t, GD_F64, (double[]){1, -2, 0.5}, GD_SHAPE(3));
  gd_tensor *y = gd_square(t, x);
  assert_message(gd_backward(t, y, NULL), GD_ERR_SHAPE, "[3]");
  assert_ok(gd_backward(t, y, seed));
  assert_values(x->grad, VALUES(2, -8, 3));
  assert_message(gd_backward(t, y, gd_constant(t, GD_F64, 1)), GD_ERR_SHAPE, "seed");
  gd_tape_reset(t);
}

static void gradients_pass_through_shared_parts(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = LEAF(w, 3);
  gd_tensor *y = gd_mul(t, x, x), *z = gd_add(t, gd_mul(t, y, x), y); /* x^3 + x^2 */
  gd_tensor *aside = gd_exp(t, y);
  assert_ok(gd_backward(t, gd_sum(t, z, GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(3 * 9 + 2 * 3));
  assert_false(aside->has_grad);
  gd_tape_reset(t);
}

static void known_derivatives_of_several_variables(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = LEAF(w, 1.5), *y = LEAF(w, -0.5);
  gd_tensor *h = gd_sin(t, gd_add(t, gd_square(t, x), gd_square(t, y)));
  assert_close(gd_item(h), 0.5984721441039564, 1e-15);
  assert_ok(gd_backward(t, h, NULL));
  assert_values(x->grad, VALUES(-2.403430846640801));
  assert_values(y->grad, VALUES(0.8011436155469337));
  gd_tensor *a = LEAF(w, 1), *b = LEAF(w, 2), *c = LEAF(w, 3);
  gd_tensor *inner = gd_div(t, gd_mul(t, c, gd_mul_scalar(t, a, 2)), gd_sin(t, b));
  gd_tensor *f = gd_tanh(t, gd_log(t, gd_add_scalar(t, inner, 1)));
  assert_close(gd_item(f), 0.965950038567272, 1e-14);
  assert_ok(gd_backward(t, f, NULL));
  assert_values(a->grad, VALUES(0.058130821867924704));
  assert_values(b->grad, VALUES(0.02660400976902784));
  assert_values(c->grad, VALUES(0.01937694062264157));
  gd_tape_reset(t);
}

static void the_first_error_is_kept_and_passes_through(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = gd_values(t, GD_F64, (double[6]){0}, GD_SHAPE(2, 3));
  gd_tensor *y = gd_values(t, GD_F64, (double[8]){0}, GD_SHAPE(4, 2));
  gd_tensor *bad = gd_matmul(t, x, y);
  assert_null(bad);
  assert_null(gd_add(t, x, gd_relu(t, bad)));
  assert_null(gd_sub(t, x, y));
  assert_message(gd_backward(t, gd_sum(t, bad, GD_ALL, false), NULL), GD_ERR_SHAPE,
                 "matmul: [2, 3] and [4, 2] do not fit");
  assert_message(gd_tape_status(t), GD_ERR_SHAPE, "matmul: [2, 3] and [4, 2] do not fit");
  gd_tape_reset(t);
  assert_ok(gd_tape_status(t));
  assert_null(gd_exp(t, NULL));
  assert_message(gd_tape_status(t), GD_ERR_USAGE, "exp: operand 1 is NULL");
  gd_tape_reset(t);
}

static void views_share_their_values(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = leaf(w, GD_SHAPE(3, 2), (double[]){1, 2, 3, 4, 5, 6});
  gd_tensor *flat = gd_reshape(t, x, GD_SHAPE(-1)), *rows = gd_slice(t, x, 0, 1, 3), *loose = gd_detach(t, x);
  assert_ptr_equal(flat->data, x->data);
  assert_int_equal(flat->shape[0], 6);
  assert_ptr_equal(rows->data, (double *)x->data + 2);
  assert_ptr_equal(loose->data, x->data);
  assert_ok(gd_backward(t, gd_sum(t, gd_square(t, rows), GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(0, 0, 6, 8, 10, 12));
  assert_ok(gd_backward(t, gd_sum(t, flat, GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(1, 1, 7, 9, 11, 13));
  gd_tape_reset(t);
}

static void gradients_go_where_they_are_bound(void **state) {
  world *w = *state;
  double memory[2] = {NAN, NAN};
  gd_tensor *x = LEAF(w, 1, 2);
  assert_ok(gd_tensor_over(&x->grad, w->arena, w->device, GD_F64, GD_SHAPE(2), memory));
  assert_ok(gd_backward(w->tape, gd_sum(w->tape, gd_square(w->tape, x), GD_ALL, false), NULL));
  assert_close(memory[0], 2, 0);
  assert_close(memory[1], 4, 0);
  gd_tape_reset(w->tape);
}

typedef struct told {
  const char *order[8];
  double value[8];
  int n;
} told;

static void tell(void *user, gd_tensor *x) {
  told *to = user;
  to->order[to->n] = x->name;
  to->value[to->n++] = gd_numel(x) == 1 ? gd_item(x->grad) : 0;
}

static void a_leaf_is_announced_once_when_its_gradient_is_complete(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *a = LEAF(w, 2), *b = LEAF(w, 3), *unused = LEAF(w, 1);
  a->name = "a", b->name = "b", unused->name = "unused";
  told got = {0};
  gd_tape_on_grad_ready(t, tell, &got);
  (void)gd_exp(t, unused);
  gd_tensor *y = gd_mul(t, gd_mul(t, a, a), b); /* a^2 b, then + a */
  assert_ok(gd_backward(t, gd_add(t, y, a), NULL));
  gd_tape_on_grad_ready(t, NULL, NULL);
  assert_int_equal(got.n, 2);
  assert_string_equal(got.order[0], "b");
  assert_string_equal(got.order[1], "a");
  assert_close(got.value[0], 4, 0);
  assert_close(got.value[1], 2 * 2 * 3 + 1, 0);
  gd_tape_reset(t);
}

/* So that it can travel while the gradient of the layer before is computed. */
static void a_weight_is_announced_before_the_input_of_its_layer(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = leaf(w, GD_SHAPE(1, 2), (double[]){1, 2}), *W = leaf(w, GD_SHAPE(1, 2), (double[]){3, 4}),
            *b = LEAF(w, 5);
  x->name = "x", W->name = "W", b->name = "b";
  told got = {0};
  gd_tape_on_grad_ready(t, tell, &got);
  const char *const order[] = {"b", "W", "x"};
  gd_tensor *y = gd_linear(t, x, W, b, GD_ACT_NONE);
  assert_ok(
      gd_backward(t, gd_sum(t, gd_mul(t, y, gd_linear(t, x, W, NULL, GD_ACT_NONE)), GD_ALL, false), NULL));
  gd_tape_on_grad_ready(t, NULL, NULL);
  assert_int_equal(got.n, 3);
  for (int i = 0; i < 3; i++) assert_string_equal(got.order[i], order[i]);
  gd_tape_reset(t);
}

static void a_warm_step_allocates_nothing_and_repeats_its_addresses(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = leaf(w, GD_SHAPE(8, 3), (double[24]){1, 2, 3}),
            *W = leaf(w, GD_SHAPE(5, 3), (double[15]){1, -1});
  void *first[3] = {0};
  size_t bytes = 0;
  for (int step = 0; step < 4; step++) {
    gd_tape_reset(t);
    gd_zero_grad(x);
    gd_zero_grad(W);
    gd_tensor *h = gd_tanh(t, gd_linear(t, x, W, NULL, GD_ACT_NONE)), *v = gd_var(t, h, GD_DIMS(0), 1, false);
    gd_tensor *y = gd_mean(t, v, GD_ALL, false);
    assert_ok(gd_backward(t, y, NULL));
    size_t now = gd_arena_reserved_bytes(gd_tape_arena(t)) + gd_arena_reserved_bytes(w->arena);
    if (step > 0) {
      assert_ptr_equal(h->data, first[0]);
      assert_ptr_equal(y->data, first[1]);
      assert_ptr_equal(x->grad->data, first[2]);
      assert_int_equal(now, bytes);
    }
    first[0] = h->data, first[1] = y->data, first[2] = x->grad->data, bytes = now;
  }
  gd_tape_reset(t);
}

static void tapes_do_not_mix(void **state) {
  world *w = *state;
  gd_tape *other;
  assert_ok(gd_tape_new(&other, w->device));
  gd_tensor *x = LEAF(w, 1), *y = gd_neg(w->tape, x);
  assert_null(gd_neg(other, y));
  assert_message(gd_tape_status(other), GD_ERR_USAGE, "another tape");
  gd_tape_reset(other);
  assert_message(gd_backward(other, y, NULL), GD_ERR_USAGE, "another tape");
  gd_tape_free(other);
  gd_tape_reset(w->tape);
}

static void the_drawing_names_leaves_and_operations(void **state) {
  world *w = *state;
  gd_tape *t = w->tape;
  gd_tensor *x = LEAF(w, 1, 2), *W = LEAF(w, 3, 4);
  x->name = "x", W->name = "the \"weight\"";
  gd_tensor *y = gd_sum(t, gd_mul(t, gd_mul(t, x, W), W), GD_ALL, false);
  char text[4096] = {0};
  FILE *f = tmpfile();
  assert_non_null(f);
  assert_ok(gd_tape_write_dot(t, y, f));
  rewind(f);
  assert_true(fread(text, 1, sizeof text - 1, f) > 100);
  fclose(f);
  assert_non_null(strstr(text, "digraph"));
  assert_non_null(strstr(text, "\"mul\""));
  assert_non_null(strstr(text, "the \\\"weight\\\"\\nf64 [2]"));
  assert_null(strstr(strstr(text, "the \\\"") + 1, "the \\\"")); /* used twice, drawn once */
  assert_message(gd_tape_write_dot(t, x, stdout), GD_ERR_NO_GRAD, "nothing is recorded");
  gd_tape_reset(t);
}

static void a_device_describes_what_decides_the_bits(void **state) {
  world *w = *state;
  assert_null(strstr(gd_device_describe(w->device), "2 threads")); /* they do not change the bits */
  assert_non_null(strstr(gd_device_describe(w->device), "oneDNN"));
  gd_device *none;
  assert_message(gd_device_open(&none, &(gd_device_options){.kind = GD_CUDA, .threads = 1}), GD_ERR_GPU,
                 "GPU");
  assert_message(gd_device_open(&none, &(gd_device_options){.kind = GD_CPU}), GD_ERR_USAGE, "thread");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_chain_has_names_and_gradients),
      cmocka_unit_test(gradients_accumulate_until_zeroed),
      cmocka_unit_test(backward_twice_through_one_tape_adds),
      cmocka_unit_test(without_recording_there_is_no_gradient_and_the_error_says_why),
      cmocka_unit_test(a_seed_gives_a_vector_jacobian_product),
      cmocka_unit_test(gradients_pass_through_shared_parts),
      cmocka_unit_test(known_derivatives_of_several_variables),
      cmocka_unit_test(the_first_error_is_kept_and_passes_through),
      cmocka_unit_test(views_share_their_values),
      cmocka_unit_test(gradients_go_where_they_are_bound),
      cmocka_unit_test(a_leaf_is_announced_once_when_its_gradient_is_complete),
      cmocka_unit_test(a_weight_is_announced_before_the_input_of_its_layer),
      cmocka_unit_test(a_warm_step_allocates_nothing_and_repeats_its_addresses),
      cmocka_unit_test(tapes_do_not_mix),
      cmocka_unit_test(the_drawing_names_leaves_and_operations),
      cmocka_unit_test(a_device_describes_what_decides_the_bits),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

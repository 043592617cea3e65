/* Gradients as users of autograd meet them: their values, where they go, and when they are announced. */
#include <math.h>

#include "graph_leaves.h"

static void a_chain_has_names_and_gradients(void **state) {
  (void)state;
  gd_tensor *x = LEAF(-0.7851, -0.5255, -0.8914);
  gd_tensor *y = gd_add_scalar(tape, x, 2), *z = gd_mul_scalar(tape, y, 2),
            *m = gd_mean(tape, z, GD_ALL, false);
  assert_string_equal(gd_grad_fn(y), "AddBackward");
  assert_string_equal(gd_grad_fn(z), "MulBackward");
  assert_string_equal(gd_grad_fn(m), "MeanBackward");
  assert_null(gd_grad_fn(x));
  assert_ok(gd_backward(tape, m, NULL));
  assert_close(gd_item(m), 2.5320, 1e-4);
  assert_values(x->grad, VALUES(2. / 3, 2. / 3, 2. / 3));
  gd_tape_reset(tape);
}

static void gradients_accumulate_until_zeroed(void **state) {
  (void)state;
  gd_tensor *x = LEAF(1, 1, 1, 1);
  for (int round = 1; round <= 3; round++) {
    gd_tensor *y = gd_sum(tape, gd_mul_scalar(tape, x, 3), GD_ALL, false);
    assert_ok(gd_backward(tape, y, NULL));
    assert_values(x->grad, VALUES(3. * round, 3. * round, 3. * round, 3. * round));
    gd_tape_reset(tape);
  }
  gd_zero_grad(x);
  assert_ok(gd_backward(tape, gd_sum(tape, gd_mul_scalar(tape, x, 3), GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(3, 3, 3, 3));
  gd_tape_reset(tape);
}

static void backward_twice_through_one_tape_adds(void **state) {
  (void)state;
  gd_tensor *x = LEAF(2, 3);
  gd_tensor *y = gd_sum(tape, gd_square(tape, gd_mul(tape, x, x)), GD_ALL, false);
  assert_ok(gd_backward(tape, y, NULL));
  assert_values(x->grad, VALUES(4 * 8, 4 * 27));
  assert_ok(gd_backward(tape, y, NULL));
  assert_values(x->grad, VALUES(8 * 8, 8 * 27));
  gd_tape_reset(tape);
}

static void a_seed_gives_a_vector_jacobian_product(void **state) {
  (void)state;
  gd_tensor *x = LEAF(1, 2, 3), *seed = gd_values(tape, GD_F64, (double[]){1, -2, 0.5}, GD_SHAPE(3));
  gd_tensor *y = gd_square(tape, x);
  assert_message(gd_backward(tape, y, NULL), GD_ERR_SHAPE, "[3]");
  assert_ok(gd_backward(tape, y, seed));
  assert_values(x->grad, VALUES(2, -8, 3));
  assert_message(gd_backward(tape, y, gd_constant(tape, GD_F64, 1)), GD_ERR_SHAPE, "seed");
  gd_tape_reset(tape);
}

static void gradients_pass_through_shared_parts(void **state) {
  (void)state;
  gd_tensor *x = LEAF(3);
  gd_tensor *y = gd_mul(tape, x, x), *z = gd_add(tape, gd_mul(tape, y, x), y); /* x^3 + x^2 */
  gd_tensor *aside = gd_exp(tape, y);
  assert_ok(gd_backward(tape, gd_sum(tape, z, GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(3 * 9 + 2 * 3));
  assert_false(aside->has_grad);
  gd_tape_reset(tape);
}

static void known_derivatives_of_several_variables(void **state) {
  (void)state;
  gd_tensor *x = LEAF(1.5), *y = LEAF(-0.5);
  gd_tensor *h = gd_sin(tape, gd_add(tape, gd_square(tape, x), gd_square(tape, y)));
  assert_close(gd_item(h), 0.5984721441039564, 1e-15);
  assert_ok(gd_backward(tape, h, NULL));
  assert_values(x->grad, VALUES(-2.403430846640801));
  assert_values(y->grad, VALUES(0.8011436155469337));
  gd_tensor *a = LEAF(1), *b = LEAF(2), *c = LEAF(3);
  gd_tensor *inner = gd_div(tape, gd_mul(tape, c, gd_mul_scalar(tape, a, 2)), gd_sin(tape, b));
  gd_tensor *f = gd_tanh(tape, gd_log(tape, gd_add_scalar(tape, inner, 1)));
  assert_close(gd_item(f), 0.965950038567272, 1e-14);
  assert_ok(gd_backward(tape, f, NULL));
  assert_values(a->grad, VALUES(0.058130821867924704));
  assert_values(b->grad, VALUES(0.02660400976902784));
  assert_values(c->grad, VALUES(0.01937694062264157));
  gd_tape_reset(tape);
}

static void views_share_their_values(void **state) {
  (void)state;
  gd_tensor *x = leaf(GD_SHAPE(3, 2), (double[]){1, 2, 3, 4, 5, 6});
  gd_tensor *flat = gd_reshape(tape, x, GD_SHAPE(-1)), *rows = gd_slice(tape, x, 0, 1, 3),
            *loose = gd_detach(tape, x);
  assert_ptr_equal(flat->data, x->data);
  assert_int_equal(flat->shape[0], 6);
  assert_ptr_equal(rows->data, (double *)x->data + 2);
  assert_ptr_equal(loose->data, x->data);
  assert_ok(gd_backward(tape, gd_sum(tape, gd_square(tape, rows), GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(0, 0, 6, 8, 10, 12));
  assert_ok(gd_backward(tape, gd_sum(tape, flat, GD_ALL, false), NULL));
  assert_values(x->grad, VALUES(1, 1, 7, 9, 11, 13));
  gd_tape_reset(tape);
}

static void gradients_go_where_they_are_bound(void **state) {
  (void)state;
  double memory[2] = {NAN, NAN};
  gd_tensor *x = LEAF(1, 2);
  assert_ok(gd_tensor_over(&x->grad, arena, device, GD_F64, GD_SHAPE(2), memory));
  assert_ok(gd_backward(tape, gd_sum(tape, gd_square(tape, x), GD_ALL, false), NULL));
  assert_close(memory[0], 2, 0);
  assert_close(memory[1], 4, 0);
  gd_tape_reset(tape);
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
  (void)state;
  gd_tensor *a = LEAF(2), *b = LEAF(3), *unused = LEAF(1);
  a->name = "a", b->name = "b", unused->name = "unused";
  told got = {0};
  gd_tape_on_grad_ready(tape, tell, &got);
  (void)gd_exp(tape, unused);
  gd_tensor *y = gd_mul(tape, gd_mul(tape, a, a), b); /* a^2 b, then + a */
  assert_ok(gd_backward(tape, gd_add(tape, y, a), NULL));
  gd_tape_on_grad_ready(tape, NULL, NULL);
  assert_int_equal(got.n, 2);
  assert_string_equal(got.order[0], "b");
  assert_string_equal(got.order[1], "a");
  assert_close(got.value[0], 4, 0);
  assert_close(got.value[1], 2 * 2 * 3 + 1, 0);
  gd_tape_reset(tape);
}

/* So that it can travel while the gradient of the layer before is computed. */
static void a_weight_is_announced_before_the_input_of_its_layer(void **state) {
  (void)state;
  gd_tensor *x = leaf(GD_SHAPE(1, 2), (double[]){1, 2}), *W = leaf(GD_SHAPE(1, 2), (double[]){3, 4}),
            *b = LEAF(5);
  x->name = "x", W->name = "W", b->name = "b";
  told got = {0};
  gd_tape_on_grad_ready(tape, tell, &got);
  const char *const order[] = {"b", "W", "x"};
  gd_tensor *y = gd_linear(tape, x, W, b, GD_ACT_NONE);
  assert_ok(gd_backward(
      tape, gd_sum(tape, gd_mul(tape, y, gd_linear(tape, x, W, NULL, GD_ACT_NONE)), GD_ALL, false), NULL));
  gd_tape_on_grad_ready(tape, NULL, NULL);
  assert_int_equal(got.n, 3);
  for (int i = 0; i < 3; i++) assert_string_equal(got.order[i], order[i]);
  gd_tape_reset(tape);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_chain_has_names_and_gradients),
      cmocka_unit_test(gradients_accumulate_until_zeroed),
      cmocka_unit_test(backward_twice_through_one_tape_adds),
      cmocka_unit_test(a_seed_gives_a_vector_jacobian_product),
      cmocka_unit_test(gradients_pass_through_shared_parts),
      cmocka_unit_test(known_derivatives_of_several_variables),
      cmocka_unit_test(views_share_their_values),
      cmocka_unit_test(gradients_go_where_they_are_bound),
      cmocka_unit_test(a_leaf_is_announced_once_when_its_gradient_is_complete),
      cmocka_unit_test(a_weight_is_announced_before_the_input_of_its_layer),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

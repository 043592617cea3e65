/* Dropout: a pure function of seed, stream, row in the global batch and element. */
#include "kernel.h"
#include "ops/dropout.h"

static const gd_rng stream = {0x123456789abcdef, 0xfedcba9876543210};

static gd_node *drop(bed on, gd_tensor *x, double p, int64_t row0) {
  gd_node *n = make_node(on, &gdi_op_dropout, 1, (gd_tensor *[]){x}, x->ndim, x->shape);
  *(gdi_dropout *)n->params = (gdi_dropout){.p = p, .rng = stream, .row0 = row0};
  assert_ok(forward(on, n));
  return n;
}

static gd_tensor *ones(bed on, gd_dtype type, int64_t B, int64_t I) {
  gd_tensor *x = random_tensor(on, type, 1, GD_SHAPE(B, I));
  for (int64_t i = 0; i < gd_numel(x); i++) set_at(x, i, 1);
  return x;
}

/* The rule as it is documented, one block at a time. */
static bool kept(int64_t row, int64_t I, int64_t element, double p) {
  uint64_t block = (uint64_t)(row * ((I + 3) / 4) + element / 4);
  uint32_t out[4];
  gd_philox4x32((uint32_t[]){(uint32_t)stream.seed, (uint32_t)(stream.seed >> 32)},
                (uint32_t[]){(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream.stream,
                             (uint32_t)(stream.stream >> 32)},
                out);
  return out[element % 4] < nearbyint((1 - p) * 0x1p32);
}

static void draws_follow_the_documented_rule(void **state) {
  (void)state;
  const int64_t widths[] = {1, 3, 4, 63, 64, 65, 300};
  bed on = bed_open(1, GD_MATMUL_NATIVE);
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    int64_t I = widths[w], row0 = (int64_t)1 << 31;
    gd_node *n = drop(on, ones(on, GD_F64, 9, I), 0.3, row0);
    for (int64_t i = 0; i < 9 * I; i++)
      assert_close(value_at(n->out, i), kept(row0 + i / I, I, i % I, 0.3) ? 1 / 0.7 : 0, 1e-15);
  }
  bed_close(on);
}

static void a_row_is_treated_alike_in_any_micro_batch_on_any_thread(void **state) {
  (void)state;
  bed on[3];
  for (int t = 0; t < 3; t++) {
    on[t] = bed_open(t + 1, GD_MATMUL_NATIVE);
    gd_tensor *whole = drop(on[t], ones(on[t], GD_F32, 96, 700), 0.5, 0)->out;
    gd_tensor *part = drop(on[t], ones(on[t], GD_F32, 32, 700), 0.5, 64)->out;
    assert_memory_equal((float *)whole->data + 64 * 700, part->data, 32 * 700 * sizeof(float));
    gd_tensor *first = drop(on[0], ones(on[0], GD_F32, 96, 700), 0.5, 0)->out;
    assert_same_bits(first, whole);
  }
  for (int t = 0; t < 3; t++) bed_close(on[t]);
}

static void the_share_kept_is_1_minus_p(void **state) {
  (void)state;
  bed on = bed_open(2, GD_MATMUL_NATIVE);
  for (double p = 0; p < 1; p += 0.25) {
    gd_tensor *y = drop(on, ones(on, GD_F32, 1000, 200), p, 5)->out;
    double zeros = 0;
    for (int64_t i = 0; i < gd_numel(y); i++) {
      double v = value_at(y, i);
      assert_true(v == 0 || fabs(v * (1 - p) - 1) < 1e-6);
      zeros += v == 0;
    }
    assert_close(zeros / 200000, p, p == 0 ? 0 : 0.005);
  }
  bed_close(on);
}

static void gradients_flow_where_values_did(void **state) {
  (void)state;
  bed on = bed_open(2, GD_MATMUL_NATIVE);
  gd_tensor *x = random_tensor(on, GD_F32, 1, GD_SHAPE(50, 70)),
            *dy = random_tensor(on, GD_F32, 2, GD_SHAPE(50, 70));
  for (int64_t i = 0; i < 70; i++) set_at(x, i, 0); /* a kept zero still has a gradient */
  gd_node *n = drop(on, x, 0.4, 3);
  for (int add = 0; add < 2; add++) {
    gd_tensor *dx = random_tensor(on, GD_F32, 3, GD_SHAPE(50, 70)),
              *before = random_tensor(on, GD_F32, 3, GD_SHAPE(50, 70));
    assert_ok(backward(on, n, dy, (gd_tensor *[]){dx}, (bool[]){add}));
    for (int64_t i = 0; i < gd_numel(x); i++) {
      double g = kept(3 + i / 70, 70, i % 70, 0.4) ? value_at(dy, i) / 0.6 : 0;
      assert_close(value_at(dx, i), g + (add ? value_at(before, i) : 0), 1e-5);
    }
  }
  bed_close(on);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draws_follow_the_documented_rule),
      cmocka_unit_test(a_row_is_treated_alike_in_any_micro_batch_on_any_thread),
      cmocka_unit_test(the_share_kept_is_1_minus_p),
      cmocka_unit_test(gradients_flow_where_values_did),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

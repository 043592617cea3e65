/* What a step finds on a GPU: sums of records, norms, and whether it may go on, as the CPU finds it. */
#include <math.h>

#include "device/norms.h"
#include "gpu/memory.h"

enum { RING = 4 };

/* A step: `before` is what is known, of K records; field `field` of record `at` may be `wild`. */
typedef struct found {
  gdi_totals now, ring[RING];
} found;

static found total_up(const double *records, int64_t K, int64_t step, bool skip, gdi_totals before) {
  const gdi_step_input in = {.step = step};
  found f;
  memset(&f, 0, sizeof f);
  gdi_totals *now = up(&before, sizeof before), *ring = up(f.ring, sizeof f.ring);
  assert_ok(gpu->gpu->totals(gpu, up(records, (size_t)K * GDI_RECORD_FIELDS * sizeof *records), K,
                             up(&in, sizeof in), skip, now, ring, RING));
  down(&f.now, now, sizeof f.now);
  down(f.ring, ring, sizeof f.ring);
  return f;
}

static double *records_of(int64_t K) {
  double *r = normal(GD_F64, (uint64_t)K, K * GDI_RECORD_FIELDS);
  for (int64_t k = 0; k < K; k++) {
    double *weight = &r[k * GDI_RECORD_FIELDS + GDI_RECORD_WEIGHT];
    *weight = k % 7 == 3 ? 0 : fabs(*weight);
    r[k * GDI_RECORD_FIELDS + GDI_RECORD_CORRECT] = -0.0; /* and stays it */
  }
  return r;
}

static void records_are_summed_as_the_tree_says(void **state) {
  (void)state;
  const int64_t Ks[] = {1, 2, 3, 5, 8, 31, 32, 33, 63, 64, 65, 100, 1000, 4097};
  for (size_t i = 0; i < sizeof Ks / sizeof *Ks; i++) {
    const int64_t K = Ks[i];
    const double *r = records_of(K);
    const found f = total_up(r, K, 6, false, (gdi_totals){.grad_norm = 5});
    int64_t counted = 0;
    for (int64_t k = 0; k < K; k++) counted += r[k * GDI_RECORD_FIELDS + GDI_RECORD_WEIGHT] > 0;
    for (int k = 0; k < GDI_RECORD_FIELDS; k++) {
      const double expected = gd_tree_sum(r + k, K, GDI_RECORD_FIELDS);
      assert_memory_equal(&f.now.record[k], &expected, sizeof expected);
    }
    assert_int_equal(f.now.step, 6);
    assert_true(f.now.scale == 1 / f.now.record[GDI_RECORD_WEIGHT]);
    assert_true(isnan(f.now.grad_norm));
    assert_int_equal(f.now.micro_batches, counted);
    assert_int_equal(f.now.go, 1);
    assert_int_equal(f.now.nonfinite, 0);
    assert_memory_equal(&f.ring[6 % RING], &f.now, sizeof f.now);
    forget(NULL);
  }
}

static void a_step_of_no_weight_moves_by_nothing(void **state) {
  (void)state;
  const double r[2 * GDI_RECORD_FIELDS] = {0};
  const found f = total_up(r, 2, 0, false, (gdi_totals){0});
  assert_true(f.now.scale == 0);
  assert_int_equal(f.now.go, 1);
  assert_int_equal(f.now.micro_batches, 0);
}

static void a_loss_that_is_not_finite_stops(void **state) {
  (void)state;
  const double wild[] = {NAN, INFINITY, -INFINITY};
  for (int skip = 0; skip < 2; skip++)
    for (int i = 0; i < 3; i++)
      for (int field = GDI_RECORD_LOSS; field <= GDI_RECORD_WEIGHT; field++) {
        double *r = records_of(9);
        r[4 * GDI_RECORD_FIELDS + field] = wild[i];
        const found bad = total_up(r, 9, 0, skip, (gdi_totals){0});
        assert_int_equal(bad.now.go, 0);
        assert_int_equal(bad.now.nonfinite, !skip);
        const found next = total_up(records_of(9), 9, 1, skip, bad.now);
        assert_int_equal(next.now.go, skip);
        assert_int_equal(next.ring[1].go, skip);
      }
}

/* As on the CPU: skipping is for steps, not for parameters that are beyond repair. */
static void a_sick_parameter_stops_every_later_step(void **state) {
  (void)state;
  for (int skip = 0; skip < 2; skip++) {
    const found f = total_up(records_of(3), 3, 0, skip, (gdi_totals){.nonfinite = 1});
    assert_int_equal(f.now.go, 0);
    assert_int_equal(f.now.nonfinite, 1);
  }
}

static void records_hold_what_they_are_given(void **state) {
  (void)state;
  for (int type = 0; type < 2; type++) {
    const double loss[] = {1.25}, weight[] = {17};
    const float single[] = {1.25f};
    gd_tensor *l, *w;
    double record[GDI_RECORD_FIELDS] = {9, 9, 9, 9, 9}, *to = up(record, sizeof record);
    const gd_dtype loss_type = type ? GD_F64 : GD_F32;
    assert_ok(gdi_tensor_make(&l, host, gpu, loss_type, GD_SCALAR,
                              up(type ? (const void *)loss : single, sizeof(double) / (type ? 1 : 2))));
    assert_ok(gdi_tensor_make(&w, host, gpu, GD_F64, GD_SCALAR, up(weight, sizeof weight)));
    assert_ok(gpu->gpu->record(gpu, to, l, w, 64));
    down(record, to, sizeof record);
    const double expected[GDI_RECORD_FIELDS] = {1.25, 17, 0, 64, 0};
    assert_memory_equal(record, expected, sizeof record);
  }
}

static gd_tensor *scalar(gd_dtype type, double value) {
  gd_tensor *t;
  const float single = (float)value;
  const bool f64 = type == GD_F64;
  assert_ok(gdi_tensor_make(&t, host, gpu, type, GD_SCALAR,
                            up(f64 ? (const void *)&value : &single, gd_dtype_bytes(type))));
  return t;
}

/* Written and added up in one go, or one after the other. */
static void the_only_record_of_a_step_is_its_sum(void **state) {
  (void)state;
  const double losses[] = {1.25, -0.0, NAN, INFINITY}, weights[] = {17, 0, NAN};
  const gdi_step_input in = {.step = 9};
  for (int i = 0; i < 4 * 3 * 2 * 2; i++) {
    const double loss = losses[i % 4], weight = weights[i / 4 % 3];
    const bool skip = i / 12 % 2;
    const gdi_totals before = {.grad_norm = 5, .nonfinite = i == 13};
    gd_tensor *l = scalar(i / 24 ? GD_F64 : GD_F32, loss), *w = scalar(GD_F64, weight);
    double record[GDI_RECORD_FIELDS], wanted[GDI_RECORD_FIELDS];
    found f = {0};
    void *one = up(wanted, sizeof wanted), *to = up(record, sizeof record);
    assert_ok(gpu->gpu->record(gpu, one, l, w, 64));
    down(wanted, one, sizeof wanted);
    const found g = total_up(wanted, 1, 9, skip, before);
    gdi_totals *now = up(&before, sizeof before), *ring = up(f.ring, sizeof f.ring);
    assert_ok(gpu->gpu->record_only(gpu, to, l, w, 64, up(&in, sizeof in), skip, now, ring, RING));
    down(record, to, sizeof record), down(&f.now, now, sizeof f.now), down(f.ring, ring, sizeof f.ring);
    assert_memory_equal(record, wanted, sizeof record);
    assert_memory_equal(&f.now, &g.now, sizeof f.now);
    assert_memory_equal(f.ring, g.ring, sizeof f.ring);
    forget(NULL);
  }
}

/* ---- norms ---- */

typedef struct squares {
  int64_t n;
  int norms;
  double *square;
  int32_t *param;
} squares;

enum { PARAMS = 5 };

static squares squares_of(int64_t n, int norms) {
  squares s = {n, norms, normal(GD_F64, 3, n * norms), gd_arena_alloc(host, (size_t)n * sizeof(int32_t))};
  for (int64_t i = 0; i < n * norms; i++) s.square[i] *= s.square[i];
  for (int64_t g = 0; g < n; g++) s.param[g] = (int32_t)(g * PARAMS / n);
  return s;
}

static gdi_totals norms_of(const squares *s, const gdi_gpu_clip *c, gdi_totals before, double rate[PARAMS]) {
  const gdi_step_input in = {.step = before.step, .constants = {{.l2 = 0.1}}}; /* lars: the decay */
  gdi_gpu_slice slice = {.segments = s->n, .trained = s->n, .norms = s->norms};
  gdi_totals *now = up(&before, sizeof before), ring[RING] = {0}, *on_gpu = up(ring, sizeof ring);
  slice.square = up(s->square, (size_t)(s->n * s->norms) * sizeof *s->square);
  slice.param = up(s->param, (size_t)s->n * sizeof *s->param);
  slice.rate = s->norms > 1 ? up(rate, PARAMS * sizeof *rate) : NULL;
  assert_ok(gpu->gpu->norms(gpu, &slice, c, up(&in, sizeof in), now, on_gpu, RING));
  down(&before, now, sizeof before);
  down(ring, on_gpu, sizeof ring);
  if (before.go) assert_memory_equal(&ring[before.step % RING], &before, sizeof before);
  if (slice.rate) down(rate, slice.rate, PARAMS * sizeof *rate);
  return before;
}

static void norms_have_the_bits_of_the_cpu(void **state) {
  (void)state;
  const int64_t counts[] = {1, 2, 300, 1024, 5000};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    for (int variant = 0; variant < 6; variant++) {
      const squares s = squares_of(counts[i], 1 + variant % 2);
      const gdi_gpu_clip c = {.clip_norm = variant / 2, .trust = 0.01};
      double rate[PARAMS] = {-1, -1, -1, -1, -1}, sum = 0, g[PARAMS] = {0}, w[PARAMS] = {0};
      const gdi_totals now = norms_of(&s, &c, (gdi_totals){.step = 2, .scale = 0.25, .go = 1}, rate);
      for (int64_t k = 0; k < s.n; k++) sum += s.square[k * s.norms];
      assert_true(now.grad_norm == sqrt(sum) * 0.25);
      assert_true(now.scale == gdi_clipped(0.25, now.grad_norm, c.clip_norm));
      if (c.clip_norm > 0 && now.grad_norm > c.clip_norm)
        assert_close(sqrt(sum) * now.scale, c.clip_norm, 1e-5);
      assert_int_equal(now.go, 1);
      gd_optim lars = gd_optim_defaults(GD_LARS);
      lars.trust = 0.01, lars.weight_decay = 0.1;
      for (int64_t k = 0; s.norms > 1 && k < s.n; k++)
        g[s.param[k]] += s.square[k * 2], w[s.param[k]] += s.square[k * 2 + 1];
      for (int32_t p = 0; s.norms > 1 && p < PARAMS; p++)
        assert_true(rate[p] == (g[p] > 0 ? gd_lars_rate(&lars, sqrt(w[p]), sqrt(g[p]) * now.scale) : -1));
      forget(NULL);
    }
}

static void a_gradient_that_is_not_finite_stops(void **state) {
  (void)state;
  const double wild[] = {NAN, INFINITY};
  for (int skip = 0; skip < 2; skip++)
    for (int i = 0; i < 2; i++) {
      const squares s = squares_of(300, 2);
      const gdi_gpu_clip c = {.clip_norm = 1, .skip_nonfinite = skip};
      double rate[PARAMS] = {-1, -1, -1, -1, -1};
      s.square[2 * 299] = wild[i];
      const gdi_totals now = norms_of(&s, &c, (gdi_totals){.scale = 1, .go = 1}, rate);
      assert_int_equal(now.go, 0);
      assert_int_equal(now.nonfinite, !skip);
      assert_true(rate[0] == -1);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(records_are_summed_as_the_tree_says, forget),
      cmocka_unit_test_setup(a_step_of_no_weight_moves_by_nothing, forget),
      cmocka_unit_test_setup(a_loss_that_is_not_finite_stops, forget),
      cmocka_unit_test_setup(a_sick_parameter_stops_every_later_step, forget),
      cmocka_unit_test_setup(records_hold_what_they_are_given, forget),
      cmocka_unit_test_setup(the_only_record_of_a_step_is_its_sum, forget),
      cmocka_unit_test_setup(norms_have_the_bits_of_the_cpu, forget),
      cmocka_unit_test_setup(a_gradient_that_is_not_finite_stops, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_gpu();
  return failed;
}

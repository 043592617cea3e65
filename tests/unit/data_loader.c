/* The loader gives what direct indexing gives: held and streamed, in every order, type and scale. */
#include <math.h>

#include "data_fixture.h"

static gd_device *device;

static int open_device(void **state) {
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) != GD_OK) return -1;
  return make_folder(state);
}

static int close_device(void **state) {
  gd_device_close(device);
  return remove_folder(state);
}

enum {
  N = 6000,
  D = 37,
  BLOCKS_BYTES = 800 << 10
}; /* in f64: seven blocks of the file, three of them in memory */

/* Values that tell sample and column; labels or two targets that tell the sample. */
static gd_table make_table(gd_dtype type, bool labels) {
  gd_table t = {
      .n = N, .ndim = 1, .sample = {D}, .x_type = type, .labels = labels, .classes = labels ? N : 0};
  t.targets = labels ? 1 : 2, t.y_vector = labels;
  t.x = malloc(N * D * 8), t.y = malloc(N * 2 * 8);
  for (int i = 0; i < N * D; i++) {
    if (type == GD_U8) ((uint8_t *)t.x)[i] = (uint8_t)(i * 7);
    if (type == GD_F32) ((float *)t.x)[i] = (float)i / 3;
    if (type == GD_F64) ((double *)t.x)[i] = i / 3.;
  }
  for (int i = 0; i < N * 2; i++) {
    if (!labels) ((double *)t.y)[i] = i / 7.;
    if (labels && i < N) ((int64_t *)t.y)[i] = i;
  }
  return t;
}

static double stored(const gd_table *t, int64_t i) {
  if (t->x_type == GD_U8) return ((uint8_t *)t->x)[i] / 255.;
  return t->x_type == GD_F32 ? (double)((float *)t->x)[i] : ((double *)t->x)[i];
}

static void assert_batch(const gd_table *t, const gd_order *o, int64_t epoch, const gd_batch *b,
                         const gd_standardize *s) {
  int64_t rows = b->rows.hi - b->rows.lo;
  double precision = b->x->dtype == GD_F64 ? 1e-14 : 3e-7;
  assert_true(b->x->shape[0] == rows && b->x->shape[1] == D && b->y->shape[0] == rows);
  double *x = malloc((size_t)rows * D * 8), *y = malloc((size_t)rows * 16);
  assert_ok(gd_tensor_get(b->x, x, rows * D));
  assert_ok(gd_tensor_get(b->y, y, rows * t->targets));
  for (int64_t r = 0; r < rows; r++) {
    int64_t i = gd_order_at(o, epoch, b->rows.lo + r);
    for (int j = 0; j < D; j++) {
      double v = stored(t, i * D + j);
      if (s) v = (v - s->mean[j]) / s->std[j];
      assert_close(x[r * D + j], v, precision * (1 + fabs(v) + (s ? fabs(s->mean[j] / s->std[j]) : 0)));
    }
    for (int k = 0; k < t->targets; k++) {
      double v = t->labels ? (double)((int64_t *)t->y)[i] : ((double *)t->y)[i * t->targets + k];
      assert_close(y[r * t->targets + k], v, precision * (1 + v));
    }
  }
  free(x), free(y);
}

/* Two epochs in micro-batches of 600, the last one short, each announced while the one before is in use. */
static void check_loader(const gd_table *t, gd_dataset *d, gd_loader_options *o) {
  gd_loader *l;
  assert_ok(gd_loader_new(&l, d, o));
  for (int64_t epoch = 0; epoch < 2; epoch++)
    for (int64_t lo = 0; lo < o->order.n; lo += 600) {
      gd_range rows = {lo, lo + 600 < o->order.n ? lo + 600 : o->order.n};
      gd_batch b;
      assert_ok(gd_loader_get(l, epoch, rows, &b));
      gd_loader_hint(l, epoch, (gd_range){rows.hi, rows.hi + 600 < o->order.n ? rows.hi + 600 : o->order.n});
      assert_batch(t, &o->order, epoch, &b, o->standardize);
    }
  gd_batch b;
  gd_loader_hint(l, 1, (gd_range){0, 10}); /* and then something else is wanted */
  assert_ok(gd_loader_get(l, 3, (gd_range){5, 9}, &b));
  assert_batch(t, &o->order, 3, &b, o->standardize);
  assert_refused(gd_loader_get(l, 0, (gd_range){0, 601}, &b), GD_ERR_USAGE, "at most 600");
  assert_refused(gd_loader_get(l, 0, (gd_range){o->order.n - 1, o->order.n + 1}, &b), GD_ERR_USAGE,
                 "positions");
  gd_loader_free(l);
}

static void loader_equals_direct_indexing(void **state) {
  (void)state;
  static const gd_dtype stored_types[] = {GD_U8, GD_F32, GD_F64}, types[] = {GD_F32, GD_F64};
  for (int i = 0; i < 3; i++)
    for (int streamed = 0; streamed < 2; streamed++) {
      gd_table t = make_table(stored_types[i], i != 1);
      gd_data_options where = {.memory = streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD};
      gd_dataset *d = open_table(&t, "t.h5", &where);
      void *memory = streamed ? NULL : hold(d);
      for (int type = 0; type < 2; type++)
        for (int shuffle = 0; shuffle < 5; shuffle++) {
          gd_loader_options o = {.order = gd_order_all(N, 3),
                                 .device = device,
                                 .dtype = types[type],
                                 .stream_bytes = BLOCKS_BYTES,
                                 .max_rows = 600};
          if (shuffle == 3) assert_ok(gd_order_split(N, 0.25, 3, &o.order, &(gd_order){0}));
          if (shuffle < 3) o.order.shuffle = (gd_shuffle)shuffle;
          if (shuffle == 4) o.order.sampler = GD_SAMPLE_REPLACEMENT;
          o.order.block = 50, o.order.window = 3;
          check_loader(&t, d, &o);
        }
      gd_dataset_close(d);
      free(memory);
      gd_table_free(&t);
    }
}

static void standardising_gives_mean_zero_and_spread_one(void **state) {
  (void)state;
  gd_table t = make_table(GD_F64, true);
  for (int i = 0; i < N; i++) ((double *)t.x)[i * D + 5] = 4; /* no spread */
  gd_standardize s[2];
  gd_order train, val;
  assert_ok(gd_order_split(N, 0.2, 1, &train, &val));
  for (int streamed = 0; streamed < 2; streamed++) {
    gd_dataset *d =
        open_table(&t, "t.h5", &(gd_data_options){.memory = streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
    void *memory = streamed ? NULL : hold(d);
    assert_ok(gd_standardize_fit(&s[streamed], d, &train));
    double mean = 0, m2 = 0;
    for (int64_t i = 0; i < train.n; i++)
      mean += stored(&t, gd_order_at(&train, 0, i) * D + 2) / (double)train.n;
    for (int64_t i = 0; i < train.n; i++)
      m2 += pow(stored(&t, gd_order_at(&train, 0, i) * D + 2) - mean, 2) / (double)train.n;
    assert_close(s[streamed].mean[2], mean, 1e-10 * mean);
    assert_close(s[streamed].std[2], sqrt(m2), 1e-10 * mean);
    assert_true(s[streamed].std[5] == 1 && s[streamed].mean[5] == 4);
    gd_loader_options o = {
        .order = train, .device = device, .dtype = GD_F32, .max_rows = 600, .standardize = &s[streamed]};
    check_loader(&t, d, &o);
    gd_dataset_close(d);
    free(memory);
  }
  assert_memory_equal(s[0].mean, s[1].mean, D * sizeof(double));
  assert_memory_equal(s[0].std, s[1].std, D * sizeof(double));
  gd_standardize_free(&s[0]);
  gd_standardize_free(&s[1]);
  gd_table_free(&t);
}

/* Statistics are those of the scaled values. */
static void standardising_comes_after_scaling(void **state) {
  (void)state;
  gd_table t = make_table(GD_U8, true);
  gd_dataset *d = open_table(&t, "t.h5", NULL);
  void *memory = hold(d);
  gd_loader_options o = {.order = gd_order_all(N, 3), .device = device, .dtype = GD_F32, .max_rows = 600};
  gd_standardize s;
  assert_ok(gd_standardize_fit(&s, d, &o.order));
  assert_close(s.mean[0], 0.5, 0.01);
  o.standardize = &s;
  check_loader(&t, d, &o);
  gd_standardize_free(&s);
  gd_dataset_close(d);
  free(memory);
  gd_table_free(&t);
}

/* Mean 0 and deviation 1 over the part that they are measured on; undone they are what they were. */
static void standardised_targets_come_back(void **state) {
  (void)state;
  gd_table t = make_table(GD_F64, false);
  for (int streamed = 0; streamed < 2; streamed++) {
    gd_dataset *d =
        open_table(&t, "t.h5", &(gd_data_options){.memory = streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
    void *memory = streamed ? NULL : hold(d);
    gd_loader_options o = {.order = gd_order_all(N, 3), .device = device, .dtype = GD_F64, .max_rows = N};
    gd_standardize s;
    gd_loader *l;
    gd_batch b;
    assert_ok(gd_standardize_fit_targets(&s, d, &o.order));
    o.standardize_targets = &s;
    assert_ok(gd_loader_new(&l, d, &o));
    assert_ok(gd_loader_get(l, 0, (gd_range){0, N}, &b));
    double *y = malloc(N * 2 * sizeof *y), sum[2] = {0}, squares[2] = {0};
    assert_ok(gd_tensor_get(b.y, y, N * 2));
    for (int i = 0; i < N * 2; i++) sum[i % 2] += y[i] / N, squares[i % 2] += y[i] * y[i] / N;
    for (int k = 0; k < 2; k++) {
      assert_close(sum[k], 0, 1e-9);
      assert_close(squares[k], 1, 1e-9);
    }
    gd_standardize_undo(&s, y, N);
    for (int64_t r = 0; r < N; r++)
      for (int k = 0; k < 2; k++)
        assert_close(y[r * 2 + k], ((double *)t.y)[gd_order_at(&o.order, 0, r) * 2 + k], 1e-8);
    free(y), gd_loader_free(l), gd_standardize_free(&s);
    gd_dataset_close(d), free(memory);
  }
  gd_table_free(&t);
  t = make_table(GD_F64, true);
  gd_dataset *d = open_table(&t, "t.h5", NULL);
  void *memory = hold(d);
  gd_standardize s;
  const gd_order all = gd_order_all(N, 3);
  assert_refused(gd_standardize_fit_targets(&s, d, &all), GD_ERR_USAGE, "holds labels");
  gd_dataset_close(d), free(memory), gd_table_free(&t);
}

static void bad_values_are_named_by_sample_and_column(void **state) {
  (void)state;
  for (int streamed = 0; streamed < 2; streamed++)
    for (int kind = 0; kind < 3; kind++) {
      gd_table t = make_table(GD_F32, true);
      if (kind == 0) ((float *)t.x)[77 * D + 5] = NAN;
      if (kind == 1) ((float *)t.x)[77 * D + 5] = -INFINITY;
      if (kind == 2) ((int64_t *)t.y)[77] = N;
      gd_dataset *d =
          open_table(&t, "t.h5", &(gd_data_options){.memory = streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
      const char *message = kind < 2 ? "x is not finite at sample 77, column 5" : "y is 6000 at sample 77";
      gd_loader *l;
      gd_batch b;
      if (streamed) {
        gd_loader_options o = {.order = gd_order_all(N, 1), .device = device, .dtype = GD_F32, .max_rows = N};
        assert_ok(gd_loader_new(&l, d, &o));
        assert_refused(gd_loader_get(l, 0, (gd_range){0, N}, &b), GD_ERR_DATA, message);
        gd_loader_free(l);
      } else {
        void *memory = aligned_alloc(GD_ALIGN, gd_dataset_load_bytes(d) / GD_ALIGN * GD_ALIGN + GD_ALIGN);
        assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA, message);
        free(memory);
      }
      gd_dataset_close(d);
      gd_table_free(&t);
    }
}

/* One process reads into shared memory; another only looks at it. */
static void memory_can_be_shared(void **state) {
  (void)state;
  gd_table t = make_table(GD_U8, true);
  gd_dataset *first = open_table(&t, "t.h5", NULL), *second;
  assert_ok(gd_dataset_open(&second, in_folder("t.h5"), &(gd_data_options){.probed = true}));
  void *memory = hold(first);
  assert_ok(gd_dataset_load(second, memory, false));
  gd_digest a, b;
  assert_ok(gd_dataset_digest(first, &a));
  assert_ok(gd_dataset_digest(second, &b));
  assert_memory_equal(&a, &b, sizeof a);
  gd_loader_options o = {.order = gd_order_all(N, 3), .device = device, .dtype = GD_F32, .max_rows = 600};
  check_loader(&t, second, &o);
  ((char *)memory)[123]++;
  assert_ok(gd_dataset_digest(second, &b));
  assert_memory_not_equal(&a, &b, sizeof a);
  gd_dataset_close(first);
  gd_dataset_close(second);
  free(memory);
  gd_table_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loader_equals_direct_indexing),
      cmocka_unit_test(standardising_gives_mean_zero_and_spread_one),
      cmocka_unit_test(standardising_comes_after_scaling),
      cmocka_unit_test(standardised_targets_come_back),
      cmocka_unit_test(bad_values_are_named_by_sample_and_column),
      cmocka_unit_test(memory_can_be_shared),
  };
  return cmocka_run_group_tests(tests, open_device, close_device);
}

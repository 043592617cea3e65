/* Weights of samples go with their samples, whatever the order and wherever the data lie; bad ones are refused. */
#include "unit/data_fixture.h"

#include <math.h>

#include "base/h5write.h"

enum { N = 60, MICRO = 7 };

static gd_device *cpu;

/* Sample i is i, its label i % 3, its weight i / 4. */
static gd_dataset *open_set(const char *name, double third, const gd_data_options *o) {
  static float x[N];
  static int64_t y[N];
  static double w[N];
  for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = i % 3, w[i] = i / 4.;
  w[3] = third;
  gd_table t = {.n = N,
                .ndim = 0,
                .x_type = GD_F32,
                .x = x,
                .labels = true,
                .targets = 1,
                .y_vector = true,
                .y = y,
                .classes = 3,
                .w = w};
  return open_table(&t, name, o);
}

static void weights_go_with_their_samples(void **state) {
  (void)state;
  for (int k = 0; k < 8; k++) {
    const bool streamed = k & 1;
    gd_dataset *d =
        open_set("w.h5", 3 / 4., &(gd_data_options){.memory = streamed ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
    assert_string_equal(gd_dataset_info(d)->w_name, "w");
    void *held = streamed ? NULL : hold(d);
    gd_class_lists lists = {0};
    gd_loader_options o = {
        .order = gd_order_all(N, 5), .device = cpu, .dtype = k & 4 ? GD_F64 : GD_F32, .max_rows = MICRO};
    if (k & 2) {
      assert_ok(gd_class_lists_new(&lists, d, &o.order)); /* labels lie apart in memory */
      assert_int_equal(lists.sample[lists.first[2]], 2);
      o.order.lists = &lists, o.order.sampler = GD_SAMPLE_BALANCED;
    }
    gd_loader *l;
    assert_ok(gd_loader_new(&l, d, &o));
    for (int64_t lo = 0; lo < N; lo += MICRO) {
      gd_batch b;
      const gd_range rows = {lo, lo + MICRO < N ? lo + MICRO : N};
      assert_ok(gd_loader_get(l, 2, rows, &b));
      assert_ptr_equal(b.w, gd_batch_get(&b, "w"));
      assert_int_equal(b.w->ndim, 1);
      assert_int_equal(b.w->shape[0], rows.hi - rows.lo);
      double x[MICRO], y[MICRO], w[MICRO];
      assert_ok(gd_tensor_get(b.x, x, rows.hi - lo));
      assert_ok(gd_tensor_get(b.y, y, rows.hi - lo));
      assert_ok(gd_tensor_get(b.w, w, rows.hi - lo));
      for (int64_t i = 0; i < rows.hi - lo; i++)
        assert_true(x[i] == (double)gd_order_at(&o.order, 2, lo + i) && w[i] == x[i] / 4 &&
                    y[i] == fmod(x[i], 3));
    }
    gd_loader_free(l);
    gd_class_lists_free(&lists);
    gd_dataset_close(d);
    free(held);
  }
}

static void bad_weights_are_refused_with_their_sample(void **state) {
  (void)state;
  const struct {
    double w;
    const char *text;
  } bad[] = {{-0.5, "w is -0.5 at sample 3"},
             {NAN, "w is not finite at sample 3"},
             {INFINITY, "w is not finite at sample 3"}};
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    gd_dataset *d = open_set("bad.h5", bad[k].w, NULL);
    void *memory = aligned_alloc(GD_ALIGN, (gd_dataset_load_bytes(d) / GD_ALIGN + 1) * GD_ALIGN);
    assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA, bad[k].text);
    gd_dataset_close(d);
    free(memory);
  }
}

/* x [4] and y [4] beside an array of so many numbers under a name. */
static gd_status open_beside(gd_dataset **out, const char *name, int64_t n, const char *w_name) {
  gdi_h5_writer f;
  const int64_t four = 4;
  const double v[8] = {0, 1, 2, 3};
  const char *path = in_folder("beside.h5");
  assert_ok(gdi_h5_create(&f, path));
  assert_ok(gdi_h5_put(&f, "x", GD_F64, 1, &four, v));
  assert_ok(gdi_h5_put(&f, "y", GD_F64, 1, &four, v));
  assert_ok(gdi_h5_put(&f, name, GD_F64, 1, &n, v));
  assert_ok(gdi_h5_finish(&f));
  assert_ok(gdi_h5_publish(&f));
  return gd_dataset_open(out, path, &(gd_data_options){.w_name = w_name});
}

static void weights_are_found_by_their_names(void **state) {
  (void)state;
  const struct {
    const char *array;
    int64_t n;
    const char *asked, *found;
  } each[] = {{"w", 4, NULL, "w"},
              {"sample_weight", 4, NULL, "sample_weight"},
              {"sample_weights", 4, NULL, "sample_weights"},
              {"importance", 4, NULL, ""},
              {"importance", 4, "importance", "importance"},
              {"w", 4, "none", ""},
              {"w", 8, "none", ""},
              {"w", 4, "importance", ""}};
  gd_dataset *d;
  for (size_t k = 0; k < sizeof each / sizeof *each; k++) {
    assert_ok(open_beside(&d, each[k].array, each[k].n, each[k].asked));
    assert_string_equal(gd_dataset_info(d)->w_name, each[k].found);
    assert_int_equal(gd_dataset_info(d)->n_more, *each[k].found != 0);
    gd_dataset_close(d);
  }
  assert_refused(open_beside(&d, "w", 8, NULL), GD_ERR_DATA, "one number for each of the 4 samples");
  assert_refused(open_beside(&d, "importance", 8, "importance"), GD_ERR_DATA, "data.w: none leaves it out");
}

/* Those of a part stand beside it: x_val with w_val. */
static void each_part_has_its_own(void **state) {
  (void)state;
  gdi_h5_writer f;
  const int64_t three = 3, two = 2;
  const double v[3] = {1, 2, 3};
  const char *path = in_folder("parts.h5"), *const train[] = {"x_train", "y_train", "w_train"},
             *const val[] = {"x_val", "y_val", "w_val", "w"};
  assert_ok(gdi_h5_create(&f, path));
  for (int i = 0; i < 3; i++) assert_ok(gdi_h5_put(&f, train[i], GD_F64, 1, &three, v));
  for (int i = 0; i < 4; i++) assert_ok(gdi_h5_put(&f, val[i], GD_F64, 1, &two, v));
  assert_ok(gdi_h5_finish(&f));
  assert_ok(gdi_h5_publish(&f));
  gd_dataset *d;
  assert_ok(gd_dataset_open(&d, path, NULL));
  assert_string_equal(gd_dataset_info(d)->w_name, "w_train");
  gd_dataset_close(d);
  assert_ok(gd_dataset_open(&d, path, &(gd_data_options){.part = GD_PART_VAL}));
  assert_string_equal(gd_dataset_info(d)->w_name, "w_val");
  gd_dataset_close(d);
}

/* ---- of a data set that a program makes */

static gd_source_field weight;

static gd_status open_made(gd_source_info *out, const char *args, void **user) {
  (void)args, (void)user;
  *out = (gd_source_info){.n = 5,
                          .n_fields = 3,
                          .field = {{.name = "x", .dtype = GD_F32}, {.name = "y", .dtype = GD_F64}, weight}};
  return GD_OK;
}

static gd_status read_made(void *user, int64_t n, const int64_t index[], void *const field[]) {
  (void)user;
  for (int64_t i = 0; i < n; i++) {
    ((float *)field[0])[i] = 1, ((double *)field[1])[i] = 2;
    ((int32_t *)field[2])[i] = (int32_t)(index[i] == 4 ? -7 : index[i]);
  }
  return GD_OK;
}
static const gd_dataset_source made = {.name = "made", .open = open_made, .read = read_made};

static void a_field_named_w_of_a_program_is_a_weight(void **state) {
  (void)state;
  gd_dataset *d;
  assert_ok(gd_dataset_register(&made));
  weight = (gd_source_field){.name = "w", .dtype = GD_I32};
  assert_ok(gd_dataset_open(&d, "made", NULL));
  assert_string_equal(gd_dataset_info(d)->w_name, "w");
  void *memory = aligned_alloc(GD_ALIGN, (gd_dataset_load_bytes(d) / GD_ALIGN + 1) * GD_ALIGN);
  assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA, "w is -7 at sample 4");
  gd_dataset_close(d);
  free(memory);
  weight.ndim = 1, weight.shape[0] = 2;
  assert_refused(gd_dataset_open(&d, "made", NULL), GD_ERR_DATA, "one number");
}

static int set_up(void **state) {
  return gd_device_open(&cpu, &(gd_device_options){.kind = GD_CPU, .threads = 1}) == GD_OK
             ? make_folder(state)
             : -1;
}

static int tear_down(void **state) {
  gd_device_close(cpu);
  return remove_folder(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(weights_go_with_their_samples),
                                     cmocka_unit_test(bad_weights_are_refused_with_their_sample),
                                     cmocka_unit_test(weights_are_found_by_their_names),
                                     cmocka_unit_test(each_part_has_its_own),
                                     cmocka_unit_test(a_field_named_w_of_a_program_is_a_weight)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Labels of pixels: read, moved as their images are, counted; and what is refused names sample and pixel. */
#include "data/augment.h"

#include <math.h>

#include "base/h5write.h"
#include "data_fixture.h"
#include "gd/loss.h"
#include "random.h"

enum { H = 6, W = 8, PIXELS = H * W, SAMPLES = 10, CLASSES = 3 };

static int64_t label_of(int64_t sample, int64_t pixel) {
  return (sample + pixel) % 11 == 0 ? GD_IGNORED : (sample * 5 + pixel / 3) % CLASSES;
}

/* As bytes, or, of so many classes, wider. */
static gd_table table_of(bool weighed, int64_t classes) {
  gd_table t = {.n = SAMPLES,
                .ndim = 2,
                .sample = {H, W},
                .x_type = GD_U8,
                .labels = true,
                .classes = classes,
                .y_ndim = 2,
                .y_sample = {H, W}};
  t.x = calloc(SAMPLES * PIXELS, 1), t.y = calloc(SAMPLES * PIXELS, sizeof(int64_t));
  for (int64_t k = 0; k < SAMPLES * PIXELS; k++) ((int64_t *)t.y)[k] = label_of(k / PIXELS, k % PIXELS);
  if (weighed) t.w = calloc(SAMPLES, sizeof(double));
  for (int i = 0; weighed && i < SAMPLES; i++) t.w[i] = i;
  return t;
}

static void every_pixel_has_its_label_held_or_streamed_weighed_or_not(void **state) {
  (void)state;
  gd_device *device;
  assert_ok(gd_device_open(&device, NULL));
  for (int k = 0; k < 8; k++) {
    const int64_t classes = k & 4 ? 300 : CLASSES;
    gd_table t = table_of(k & 1, classes);
    gd_dataset *d =
        open_table(&t, "m.h5", &(gd_data_options){.memory = k & 2 ? GD_MEMORY_STREAM : GD_MEMORY_HOLD});
    void *memory = k & 2 ? NULL : hold(d);
    const gd_data_info *i = gd_dataset_info(d);
    assert_true(i->labels && i->y_ndim == 2 && i->y_sample[0] == H && i->y_sample[1] == W &&
                i->targets == PIXELS);
    assert_int_equal(i->classes, classes);
    gd_loader *l;
    gd_batch b;
    const gd_loader_options o = {
        .order = gd_order_all(SAMPLES, test_seed()), .device = device, .dtype = GD_F32, .max_rows = 4};
    assert_ok(gd_loader_new(&l, d, &o));
    for (int64_t lo = 0; lo < SAMPLES; lo += 4) {
      assert_ok(gd_loader_get(l, 0, (gd_range){lo, lo + 4 < SAMPLES ? lo + 4 : SAMPLES}, &b));
      assert_true(b.y->dtype == GD_I64 && b.y->ndim == 3 && b.y->shape[1] == H && b.y->shape[2] == W);
      for (int64_t r = 0; r < b.y->shape[0]; r++) {
        const int64_t s = gd_order_at(&o.order, 0, lo + r);
        for (int64_t p = 0; p < PIXELS; p++)
          assert_int_equal(((int64_t *)b.y->data)[r * PIXELS + p], label_of(s, p));
        if (b.w) assert_true(((float *)b.w->data)[r] == (float)s);
      }
    }
    gd_loader_free(l), gd_dataset_close(d), free(memory), gd_table_free(&t);
  }
  gd_device_close(device);
}

/* ---- augmentation ---- */

/* An image in whose pixels the label stands: blocks of two brightnesses. */
static const float bright[2] = {113, 201};

static void move(const char *text, bool exact) {
  float x[PIXELS], y[PIXELS];
  int64_t label[PIXELS];
  gd_arena *arena;
  gd_tree *list;
  gd_augment *a;
  const gd_data_info i = {.path = "m.h5",
                          .n = 1,
                          .ndim = 2,
                          .sample = {H, W},
                          .x_type = GD_F32,
                          .labels = true,
                          .y_name = "y",
                          .y_ndim = 2,
                          .y_sample = {H, W}};
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tree_parse(&list, arena, text, "--augment"));
  assert_ok(gd_augment_new(&a, list, &i, test_seed()));
  void *room = malloc(gdi_augment_room(a));
  int judged = 0, moved = 0;
  for (int s = 0; s < 200; s++) {
    for (int k = 0; k < PIXELS; k++) label[k] = (k / W / 3 + k % W / 4 + s) % 2, x[k] = bright[label[k]];
    memcpy(y, gdi_augment_sample(a, 1, s, x, room), sizeof y);
    uint8_t byte[PIXELS];
    for (int k = 0; k < PIXELS; k++) byte[k] = (uint8_t)label[k];
    gdi_augment_labels(a, 1, s, GD_I64, label, room);
    gdi_augment_labels(a, 1, s, GD_U8, byte, room);
    for (int k = 0; k < PIXELS; k++) assert_int_equal(byte[k], label[k] < 0 ? 255 : label[k]);
    for (int k = 0; k < PIXELS; k++) {
      const int at = fabsf(y[k]) < 1e-3F               ? GD_IGNORED
                     : fabsf(y[k] - bright[0]) < 1e-3F ? 0
                     : fabsf(y[k] - bright[1]) < 1e-3F ? 1
                                                       : -1;
      if (at == -1) { /* between two */
        assert_false(exact);
        continue;
      }
      judged++, moved += x[k] != y[k];
      if (label[k] != at)
        fail_msg("%s, sample %d: pixel %d is of %d, labelled %d", text, s, k, at, (int)label[k]);
    }
  }
  assert_true(judged > 200 * PIXELS / 4 && moved > 0);
  free(room), gd_augment_free(a), gd_arena_free(arena);
}

static void labels_move_as_their_pixels_do_and_outside_none_counts(void **state) {
  (void)state;
  move("crop:2 flip", true);
  move("{crop: {padding: 2, padding_mode: reflect}}", true);
  move("{affine: {degrees: 20, translate: 0.2, scale: 0.2}}", false);
  move("resized_crop:0.3", false);
  move("flip affine:15 crop:1", false);
}

static void what_moves_no_pixels_moves_no_labels(void **state) {
  (void)state;
  gd_arena *arena;
  gd_tree *list;
  gd_augment *a;
  gd_data_info i = {.path = "m.h5",
                    .n = 1,
                    .ndim = 2,
                    .sample = {H, W},
                    .x_type = GD_F32,
                    .labels = true,
                    .y_name = "y",
                    .y_ndim = 2,
                    .y_sample = {3, 4}};
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tree_parse(&list, arena, "cutout:3 random_erasing:1 color_jitter:0.5", "--augment"));
  assert_ok(gd_augment_new(&a, list, &i, 1)); /* of another size than the image, too */
  assert_false(gdi_augment_moves_labels(a));
  gd_augment_free(a);
  assert_ok(gd_tree_parse(&list, arena, "cutout:3 flip", "--augment"));
  assert_refused(gd_augment_new(&a, list, &i, 1), GD_ERR_USAGE, "y of m.h5 are [3, 4], its images [6, 8]");
  assert_ok(gd_tree_parse(&list, arena, "mixup", "--augment"));
  assert_refused(gd_augment_new(&a, list, &i, 1), GD_ERR_USAGE, "mixes the classes of whole images");
  gd_arena_free(arena);
}

/* ---- what is counted ---- */

static void all_pixels_of_a_part_are_counted_but_those_ignored(void **state) {
  (void)state;
  gd_table t = table_of(false, CLASSES);
  int64_t expected[CLASSES] = {0}, counts[CLASSES];
  gd_order part, rest;
  gd_class_lists lists;
  assert_ok(gd_order_split(SAMPLES, 0.3, test_seed(), &part, &rest));
  for (int64_t k = 0; k < part.n; k++)
    for (int64_t p = 0, s = gd_order_at(&part, 0, k); p < PIXELS; p++)
      if (label_of(s, p) >= 0) expected[label_of(s, p)]++;
  gd_dataset *d = open_table(&t, "c.h5", &(gd_data_options){.memory = GD_MEMORY_STREAM});
  assert_ok(gd_label_counts(d, &part, counts));
  for (int c = 0; c < CLASSES; c++) assert_int_equal(counts[c], expected[c]);
  assert_refused(gd_class_lists_new(&lists, d, &part), GD_ERR_USAGE, "of no one class");
  gd_dataset_close(d), gd_table_free(&t);
}

/* ---- other files ---- */

/* x [2, 2, 3] and y of this type and shape. */
static gd_status open_y(gd_dataset **d, gd_dtype type, int ndim, const int64_t shape[], const void *y,
                        int64_t classes, gd_target_type as) {
  const double x[12] = {0};
  gdi_h5_writer w;
  assert_ok(gdi_h5_create(&w, in_folder("y.h5")));
  assert_ok(gdi_h5_put(&w, "x", GD_F64, 3, (const int64_t[]){2, 2, 3}, x));
  assert_ok(gdi_h5_put(&w, "y", type, ndim, shape, y));
  if (classes) assert_ok(gdi_h5_put_attr_i64(&w, "y", "classes", classes));
  assert_ok(gdi_h5_finish(&w));
  assert_ok(gdi_h5_publish(&w));
  return gd_dataset_open(d, in_folder("y.h5"), &(gd_data_options){.target_type = as});
}

static void masks_are_whole_numbers_of_any_width_and_255_of_bytes_does_not_count(void **state) {
  (void)state;
  const int64_t shape[] = {2, 2, 3}, wide[12] = {0, 1, 2, 3, 255, 0, 0, -100, 0, 0, 0, 0};
  const int32_t half[12] = {0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0};
  const uint8_t byte[12] = {0, 1, 2, 255};
  const double real[12] = {0};
  gd_dataset *d;
  assert_ok(open_y(&d, GD_I64, 3, shape, wide, 0, GD_TARGET_AUTO));
  assert_int_equal(gd_dataset_info(d)->classes, 256);
  gd_dataset_close(d);
  assert_ok(open_y(&d, GD_I32, 3, shape, half, 0, GD_TARGET_AUTO));
  assert_int_equal(gd_dataset_info(d)->classes, 7);
  gd_dataset_close(d);
  assert_ok(open_y(&d, GD_U8, 3, shape, byte, 0, GD_TARGET_AUTO));
  assert_int_equal(gd_dataset_info(d)->classes, 3);
  gd_dataset_close(d);
  assert_refused(open_y(&d, GD_F64, 3, shape, real, 0, GD_TARGET_AUTO), GD_ERR_DATA,
                 "classes of pixels are whole numbers");
  assert_refused(open_y(&d, GD_U8, 3, shape, byte, 0, GD_TARGET_NUMBERS), GD_ERR_DATA,
                 "1 or 2 dimensions, not 3");
}

static void a_label_outside_the_classes_is_named_with_sample_and_pixel(void **state) {
  (void)state;
  const int64_t shape[] = {2, 2, 3}, y[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0};
  gd_dataset *d;
  assert_ok(open_y(&d, GD_I64, 3, shape, y, 3, GD_TARGET_AUTO));
  char memory[4096];
  assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA,
                 "y is 7 at sample 1, pixel (row 1, column 1); labels are 0 to 2, or -100 to be ignored");
  gd_dataset_close(d);
}

static void whole_numbers_beside_each_other_are_labels_where_the_loss_needs_them(void **state) {
  (void)state;
  const int64_t shape[] = {2, 4}, y[8] = {0, 3, 1, 2, 2, 2, 0, 1};
  gd_dataset *d;
  assert_ok(open_y(&d, GD_I64, 2, shape, y, 0, GD_TARGET_RATHER_LABELS));
  assert_true(gd_dataset_info(d)->labels && gd_dataset_info(d)->y_ndim == 1 &&
              gd_dataset_info(d)->classes == 4);
  gd_dataset_close(d);
  assert_ok(open_y(&d, GD_I64, 2, shape, y, 0, GD_TARGET_AUTO));
  assert_true(!gd_dataset_info(d)->labels && gd_dataset_info(d)->targets == 4);
  gd_dataset_close(d);
}

/* ---- generated shapes ---- */

static void shapes_depend_on_seed_and_sample_alone_and_stand_where_their_labels_are(void **state) {
  (void)state;
  gd_table a, b;
  gd_generate_options g = {.name = "shapes", .n = 40, .d = 24, .noise = 0, .seed = test_seed()};
  assert_ok(gd_generate(&a, &g));
  g.n = 20;
  assert_ok(gd_generate(&b, &g));
  assert_memory_equal(a.x, b.x, 20 * 24 * 24 * 3);
  assert_memory_equal(a.y, b.y, 20 * 24 * 24 * sizeof(int64_t));
  int64_t seen[4] = {0};
  for (int64_t k = 0; k < a.n * 24 * 24; k++) {
    const uint8_t *p = (uint8_t *)a.x + 3 * k;
    const int64_t label = ((int64_t *)a.y)[k];
    assert_in_range(label, 0, 3);
    seen[label]++;
    for (int c = 0; c < 3; c++)
      assert_true((p[c] > 110) == (label > 0)); /* figures are brighter than what is behind */
  }
  for (int c = 0; c < 4; c++) assert_true(seen[c] > 100);
  gd_table_free(&a), gd_table_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_pixel_has_its_label_held_or_streamed_weighed_or_not),
      cmocka_unit_test(labels_move_as_their_pixels_do_and_outside_none_counts),
      cmocka_unit_test(what_moves_no_pixels_moves_no_labels),
      cmocka_unit_test(all_pixels_of_a_part_are_counted_but_those_ignored),
      cmocka_unit_test(masks_are_whole_numbers_of_any_width_and_255_of_bytes_does_not_count),
      cmocka_unit_test(a_label_outside_the_classes_is_named_with_sample_and_pixel),
      cmocka_unit_test(whole_numbers_beside_each_other_are_labels_where_the_loss_needs_them),
      cmocka_unit_test(shapes_depend_on_seed_and_sample_alone_and_stand_where_their_labels_are),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/*
 * Images that stay JPEG and PNG in the data file: the samples that unpacking gives, windows drawn by seed, epoch and
 * sample alone, and of damage one error with the sample.
 */
#include "data/decode.h"
#include "gd/device.h"
#include "image_files.h"
#include "random.h"

#if defined(GD_WITH_JPEG) && defined(GD_WITH_PNG) && defined(GD_WITH_ARCHIVE)

enum { SIZE = 8, CLASS = 6, SAMPLES = 2 * CLASS, VALUES = 3 * SIZE * SIZE };

/* Of several sizes, JPEG and PNG, grey and colour, some to validate on. */
static int make_photos(void **state) {
  if (make_folder(state) != 0) return -1;
  for (int i = 0; i < SAMPLES; i++) {
    char name[64];
    const int width = 9 + 7 * i % 20, height = 8 + 5 * i % 30;
    snprintf(name, sizeof name, "photos/train/%s/%d.x", i % 2 ? "odd" : "even", i / 2);
    put(name, i % 3 ? make_jpeg(width, height, i % 4 ? 3 : 1, i % 5 == 0) : make_png(i, width, height, 3));
  }
  put("photos/val/odd/0.png", make_png(3, SIZE, SIZE, 3));
  put("photos/val/even/0.png", make_png(4, 1, 1, 1));
  return 0;
}

static void import(gd_table *t, bool keep_encoded) {
  assert_ok(gd_import_images(t, in_folder("photos"),
                             &(gd_image_options){.size = SIZE, .keep_encoded = keep_encoded}));
}

static gd_augment *augmentations(const char *text, const gd_dataset *d) {
  gd_arena *arena;
  gd_tree *list;
  gd_augment *a;
  assert_ok(gd_arena_new(&arena, "test"));
  assert_ok(gd_tree_parse(&list, arena, text, "--augment"));
  assert_ok(gd_augment_new(&a, list, gd_dataset_info(d), test_seed()));
  gd_arena_free(arena);
  return a;
}

/* All samples of epoch 1 in the order of the set, with their labels, in micro-batches of so many. */
static gd_status collect(gd_dataset *d, const gd_augment *a, int threads, int64_t rows, float *x,
                         int64_t *y) {
  gd_loader *l;
  gd_device *device;
  const int64_t n = gd_dataset_info(d)->n;
  gd_order order = gd_order_all(n, 3);
  gd_status st = GD_OK;
  assert_ok(gd_device_open(&device, &(gd_device_options){.threads = threads}));
  const gd_loader_options o = {
      .order = order, .device = device, .dtype = GD_F32, .max_rows = rows, .augment = a};
  assert_ok(gd_loader_new(&l, d, &o));
  for (int64_t lo = 0; st == GD_OK && lo < n; lo += rows) {
    const int64_t hi = lo + rows < n ? lo + rows : n;
    gd_batch b;
    st = gd_loader_get(l, 1, (gd_range){lo, hi}, &b);
    for (int64_t i = lo; st == GD_OK && i < hi; i++) {
      const int64_t k = gd_order_at(&order, 1, i);
      memcpy(x + k * VALUES, (float *)b.x->data + (i - lo) * VALUES, VALUES * sizeof *x);
      y[k] = ((int64_t *)b.y->data)[i - lo];
    }
  }
  gd_loader_free(l);
  gd_device_close(device);
  return st;
}

static void what_is_kept_encoded_has_the_samples_that_unpacking_gives(void **state) {
  (void)state;
  static const char *const names[2][2] = {{"x", "y"}, {"x_val", "y_val"}};
  gd_table t[2];
  float x[2][SAMPLES * VALUES];
  int64_t y[2][SAMPLES];
  for (int keep = 0; keep < 2; keep++) {
    import(&t[keep], keep);
    assert_ok(gd_table_write(&t[keep], in_folder(keep ? "k.h5" : "u.h5")));
    gd_table_free(&t[keep]);
  }
  for (int part = 0; part < 2; part++) {
    for (int keep = 0; keep < 2; keep++) {
      gd_dataset *d;
      const gd_data_options o = {
          .x_name = names[part][0], .y_name = names[part][1], .memory = GD_MEMORY_STREAM};
      assert_ok(gd_dataset_open(&d, in_folder(keep ? "k.h5" : "u.h5"), &o));
      const gd_data_info *i = gd_dataset_info(d);
      assert_true(i->from_images == keep && i->n == (part ? 2 : SAMPLES) && i->classes == 2);
      assert_true(part || i->n_val == 2);
      assert_true(i->ndim == 3 && i->sample[0] == SIZE && i->sample[1] == SIZE && i->sample[2] == 3);
      assert_ok(collect(d, NULL, 2, 5, x[keep], y[keep]));
      gd_dataset_close(d);
    }
    const size_t n = part ? 2 : SAMPLES;
    assert_memory_equal(x[0], x[1], n * VALUES * sizeof(float));
    assert_memory_equal(y[0], y[1], n * sizeof(int64_t));
  }
}

static void windows_depend_on_seed_epoch_and_sample_alone(void **state) {
  (void)state;
  gd_table t;
  float x[4][SAMPLES * VALUES];
  int64_t y[SAMPLES];
  import(&t, true);
  gd_dataset *d = open_table(&t, "w.h5", NULL);
  gd_augment *a = augmentations("resized_crop flip", d), *later = augmentations("flip resized_crop", d);
  assert_ok(collect(d, a, 1, SAMPLES, x[0], y));
  assert_ok(collect(d, a, 3, 5, x[1], y));
  assert_ok(collect(d, a, 2, 1, x[2], y));
  assert_memory_equal(x[0], x[1], sizeof x[0]);
  assert_memory_equal(x[0], x[2], sizeof x[0]);
  assert_ok(collect(d, NULL, 1, SAMPLES, x[3], y));
  assert_true(memcmp(x[0], x[3], sizeof x[0]) != 0);
  for (int i = 0; i < 500; i++) { /* windows lie within the image, whatever its size */
    const int height = 1 + i % 23, width = 1 + i * 7 % 400;
    int64_t box[4];
    assert_true(gdi_augment_window(a, 0, i, height, width, box));
    assert_true(box[0] >= 0 && box[1] >= 0 && box[2] > 0 && box[3] > 0);
    assert_true(box[0] + box[2] <= height && box[1] + box[3] <= width);
  }
  assert_ok(collect(d, later, 2, 5, x[1], y)); /* behind others: of the sample, as of any other set */
  assert_true(memcmp(x[1], x[0], sizeof x[0]) != 0);
  gd_augment_free(a), gd_augment_free(later);
  gd_dataset_close(d);
  gd_table_free(&t);
}

/* Of encoded images and of others. */
static void another_size_is_made_of_the_middle_of_each(void **state) {
  (void)state;
  enum { LESS = 5, FEWER = LESS * LESS * 3 };
  for (int keep = 0; keep < 2; keep++) {
    gd_table t;
    uint8_t x[SAMPLES * FEWER];
    int64_t y[SAMPLES];
    import(&t, keep);
    gd_dataset *d = open_table(&t, "s.h5", &(gd_data_options){.size = LESS});
    const gd_data_info *i = gd_dataset_info(d);
    assert_true(i->from_images && i->sample[0] == LESS && i->sample[1] == LESS && gd_dataset_streamed(d));
    assert_ok(gdi_dataset_read(d, 0, SAMPLES, x, y));
    for (int k = 0; k < SAMPLES; k++) {
      gdi_image image = {0};
      if (keep)
        assert_ok(gdi_image_decode(&image, (uint8_t *)t.x + t.image_at[k],
                                   (size_t)(t.image_at[k + 1] - t.image_at[k])));
      else
        image =
            (gdi_image){SIZE, SIZE, 3, memcpy(malloc(VALUES), (uint8_t *)t.x + k * VALUES, VALUES), VALUES};
      assert_ok(gdi_image_fit(&image, LESS));
      for (int v = 0; v < FEWER; v++)
        assert_int_equal(x[k * FEWER + v], image.pixel[image.channels == 3 ? v : v / 3]);
      free(image.pixel);
    }
    gd_dataset_close(d);
    gd_table_free(&t);
  }
}

static void an_image_damaged_since_its_import_is_one_error_with_its_sample(void **state) {
  (void)state;
  gd_table t;
  float x[SAMPLES * VALUES];
  int64_t y[SAMPLES];
  import(&t, true);
  for (int64_t k = 4; k < 9; k += 4) memset((uint8_t *)t.x + t.image_at[k + 1] - 12, 0, 12);
  gd_dataset *d = open_table(&t, "d.h5", NULL);
  for (int threads = 1; threads < 4; threads++)
    assert_refused(collect(d, NULL, threads, SAMPLES, x, y), GD_ERR_DATA,
                   "d.h5: x: the image of sample 4: damaged ");
  gd_dataset_close(d);
  gd_table_free(&t);
}

/* Open and read all; nothing to check but that it is refused, or read. */
static gd_status read_all(gd_table *t) {
  gd_dataset *d;
  static float x[SAMPLES * VALUES];
  int64_t y[SAMPLES];
  assert_ok(gd_table_write(t, in_folder("r.h5")));
  GD_TRY(gd_dataset_open(&d, in_folder("r.h5"), NULL));
  const gd_status st = collect(d, NULL, 2, 4, x, y);
  gd_dataset_close(d);
  return st;
}

static void offsets_and_shapes_that_do_not_fit_are_refused(void **state) {
  (void)state;
  gd_table t;
  import(&t, true);
  const int64_t second = t.image_at[2];
  assert_ok(read_all(&t));
  t.image_at[2] = t.image_at[1];
  assert_refused(read_all(&t), GD_ERR_DATA, "r.h5: x_offsets: image 1 is from ");
  t.image_at[2] = t.image_at[SAMPLES] + 5;
  assert_refused(read_all(&t), GD_ERR_DATA, "x_offsets: image 2 is from ");
  t.image_at[2] = second + 1; /* inside the bytes of a neighbour */
  assert_refused(read_all(&t), GD_ERR_DATA, "x: the image of sample 2: neither JPEG nor PNG");
  t.image_at[2] = second;
  t.sample[2] = 2;
  assert_refused(read_all(&t), GD_ERR_DATA, "x: 2 as the channels of images");
  t.sample[2] = 1;
  assert_refused(read_all(&t), GD_ERR_DATA, "it is in colour, but this set is grey");
  t.sample[2] = 3, t.sample[0] = 1 << 20;
  assert_refused(read_all(&t), GD_ERR_DATA, "1048576 as the height of images");
  gd_table_free(&t);
}

/* Whatever the bytes, and whatever the window. */
static void any_bytes_become_samples_or_are_refused(void **state) {
  (void)state;
  file seed[] = {make_jpeg(24, 17, 3, false), make_jpeg(9, 30, 1, true), make_png(1, 9, 7, 3),
                 make_png(2, 30, 3, 1)};
  gdi_decoder m = {0};
  uint8_t to[VALUES];
  for (int64_t i = 0, count = test_count(100000); i < count; i++) {
    const file *f = &seed[i % 4];
    const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)i);
    const size_t n = i % 5 ? f->n : 1 + (size_t)gd_rng_below(r, 0, (int64_t)f->n - 1);
    gd_dataset d = {.info = {.path = "f.h5", .x_name = "x", .n = 1, .ndim = 3, .sample = {SIZE, SIZE, 3}},
                    .image_at = (int64_t[]){0, (int64_t)n}};
    uint8_t *copy = malloc(n);
    memcpy(copy, f->bytes, n);
    for (int k = 0; k < (int)(i % 7); k++)
      copy[gd_rng_below(r, (uint64_t)(1 + 2 * k), (int64_t)n)] =
          (uint8_t)gd_rng_u32(r, (uint64_t)(2 + 2 * k));
    if (gdi_decoder_image(&m, &d, 0, copy) == GD_OK) {
      int64_t box[4];
      for (int k = 0; k < 2; k++) {
        const int64_t side = k ? m.image.width : m.image.height;
        box[2 + k] = 1 + gd_rng_below(r, (uint64_t)(20 + k), side);
        box[k] = gd_rng_below(r, (uint64_t)(30 + k), side - box[2 + k] + 1);
      }
      assert_ok(gdi_decoder_sample(&m, &d, box, to));
    }
    free(copy);
  }
  gdi_decoder_free(&m);
  for (size_t i = 0; i < sizeof seed / sizeof *seed; i++) free(seed[i].bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_kept_encoded_has_the_samples_that_unpacking_gives),
      cmocka_unit_test(windows_depend_on_seed_epoch_and_sample_alone),
      cmocka_unit_test(another_size_is_made_of_the_middle_of_each),
      cmocka_unit_test(an_image_damaged_since_its_import_is_one_error_with_its_sample),
      cmocka_unit_test(offsets_and_shapes_that_do_not_fit_are_refused),
      cmocka_unit_test(any_bytes_become_samples_or_are_refused),
  };
  return cmocka_run_group_tests(tests, make_photos, remove_folder);
}
#else
int main(void) {
  return skip_all("libjpeg, libpng and libarchive in this build", "PKG_CONFIG_PATH");
}
#endif

/* Folders and archives of images: exact pixels from good ones; of bad ones the file is named, and nothing crashes. */
#include "base/h5write.h"
#include "data/image.h"
#include "data_fixture.h"
#include "image_files.h"
#include "random.h"

#if defined(GD_WITH_JPEG) && defined(GD_WITH_PNG) && defined(GD_WITH_ARCHIVE)
#include <archive.h>
#include <archive_entry.h>
#include <math.h>
#include <zlib.h>

static gd_status import(gd_table *t, const char *name, int size) {
  return gd_import_images(t, in_folder(name), &(gd_image_options){.size = size});
}

/* ---- good ones ---- */

static void classes_and_images_are_in_the_order_of_their_names_and_pixels_exact(void **state) {
  (void)state;
  gd_table t;
  put("a/x/test/dog/1.png", make_png(5, 3, 2, 3));
  put("a/x/train/dog/2.png", make_png(1, 3, 2, 3));
  put("a/x/train/dog/10.png", make_png(2, 3, 2, 3));
  put("a/x/train/cat/9.png", make_png(3, 3, 2, 1));
  put("a/x/test/cat/1.png", make_png(4, 3, 2, 4));
  put("a/x/train/.hidden/1.png", make_png(9, 7, 7, 3));
  put("a/readme.txt", (file){(uint8_t *)strdup("pixels"), 6});
  assert_int_equal(symlink(in_folder("a/x/train/dog/2.png"), in_folder("a/x/train/cat/1.png")), 0);
  assert_ok(import(&t, "a", 0));
  assert_true(t.n == 3 && t.n_val == 2 && t.classes == 2 && t.ndim == 3);
  assert_true(t.sample[0] == 2 && t.sample[1] == 3 && t.sample[2] == 3);
  assert_string_equal(t.class_name[0], "cat");
  assert_string_equal(t.class_name[1], "dog");
  assert_non_null(strstr(t.notes, "readme.txt: neither JPEG nor PNG"));
  assert_non_null(strstr(t.notes, "1 of them are grey"));
  const int64_t label[] = {0, 1, 1, 0, 1};
  assert_memory_equal(t.y, label, sizeof label);
  const uint8_t *x = t.x;
  const int which[] = {3, 2, 1, 4, 5}; /* 10.png is before 2.png */
  for (int i = 0; i < 5; i++)
    for (int k = 0; k < 18; k++) {
      const int source = which[i] == 3   ? k / 3
                         : which[i] == 4 ? k / 3 * 4 + k % 3
                                         : k; /* grey; transparent */
      assert_int_equal(x[18 * i + k], value(which[i], source));
    }
  gd_dataset *d = open_table(&t, "a.h5", NULL);
  assert_int_equal(gd_dataset_info(d)->n, 3);
  gd_dataset_close(d);
  assert_ok(gd_dataset_open(&d, in_folder("a.h5"), &(gd_data_options){.x_name = "x_val", .y_name = "y_val"}));
  assert_true(gd_dataset_info(d)->n == 2 && gd_dataset_info(d)->classes == 2);
  gd_dataset_close(d);
  gd_table_free(&t);
}

static void files_say_which_dimension_the_channels_are(void **state) {
  (void)state;
  gd_table t;
  gdi_h5_writer w;
  gd_dataset *d;
  put("l/a/1.png", make_png(5, 3, 2, 3));
  assert_ok(import(&t, "l", 0));
  for (gd_layout l = GD_LAYOUT_GUESSED; l <= GD_CHANNELS_LAST; l++) {
    if (l) assert_int_equal(t.layout, GD_CHANNELS_LAST); /* of every import */
    gd_table other = t;
    other.layout = l;
    d = open_table(&other, "l.h5", NULL);
    assert_int_equal(gd_dataset_info(d)->layout, l);
    gd_dataset_close(d);
    assert_ok(gd_dataset_open(&d, in_folder("l.h5"), &(gd_data_options){.layout = GD_CHANNELS_FIRST}));
    assert_int_equal(gd_dataset_info(d)->layout, GD_CHANNELS_FIRST);
    gd_dataset_close(d);
  }
  gd_table_free(&t);
  assert_ok(gdi_h5_create(&w, in_folder("odd.h5")));
  assert_ok(gdi_h5_put(&w, "x", GD_U8, 4, (int64_t[]){1, 1, 1, 3}, "abc"));
  assert_ok(gdi_h5_put(&w, "y", GD_I64, 1, (int64_t[]){1}, (int64_t[]){0}));
  assert_ok(gdi_h5_put_attr_text(&w, "x", "layout", "sideways"));
  assert_ok(gdi_h5_finish(&w));
  assert_ok(gdi_h5_publish(&w));
  assert_refused(gd_dataset_open(&d, in_folder("odd.h5"), NULL), GD_ERR_DATA,
                 "odd.h5: x: its attribute layout is not \"channels_last\"");
}

static void jpeg_is_decoded_within_its_loss_grey_or_progressive_or_not(void **state) {
  (void)state;
  for (int kind = 0; kind < 4; kind++) {
    const int channels = kind & 1 ? 3 : 1;
    gdi_image i = {0};
    file f = make_jpeg(40, 24, channels, kind & 2);
    assert_ok(gdi_image_decode(&i, f.bytes, f.n));
    assert_true(i.width == 40 && i.height == 24 && i.channels == channels);
    for (int k = 0; k < 40 * 24 * channels; k++)
      assert_close(i.pixel[k], 2 * (k / channels / 40) + k / channels % 40 + 40, 3);
    free(i.pixel), free(f.bytes);
  }
}

static void resizing_takes_the_square_in_the_middle_and_averages(void **state) {
  (void)state;
  uint8_t pixel[4 * 8];
  for (int k = 0; k < 32; k++) pixel[k] = (uint8_t)(k % 8 * 10); /* 4 high, 8 wide, a ramp */
  gdi_image i = {8, 4, 1, malloc(32), 32};
  memcpy(i.pixel, pixel, 32);
  assert_ok(gdi_image_fit(
      &i, 2)); /* columns 2 .. 5: weights 1 3 3 1 over the middle, cut at the edge: 3 3 1 over 7 */
  assert_true(i.width == 2 && i.height == 2);
  const double left = (3 * 20 + 3 * 30 + 40) / 7.0, right = (30 + 3 * 40 + 3 * 50) / 7.0;
  assert_int_equal(i.pixel[0], lround(left));
  assert_int_equal(i.pixel[3], lround(right));
  assert_ok(gdi_image_fit(&i, 2)); /* as it is */
  assert_int_equal(i.pixel[0], lround(left));
  free(i.pixel);
  i = (gdi_image){1, 1, 3, malloc(3), 3};
  memcpy(i.pixel, "abc", 3);
  assert_ok(gdi_image_fit(&i, 5));
  for (int k = 0; k < 75; k++) assert_int_equal(i.pixel[k], "abc"[k % 3]);
  free(i.pixel);
}

static void an_image_of_one_pixel_is_an_image(void **state) {
  (void)state;
  gd_table t;
  put("one/a/1.png", make_png(1, 1, 1, 3));
  assert_ok(import(&t, "one", 0));
  assert_true(t.n == 1 && t.n_val == 0 && t.sample[0] == 1 && t.sample[1] == 1 && t.sample[2] == 3);
  gd_table_free(&t);
}

/* ---- archives ---- */

static void add(struct archive *a, const char *name, file f, unsigned kind) {
  struct archive_entry *e = archive_entry_new();
  archive_entry_set_pathname(e, name);
  archive_entry_set_filetype(e, kind);
  archive_entry_set_perm(e, 0644);
  if (kind == AE_IFLNK) archive_entry_set_symlink(e, "/etc/passwd");
  archive_entry_set_size(e, (la_int64_t)f.n);
  assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
  if (f.n) assert_int_equal(archive_write_data(a, f.bytes, f.n), f.n);
  free(f.bytes);
  archive_entry_free(e);
}

static void pack(const char *name, bool zip, int (*filter)(struct archive *)) {
  struct archive *a = archive_write_new();
  assert_int_equal(zip ? archive_write_set_format_zip(a) : archive_write_set_format_pax_restricted(a),
                   ARCHIVE_OK);
  if (filter) assert_int_equal(filter(a), ARCHIVE_OK);
  assert_int_equal(archive_write_open_filename(a, in_folder(name)), ARCHIVE_OK);
  add(a, "./set/b/2.png", make_png(2, 4, 4, 3), AE_IFREG);
  add(a, "set/a/1.png", make_png(1, 4, 4, 3), AE_IFREG);
  add(a, "../../outside/3.png", make_png(3, 4, 4, 3), AE_IFREG);
  if (!zip) add(a, "set/a/link.png", (file){NULL, 0}, AE_IFLNK);
  assert_int_equal(archive_write_close(a), ARCHIVE_OK);
  archive_write_free(a);
}

static void archives_are_folders(void **state) {
  (void)state;
  static const struct {
    const char *name;
    bool zip;
    int (*filter)(struct archive *);
  } kind[] = {{"s.tar", false, NULL},
              {"s.tar.gz", false, archive_write_add_filter_gzip},
              {"s.tar.xz", false, archive_write_add_filter_xz},
              {"s.tar.zst", false, archive_write_add_filter_zstd},
              {"s.zip", true, NULL}};
  for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
    gd_table t;
    pack(kind[i].name, kind[i].zip, kind[i].filter);
    assert_ok(import(&t, kind[i].name, 0));
    assert_true(t.n == 2 && t.classes == 2 && t.n_val == 0);
    for (int k = 0; k < 96; k++) assert_int_equal(((uint8_t *)t.x)[k], value(1 + k / 48, k % 48));
    gd_table_free(&t);
  }
}

static void damaged_archives_are_refused_or_read(void **state) {
  (void)state;
  for (int zip = 0; zip < 2; zip++) {
    pack("whole", zip, NULL);
    FILE *f = fopen(in_folder("whole"), "rb");
    uint8_t bytes[1 << 15], copy[1 << 15];
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (int64_t i = 0, count = test_count(4000); i < count; i++) {
      const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)(2 * i + zip));
      size_t left = i % 4 ? n : (size_t)gd_rng_below(r, 0, (int64_t)n);
      gd_table t;
      memcpy(copy, bytes, n);
      for (int k = 0; k < 1 + (int)(i % 3); k++)
        copy[gd_rng_below(r, (uint64_t)(1 + 2 * k), (int64_t)n)] =
            (uint8_t)gd_rng_u32(r, (uint64_t)(2 + 2 * k));
      write_bytes("damaged", copy, left);
      if (import(&t, "damaged", 8) == GD_OK) gd_table_free(&t);
    }
  }
}

/* ---- bad ones ---- */

static void what_cannot_be_imported_is_one_clear_error(void **state) {
  (void)state;
  gd_table t;
  put("sizes/a/1.png", make_png(1, 4, 4, 3));
  put("sizes/b/2.png", make_png(1, 4, 5, 3));
  assert_refused(import(&t, "sizes", 0), GD_ERR_DATA,
                 "a/1.png is 4 x 4 pixels, but b/2.png is 4 x 5: --size");
  assert_ok(import(&t, "sizes", 4));
  gd_table_free(&t);
  put("hollow/a/1.png", make_png(1, 4, 4, 3));
  mkdir(in_folder("hollow/b"), 0777);
  assert_refused(import(&t, "hollow", 0), GD_ERR_DATA, "b: a class folder without an image");
  put("loose/1.png", make_png(1, 4, 4, 3));
  assert_refused(import(&t, "loose", 0), GD_ERR_DATA, "1.png: an image that is in no folder");
  put("none/a/1.txt", (file){(uint8_t *)strdup("pixels"), 6});
  assert_refused(import(&t, "none", 0), GD_ERR_DATA,
                 "no image that can be read; left out: a/1.txt: neither JPEG nor PNG");
  assert_refused(import(&t, "none/a/1.txt", 0), GD_ERR_DATA, "1.txt: as an archive it cannot be read");
  assert_refused(import(&t, "nowhere", 0), GD_ERR_DATA, "nowhere: No such file");
}

static void damaged_images_are_counted_and_named(void **state) {
  (void)state;
  gd_table t;
  put("torn/a/1.jpg", make_jpeg(16, 16, 3, false));
  for (int i = 2; i < 10; i++) {
    char name[32];
    file f = make_jpeg(16, 16, 3, i % 2);
    f.n -= 40;
    snprintf(name, sizeof name, "torn/a/%d.jpg", i);
    put(name, f);
  }
  assert_ok(import(&t, "torn", 0));
  assert_int_equal(t.n, 1);
  assert_non_null(strstr(t.notes, "warning: left out: a/2.jpg: damaged JPEG: Premature end"));
  assert_non_null(strstr(t.notes, "warning: left out: 8 files in all"));
  assert_null(strstr(t.notes, "a/9.jpg"));
  gd_table_free(&t);
}

/* 100 bytes that promise 20 000 x 20 000 pixels: refused before memory is asked for. */
static void bombs_do_not_go_off(void **state) {
  (void)state;
  gdi_image i = {0};
  file f = make_png(1, 4, 4, 3);
  f.bytes[18] = 0x4E, f.bytes[19] = 0x20, f.bytes[22] = 0x4E,
  f.bytes[23] = 0x20; /* the sum of the chunk follows */
  const uint32_t sum = (uint32_t)crc32(0, f.bytes + 12, 17);
  for (int k = 0; k < 4; k++) f.bytes[29 + k] = (uint8_t)(sum >> (24 - 8 * k));
  assert_refused(gdi_image_decode(&i, f.bytes, f.n), GD_ERR_DATA,
                 "20000 x 20000 pixels; up to 64 million are read");
  f.bytes[18] = f.bytes[22] = 0x10;
  const uint32_t less = (uint32_t)crc32(0, f.bytes + 12, 17);
  for (int k = 0; k < 4; k++) f.bytes[29 + k] = (uint8_t)(less >> (24 - 8 * k));
  assert_refused(gdi_image_decode(&i, f.bytes, f.n), GD_ERR_DATA, "promises 4128 x 4128 pixels, which");
  free(f.bytes);
}

static void any_bytes_decode_or_are_refused(void **state) {
  (void)state;
  file seed[] = {make_jpeg(24, 17, 3, false), make_jpeg(24, 17, 3, true), make_jpeg(24, 17, 1, true),
                 make_png(1, 9, 7, 3),        make_png(2, 9, 7, 1),       make_png(3, 9, 7, 4)};
  for (int64_t i = 0, count = test_count(400000); i < count; i++) {
    const file *f = &seed[i % 6];
    const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)i);
    const size_t n = i % 5 ? f->n : (size_t)gd_rng_below(r, 0, (int64_t)f->n);
    uint8_t *copy = malloc(n + 1);
    gdi_image image = {0};
    memcpy(copy, f->bytes, n);
    for (int k = 0; n && k < (int)(i % 7); k++)
      copy[gd_rng_below(r, (uint64_t)(1 + 2 * k), (int64_t)n)] =
          (uint8_t)gd_rng_u32(r, (uint64_t)(2 + 2 * k));
    if (gdi_image_decode(&image, copy, n) == GD_OK) free(image.pixel);
    free(copy);
  }
  for (size_t i = 0; i < sizeof seed / sizeof *seed; i++) free(seed[i].bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classes_and_images_are_in_the_order_of_their_names_and_pixels_exact),
      cmocka_unit_test(files_say_which_dimension_the_channels_are),
      cmocka_unit_test(jpeg_is_decoded_within_its_loss_grey_or_progressive_or_not),
      cmocka_unit_test(resizing_takes_the_square_in_the_middle_and_averages),
      cmocka_unit_test(an_image_of_one_pixel_is_an_image),
      cmocka_unit_test(archives_are_folders),
      cmocka_unit_test(damaged_archives_are_refused_or_read),
      cmocka_unit_test(what_cannot_be_imported_is_one_clear_error),
      cmocka_unit_test(damaged_images_are_counted_and_named),
      cmocka_unit_test(bombs_do_not_go_off),
      cmocka_unit_test(any_bytes_decode_or_are_refused),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
#else
int main(void) {
  return skip_all("libjpeg, libpng and libarchive in this build", "PKG_CONFIG_PATH");
}
#endif

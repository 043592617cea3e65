/* CIFAR-10 as JPEG, where it is present: the archive becomes the pixels that Pillow decodes. */
#include "data_fixture.h"

static const char *archive(void) {
  return data_path("GD_CIFAR10_DIR", "cifar10", "cifar10-jpeg.tar.xz");
}

static void assert_sha(const void *values, size_t bytes, const char *hex) {
  gd_sha256 h;
  char got[65];
  gd_sha256_init(&h);
  gd_sha256_add(&h, values, bytes);
  gd_digest d = gd_sha256_end(&h);
  gd_digest_hex(&d, got);
  assert_string_equal(got, hex);
}

/* By Pillow with libjpeg-turbo (exact integer transform, triangle upsampling), [N,H,W,C], in the order of names. */
static void the_archive_becomes_the_pixels_that_pillow_decodes(void **state) {
  (void)state;
  enum { IMAGE = 32 * 32 * 3, TRAIN = 50000, TEST = 10000 };
  gd_table t;
  assert_ok(gd_import_images(&t, archive(), &(gd_image_options){0}));
  assert_true(t.n == TRAIN && t.n_val == TEST && t.classes == 10);
  assert_true(t.ndim == 3 && t.sample[0] == 32 && t.sample[1] == 32 && t.sample[2] == 3);
  assert_sha(t.x, (size_t)TRAIN * IMAGE, "bf3aabd52be912dae02a0435296c4dab5289524b57f55cd162dc4796935a611b");
  assert_sha((uint8_t *)t.x + (size_t)TRAIN * IMAGE, (size_t)TEST * IMAGE,
             "5a6aa8185204d80b65d3dfb540696dadd5f10d185ded226a96665d3e0fc6259f");
  for (int64_t i = 0; i < TRAIN + TEST; i++)
    assert_int_equal(((int64_t *)t.y)[i], i < TRAIN ? i / 5000 : (i - TRAIN) / 1000);
  assert_string_equal(t.class_name[0], "airplane");
  assert_string_equal(t.class_name[9], "truck");
  gd_table_free(&t);
}

int main(void) {
  if (access(archive(), R_OK) != 0) return skip_all("CIFAR-10 as JPEG", "GD_CIFAR10_DIR");
#if defined(GD_WITH_JPEG) && defined(GD_WITH_ARCHIVE)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_archive_becomes_the_pixels_that_pillow_decodes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
#else
  return skip_all("libjpeg and libarchive in this build", "PKG_CONFIG_PATH");
#endif
}

/* MNIST, where it is present: imported to the published bytes and mean. */
#include "data_fixture.h"

static const char *mnist(const char *name) {
  return data_path("GD_MNIST_DIR", "mnist", name);
}

/* SHA-256 of an IDX file as it was before compression. */
static void assert_sha(const uint8_t *header, size_t header_bytes, const void *values, size_t bytes,
                       const char *hex) {
  gd_sha256 h;
  char got[65];
  gd_sha256_init(&h);
  gd_sha256_add(&h, header, header_bytes);
  gd_sha256_add(&h, values, bytes);
  gd_digest d = gd_sha256_end(&h);
  gd_digest_hex(&d, got);
  assert_string_equal(got, hex);
}

static void mnist_is_imported_to_the_published_bytes(void **state) {
  (void)state;
  gd_table t;
  assert_ok(gd_import_idx(&t, mnist("train-images-idx3-ubyte.gz"), mnist("train-labels-idx1-ubyte.gz")));
  assert_true(t.n == 60000 && t.ndim == 2 && t.sample[0] == 28 && t.sample[1] == 28 && t.classes == 10);
  const uint8_t header[] = {0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 28};
  assert_sha(header, sizeof header, t.x, 60000 * 784,
             "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db");
  const uint8_t label_header[] = {0, 0, 8, 1, 0, 0, 0xEA, 0x60};
  uint8_t *label = malloc(60000);
  for (int i = 0; i < 60000; i++) label[i] = (uint8_t)((int64_t *)t.y)[i];
  assert_sha(label_header, sizeof label_header, label, 60000,
             "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5");
  free(label);
  gd_dataset *d = open_table(&t, "mnist.h5", NULL);
  void *memory = hold(d);
  assert_memory_equal(memory, t.x, 60000 * 784);
  gd_table_free(&t);
  gd_order all = gd_order_all(60000, 1);
  gd_standardize s;
  assert_ok(gd_standardize_fit(&s, d, &all));
  double mean = 0;
  for (int j = 0; j < 784; j++) mean += s.mean[j] / 784;
  assert_close(mean, 0.1306605, 5e-8);
  gd_standardize_free(&s);
  gd_dataset_close(d);
  free(memory);
}

int main(void) {
  if (access(mnist("train-images-idx3-ubyte.gz"), R_OK) != 0) return skip_all("MNIST", "GD_MNIST_DIR");
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mnist_is_imported_to_the_published_bytes),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

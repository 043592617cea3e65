/* Weights of other programs: whatever bytes a safetensors file holds, other names, and parts of a model. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gd/gd.h"
#include "store/apply.h"
#include "test.h"

static gd_device *device;
static gd_arena *arena;
static char path[] = "/tmp/gdtrain-init-XXXXXX";

static int set_up(void **state) {
  (void)state;
  const int file = mkstemp(path);
  if (file < 0) return -1;
  close(file);
  if (gd_device_open(&device, &(gd_device_options){.threads = 1}) != GD_OK) return -1;
  return gd_arena_new(&arena, "weights") == GD_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  gd_arena_free(arena);
  gd_device_close(device);
  return unlink(path);
}

/* A file of this header and so many bytes of values. */
static void write_file(const char *header, size_t values) {
  FILE *f = fopen(path, "wb");
  const uint64_t length = strlen(header);
  assert_non_null(f);
  fwrite(&length, sizeof length, 1, f);
  fwrite(header, length, 1, f);
  for (size_t i = 0; i < values; i++) fputc((int)(i * 7 % 251), f);
  assert_int_equal(fclose(f), 0);
}

static gd_status read_file(gd_stored **stored, int *n) {
  return gd_weights_read(stored, n, arena, path);
}

#define GOOD                                                                                                 \
  "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}," \
  "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[24,32]}}"

static void what_others_write_is_read(void **state) {
  (void)state;
  gd_stored *stored;
  int n;
  write_file(GOOD, 32);
  assert_ok(read_file(&stored, &n));
  assert_int_equal(n, 2);
  assert_string_equal(stored[0].name, "a");
  assert_int_equal(stored[0].shape[1], 3);
  assert_int_equal(stored[1].dtype, GD_F32);
  const uint32_t bits = (uint32_t)(24 * 7 % 251 | (25 * 7 % 251) << 8) << 16;
  assert_memory_equal(stored[1].data, &bits, sizeof bits);
}

static void what_does_not_fit_together_is_refused(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2]"
      ","
      "\"data_offsets\":[4,12]}}",                                        /* shared bytes */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", /* too few */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", /* overflow */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1000],\"data_offsets\":[0,4000]}}",               /* not there */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",                     /* backwards */
      "{\"a\":{\"dtype\":\"F8\",\"shape\":[2],\"data_offsets\":[0,2]}}",                      /* unknown */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}",       /* too many */
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}",
      "{\"a\":1}",
      "{}",
      "{\"a",
  };
  gd_stored *stored;
  int n;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    write_file(wrong[i], 16);
    assert_int_equal(read_file(&stored, &n), GD_ERR_CHECKPOINT);
  }
}

static void no_bytes_crash_the_reader(void **state) {
  (void)state;
  gd_stored *stored;
  int n;
  for (uint64_t i = 0; i < 1000; i++) {
    char header[] = GOOD;
    const gd_rng r = gd_rng_stream(7, GD_RNG_TEST, i);
    const uint64_t word = gd_rng_u64(r, 0);
    header[word % (sizeof header - 1)] = (char)(1 + (word >> 32) % 127);
    write_file(header, 32);
    gd_status st = read_file(&stored, &n);
    assert_true(st == GD_OK || st == GD_ERR_CHECKPOINT);
    gd_error_clear();
  }
}

/* ---- names ---- */

static gd_stored array_of(const char *name, int64_t rows, int64_t columns, double value) {
  gd_stored s = {.dtype = GD_F64, .ndim = columns ? 2 : 1, .shape = {rows, columns}};
  const int64_t n = rows * (columns ? columns : 1);
  double *v = gd_arena_alloc(arena, (size_t)n * sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = value;
  snprintf(s.name, sizeof s.name, "%s", name);
  s.data = v;
  return s;
}

static void other_names_and_parts_are_loaded(void **state) {
  (void)state;
  static const struct {
    const char *weight, *bias, *map;
    bool partial;
    gd_status expected;
  } trials[] = {{"0.weight", "0.bias", "", false, GD_ERR_CHECKPOINT}, /* the second layer is not there */
                {"0.weight", "0.bias", "", true, GD_OK},
                {"module.0.weight", "module.0.bias", "", true, GD_OK},
                {"module._orig_mod.0.weight", "module._orig_mod.0.bias", "", true, GD_OK},
                {"_orig_mod.module.0.weight", "_orig_mod.module.0.bias", "", true, GD_OK},
                {"state_dict.model.0.weight", "state_dict.model.0.bias", "", true, GD_OK},
                {"fc.weight", "fc.bias", "fc.=0.", true, GD_OK},
                {"fc.gamma", "fc.beta", "*.gamma=0.weight *.beta=0.bias", true, GD_OK},
                {"fc.weight", "fc.bias", "", true, GD_ERR_CHECKPOINT},
                {"fc.weight", "fc.bias", "gc.=0.", true, GD_ERR_USAGE},
                {"fc.weight", "fc.bias", "fc", true, GD_ERR_USAGE}};
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
    gd_module *m;
    gd_params *p;
    assert_ok(gd_model_parse(&m, "linear:2 relu linear:1", GD_SHAPE(3), device, GD_F32, NULL));
    assert_ok(gd_params_new(&p, m));
    gd_stored stored[] = {array_of(trials[i].weight, 2, 3, 5), array_of(trials[i].bias, 2, 0, 7)};
    const gdi_init how = {"a file", trials[i].map, trials[i].partial, false};
    assert_int_equal(gdi_weights_init(p, stored, 2, &how), trials[i].expected);
    const gd_module *first = m->child[0].module;
    if (trials[i].expected == GD_OK) {
      assert_true(((float *)first->param[0].tensor->data)[5] == 5);
      assert_true(((float *)first->param[1].tensor->data)[1] == 7);
    }
    gd_params_free(p);
    gd_module_free(m);
    gd_error_clear();
  }
}

/* Nothing is left out in silence: what the model has not, and what cannot be trained. */
static void what_does_not_belong_is_named(void **state) {
  (void)state;
  gd_module *m;
  gd_params *p;
  assert_ok(gd_model_parse(&m, "linear:2", GD_SHAPE(3), device, GD_F32, NULL));
  assert_ok(gd_params_new(&p, m));
  gd_stored stored[] = {array_of("0.weight", 2, 3, 5), array_of("0.bias", 2, 0, 7),
                        array_of("4.weight", 2, 5, 1)};
  assert_int_equal(gdi_weights_init(p, stored, 3, &(gdi_init){.path = "w.h5", .map = ""}), GD_ERR_CHECKPOINT);
  assert_string_equal(
      gd_error_last()->message,
      "w.h5: 1 of its arrays is not in the model: 4.weight [2, 5]. Give a model that has it, or "
      "--init-partial to leave it out");
  assert_ok(gdi_weights_init(p, stored, 3, &(gdi_init){.path = "w.h5", .map = "", .partial = true}));
  strcpy(stored[2].name, "1.num_batches_tracked"); /* PyTorch's counter takes part in nothing */
  assert_ok(gdi_weights_init(p, stored, 3, &(gdi_init){.path = "w.h5", .map = ""}));
  assert_int_equal(gdi_weights_init(p, stored, 1, &(gdi_init){.path = "w.h5", .map = ""}), GD_ERR_CHECKPOINT);
  assert_non_null(
      strstr(gd_error_last()->message, "w.h5: no array for 1 of the model's 2: 0.bias; --init-map"));
  ((double *)stored[0].data)[4] = NAN;
  assert_int_equal(gdi_weights_init(p, stored, 3, &(gdi_init){.path = "w.h5", .map = ""}), GD_ERR_CHECKPOINT);
  assert_non_null(
      strstr(gd_error_last()->message, "w.h5: 0.weight holds a value that is not finite, element 4"));
  gd_error_clear();
  gd_params_free(p);
  gd_module_free(m);
}

/* ---- HDF5 ---- */

static void put_array(hid_t file, const char *name, hid_t type, hsize_t n, const float *values) {
  hid_t space = H5Screate_simple(1, &n, NULL), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t id = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  if (values) assert_true(H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
  H5Dclose(id), H5Sclose(space), H5Pclose(links);
}

static hid_t half(void) {
  hid_t t = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(t, 15, 10, 5, 0, 10);
  H5Tset_size(t, 2);
  H5Tset_ebias(t, 15);
  return t;
}

static void a_dictionary_beside_other_things_is_read_half_floats_too(void **state) {
  (void)state;
  gd_stored *stored;
  int n;
  hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), type = half();
  put_array(f, "state_dict/0.weight", type, 2, (float[]){1.5f, -0.25f});
  put_array(f, "state_dict/0.bias", H5T_IEEE_F32BE, 1, (float[]){3});
  put_array(f, "epoch", H5T_STD_I32LE, 1, (float[]){7});
  H5Fclose(f);
  assert_ok(read_file(&stored, &n));
  assert_int_equal(n, 2);
  assert_string_equal(stored[1].name, "0.weight");
  assert_int_equal(stored[1].dtype, GD_F32);
  assert_true(((float *)stored[1].data)[0] == 1.5f && ((float *)stored[1].data)[1] == -0.25f);
  f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  put_array(f, "0.weight", H5T_IEEE_F32LE, 2, NULL);
  H5Fclose(f);
  assert_int_equal(read_file(&stored, &n), GD_ERR_CHECKPOINT);
  assert_non_null(strstr(gd_error_last()->message, "a part of 0.weight was never written"));
  H5Tclose(type);
}

static void a_file_of_torch_save_is_told_how_to_be_saved(void **state) {
  (void)state;
  gd_stored *stored;
  int n;
  FILE *f = fopen(path, "wb");
  fwrite("PK\3\4 and a pickle", 1, 17, f);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(read_file(&stored, &n), GD_ERR_CHECKPOINT);
  assert_non_null(strstr(gd_error_last()->message, "safetensors.torch.save_file(model.state_dict()"));
}

/* ---- one tensor, two names ---- */

static const gd_module_class pair_class = {.name = "Pair"};

static void a_shared_tensor_may_come_under_any_of_its_names(void **state) {
  (void)state;
  for (int trial = 0; trial < 4; trial++) {
    gd_module *m;
    gd_params *p;
    gd_tensor *t;
    assert_ok(gd_module_new(&m, &pair_class, 0, device, GD_F32));
    assert_ok(gd_module_add_param(m, "first", GD_SHAPE(4), &t));
    assert_ok(gd_module_share_param(m, "second", t));
    assert_ok(gd_params_new(&p, m));
    assert_int_equal(p->n_trained, 1);
    assert_int_equal(p->trainable, 4);
    assert_string_equal(p->item[0].name, "first");
    assert_int_equal(p->n_aliases, 1);
    gd_stored stored[] = {array_of(trial == 1 ? "second" : "first", 4, 0, 5),
                          array_of(trial < 2 ? "other" : "second", 4, 0, trial == 3 ? 6 : 5)};
    const gd_status st = gdi_weights_apply(p, stored, 2, "a file");
    assert_int_equal(st, trial == 3 ? GD_ERR_CHECKPOINT : GD_OK); /* two values for one tensor */
    if (st == GD_OK) assert_true(((float *)t->data)[3] == 5);
    gd_params_free(p);
    gd_module_free(m);
    gd_error_clear();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_others_write_is_read),
      cmocka_unit_test(what_does_not_fit_together_is_refused),
      cmocka_unit_test(no_bytes_crash_the_reader),
      cmocka_unit_test(other_names_and_parts_are_loaded),
      cmocka_unit_test(what_does_not_belong_is_named),
      cmocka_unit_test(a_dictionary_beside_other_things_is_read_half_floats_too),
      cmocka_unit_test(a_file_of_torch_save_is_told_how_to_be_saved),
      cmocka_unit_test(a_shared_tensor_may_come_under_any_of_its_names),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}

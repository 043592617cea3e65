/* HDF5 files as h5py, MATLAB, PyTables and others write them: never other values than they hold. */
#include <hdf5.h>

#include "data_fixture.h"
#include "random.h"

enum { N = 6, K = 2 };
static const double values[N * K] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
static const int labels[N] = {2, 0, 1, 2, 0, 1};

static hid_t begin_file(hsize_t userblock) {
  hid_t create = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(create, userblock);
  hid_t f = H5Fcreate(in_folder("t.h5"), H5F_ACC_TRUNC, create, H5P_DEFAULT);
  H5Pclose(create);
  return f;
}

/* An array of these values, under a name; `create` may be 0. */
static void put(hid_t f, const char *name, hid_t stored, hid_t memory, int ndim, const hsize_t shape[],
                const void *data, hid_t create) {
  hid_t space = H5Screate_simple(ndim, shape, NULL), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t id = H5Dcreate2(f, name, stored, space, links, create ? create : H5P_DEFAULT, H5P_DEFAULT);
  assert_true(id >= 0);
  if (data) assert_true(H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  H5Dclose(id), H5Sclose(space), H5Pclose(links);
  if (create) H5Pclose(create);
}

static void put_x(hid_t f, const char *name) {
  put(f, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){N, K}, values, 0);
}
static void put_y(hid_t f, const char *name) {
  put(f, name, H5T_STD_I32LE, H5T_NATIVE_INT, 1, (hsize_t[]){N}, labels, 0);
}

static void put_attribute(hid_t f, const char *object, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, strlen(text));
  hid_t id = H5Acreate_by_name(f, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5Awrite(id, type, text) >= 0);
  H5Aclose(id), H5Sclose(space), H5Tclose(type);
}

typedef struct held {
  gd_dataset *d;
  const gd_data_info *info;
  void *memory;
  const void *x, *y;
} held;

static held open_held(const gd_data_options *o) {
  held h;
  assert_ok(gd_dataset_open(&h.d, in_folder("t.h5"), o));
  h.info = gd_dataset_info(h.d);
  h.memory = hold(h.d);
  h.x = h.memory, h.y = (char *)h.memory + (h.info->x_bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
  return h;
}
static void let_go(held *h) {
  gd_dataset_close(h->d);
  free(h->memory);
}
static double x_at(const held *h, int64_t i) {
  switch (h->info->x_type) {
  case GD_U8: return ((const uint8_t *)h->x)[i];
  case GD_I32: return ((const int32_t *)h->x)[i];
  case GD_I64: return (double)((const int64_t *)h->x)[i];
  case GD_F32: return (double)((const float *)h->x)[i];
  default: return ((const double *)h->x)[i];
  }
}
static void assert_labels(const held *h) {
  for (int i = 0; i < N; i++) assert_int_equal(((const int64_t *)h->y)[i], labels[i]);
}
static void assert_noted(const held *h, const char *part) {
  if (!h->info->notes || !strstr(h->info->notes, part))
    fail_msg("\"%s\" does not say \"%s\"", h->info->notes ? h->info->notes : "", part);
}
static gd_status try_open(const gd_data_options *o) {
  gd_dataset *d;
  gd_status st = gd_dataset_open(&d, in_folder("t.h5"), o);
  if (st == GD_OK) gd_dataset_close(d);
  return st;
}

/* ---- types ---- */

/* A float of 16 bits: with 5 or 8 bits of exponent. */
static hid_t half_type(size_t exponent, bool big) {
  hid_t t = H5Tcopy(big ? H5T_IEEE_F32BE : H5T_IEEE_F32LE);
  H5Tset_fields(t, 15, 15 - exponent, exponent, 0, 15 - exponent);
  H5Tset_size(t, 2);
  H5Tset_ebias(t, exponent == 5 ? 15 : 127);
  return t;
}

static void every_type_of_number_is_read(void **state) {
  (void)state;
  const hid_t types[] = {H5T_STD_I8LE,        H5T_STD_U8LE,       H5T_STD_I16BE,      H5T_STD_U16LE,
                         H5T_STD_I32BE,       H5T_STD_U32BE,      H5T_STD_I64LE,      H5T_STD_U64BE,
                         H5T_IEEE_F32BE,      H5T_IEEE_F64BE,     H5T_IEEE_F32LE,     H5T_IEEE_F64LE,
                         half_type(5, false), half_type(5, true), half_type(8, false)};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    hid_t f = begin_file(0);
    put(f, "x", types[i], H5T_NATIVE_DOUBLE, 2, (hsize_t[]){N, K}, values, 0);
    put_y(f, "y");
    H5Fclose(f);
    held h = open_held(NULL);
    for (int k = 0; k < N * K; k++) assert_true(x_at(&h, k) == values[k]);
    assert_labels(&h);
    let_go(&h);
  }
}

static hid_t enum_type(int n, const char *const names[], const int8_t number[]) {
  hid_t t = H5Tenum_create(H5T_STD_I8LE);
  for (int i = 0; i < n; i++) H5Tenum_insert(t, names[i], &number[i]);
  return t;
}

static void truth_and_enumerations_are_numbers_with_names(void **state) {
  (void)state;
  const int8_t stored[N] = {0, 1, 1, 0, 0, 1}, sparse[N] = {3, 1, 1, 3, 3, 1},
               wide[N] = {-3, 1, 1, -3, -3, 1};
  hid_t truth = enum_type(2, (const char *const[]){"FALSE", "TRUE"}, (int8_t[]){0, 1});
  hid_t f = begin_file(0);
  put(f, "x", truth, truth, 1, (hsize_t[]){N}, stored, 0);
  put(f, "y", truth, truth, 1, (hsize_t[]){N}, stored, 0);
  H5Fclose(f);
  held h = open_held(NULL);
  assert_true(h.info->labels && h.info->classes == 2 && h.info->x_scale == 1);
  assert_string_equal(h.info->class_name[1], "TRUE");
  for (int i = 0; i < N; i++) assert_true(x_at(&h, i) == stored[i] && ((const int64_t *)h.y)[i] == stored[i]);
  let_go(&h);
  hid_t byte = H5Tenum_create(H5T_STD_U8LE); /* a byte with names is no brightness */
  H5Tenum_insert(byte, "off", (uint8_t[]){0}), H5Tenum_insert(byte, "on", (uint8_t[]){1});
  f = begin_file(0);
  put(f, "x", byte, byte, 1, (hsize_t[]){N}, stored, 0), put_y(f, "y");
  H5Fclose(f);
  h = open_held(NULL);
  assert_true(h.info->x_scale == 1 && x_at(&h, 1) == 1);
  let_go(&h);
  H5Tclose(byte);
  hid_t gaps = enum_type(2, (const char *const[]){"red", "blue"}, (int8_t[]){3, 1});
  f = begin_file(0);
  put_x(f, "x"), put(f, "y", gaps, gaps, 1, (hsize_t[]){N}, sparse, 0);
  H5Fclose(f);
  h = open_held(NULL);
  assert_true(h.info->classes == 4 && ((const int64_t *)h.y)[0] == 3);
  assert_string_equal(h.info->class_name[3], "red");
  assert_string_equal(h.info->class_name[0], "0");
  let_go(&h);
  hid_t below = enum_type(2, (const char *const[]){"red", "blue"}, (int8_t[]){-3, 1});
  f = begin_file(0);
  put_x(f, "x"), put(f, "y", below, below, 1, (hsize_t[]){N}, wide, 0);
  H5Fclose(f);
  gd_dataset *d;
  assert_ok(gd_dataset_open(&d, in_folder("t.h5"), NULL));
  char memory[512];
  assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA, "y is -3 at sample 0");
  gd_dataset_close(d);
  H5Tclose(truth), H5Tclose(gaps), H5Tclose(below);
}

static void other_types_are_named_with_a_remedy(void **state) {
  (void)state;
  hid_t complex = H5Tcreate(H5T_COMPOUND, 16), record = H5Tcreate(H5T_COMPOUND, 12);
  H5Tinsert(complex, "r", 0, H5T_NATIVE_DOUBLE), H5Tinsert(complex, "i", 8, H5T_NATIVE_DOUBLE);
  H5Tinsert(record, "age", 0, H5T_NATIVE_INT), H5Tinsert(record, "height", 4, H5T_NATIVE_DOUBLE);
  const struct {
    hid_t type;
    const char *says;
  } types[] = {{complex, "x: it holds complex numbers: store the real and the imaginary part as columns"},
               {record, "x: it holds records of age, height: store each field as an array of its own"},
               {H5Tvlen_create(H5T_NATIVE_INT), "x: it holds lists of different lengths: pad them"},
               {H5Tcopy(H5T_NATIVE_B8), "x: it holds bit fields: store them as int8 or bool"},
               {H5Tcopy(H5T_STD_REF_OBJ), "x: it holds references (a cell array?)"},
               {H5Tcopy(H5T_NATIVE_LDOUBLE), "x: it holds floats of 128 bits: store them as float64"}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    hid_t f = begin_file(0);
    put(f, "x", types[i].type, 0, 2, (hsize_t[]){N, K}, NULL, 0);
    put_y(f, "y");
    H5Fclose(f);
    assert_refused(try_open(NULL), GD_ERR_DATA, types[i].says);
    H5Tclose(types[i].type);
  }
}

/* ---- text ---- */

static const char *const texts[N] = {"ros\xC3\xA9", "blanc", "red, or so",
                                     "ros\xC3\xA9", "blanc", "red, or so"};
static const int64_t ranks[N] = {2, 0, 1, 2, 0, 1};

static hid_t chunked(int filters) {
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(create, 1, (hsize_t[]){4});
  if (filters & 1) H5Pset_shuffle(create);
  if (filters & 2) H5Pset_deflate(create, 4);
  if (filters & 4) H5Pset_fletcher32(create);
  return create;
}

static void put_texts(hid_t f, const char *name, size_t width, hid_t create) {
  hid_t type = H5Tcopy(H5T_C_S1);
  char fixed[N][16] = {{0}};
  H5Tset_size(type, width), H5Tset_cset(type, H5T_CSET_UTF8);
  if (width == 16) H5Tset_strpad(type, H5T_STR_SPACEPAD), memset(fixed, ' ', sizeof fixed);
  for (int i = 0; i < N; i++) memcpy(fixed[i], texts[i], strlen(texts[i]));
  char narrow[N][12];
  for (int i = 0; i < N; i++) memcpy(narrow[i], fixed[i], 12);
  const void *data = width == H5T_VARIABLE ? (const void *)texts
                     : width == 16         ? (const void *)fixed
                                           : (const void *)narrow;
  put(f, name, type, type, 1, (hsize_t[]){N}, data, create);
  H5Tclose(type);
}

static void assert_text_classes(void) {
  held h = open_held(NULL);
  assert_true(h.info->labels && h.info->classes == 3);
  assert_string_equal(h.info->class_name[0], "blanc");
  assert_string_equal(h.info->class_name[2], "ros\xC3\xA9");
  assert_noted(&h, "y: text: its 3 texts are taken for classes");
  for (int i = 0; i < N; i++) assert_int_equal(((const int64_t *)h.y)[i], ranks[i]);
  let_go(&h);
}

static void text_becomes_classes_however_it_is_stored(void **state) {
  (void)state;
  for (hsize_t userblock = 0; userblock <= 512; userblock += 512)
    for (int filters = -1; filters < 8; filters++) {
      const size_t widths[] = {12, 16, H5T_VARIABLE};
      for (int w = 0; w < (filters < 4 ? 3 : 2); w++) { /* HDF5 sums no text of any length */
        hid_t f = begin_file(userblock);
        put_x(f, "x");
        put_texts(f, "y", widths[w], filters < 0 ? 0 : chunked(filters));
        H5Fclose(f);
        assert_text_classes();
      }
    }
}

static void classes_may_be_text_of_any_length(void **state) {
  (void)state;
  const char *const names[3] = {"cat", "a dog", "ros\xC3\xA9"};
  hid_t type = H5Tcopy(H5T_C_S1), f = begin_file(0);
  H5Tset_size(type, H5T_VARIABLE);
  put_x(f, "x"), put_y(f, "y");
  put(f, "classes", type, type, 1, (hsize_t[]){3}, names, 0);
  H5Fclose(f);
  held h = open_held(NULL);
  assert_int_equal(h.info->classes, 3);
  for (int i = 0; i < 3; i++) assert_string_equal(h.info->class_name[i], names[i]);
  let_go(&h);
  f = begin_file(0); /* text among named classes: in their order, and no others */
  put_x(f, "x"), put_texts(f, "y", H5T_VARIABLE, 0);
  put(f, "classes", type, type, 1, (hsize_t[]){3},
      ((const char *const[]){"ros\xC3\xA9", "red, or so", "blanc"}), 0);
  H5Fclose(f);
  h = open_held(NULL);
  assert_true(((const int64_t *)h.y)[0] == 0 && ((const int64_t *)h.y)[1] == 2);
  let_go(&h);
  f = begin_file(0);
  put_x(f, "x"), put_texts(f, "y", 12, 0);
  put(f, "classes", type, type, 1, (hsize_t[]){2}, ((const char *const[]){"ros\xC3\xA9", "blanc"}), 0);
  H5Fclose(f);
  assert_refused(try_open(NULL), GD_ERR_DATA,
                 "y: sample 2 is \"red, or so\": none of the classes that the file names");
  f = begin_file(0);
  put_x(f, "x"),
      put(f, "y", type, type, 1, (hsize_t[]){N}, ((const char *const[]){"a", "b", "", "a", "b", "b"}), 0);
  H5Fclose(f);
  assert_refused(try_open(NULL), GD_ERR_DATA, "y: sample 2 is \"\": no class");
  f = begin_file(0);
  put_x(f, "y"), put_texts(f, "x", H5T_VARIABLE, 0);
  H5Fclose(f);
  assert_refused(try_open(NULL), GD_ERR_DATA, "x: it holds text, not numbers");
  H5Tclose(type);
}

/* HDF5 1.10 would copy as much as the heap says. */
static void text_whose_lengths_disagree_is_refused(void **state) {
  (void)state;
  hid_t f = begin_file(0);
  put_x(f, "x"), put_texts(f, "y", H5T_VARIABLE, 0);
  H5Fclose(f);
  char bytes[1 << 15];
  FILE *raw = fopen(in_folder("t.h5"), "rb");
  const size_t n = fread(bytes, 1, sizeof bytes, raw);
  fclose(raw);
  char *heap = memmem(bytes, n, "GCOL", 4), *first = memmem(bytes, n, "ros\xC3\xA9", 5);
  assert_true(heap && first && first > heap);
  bytes[first - bytes - 8] = 3; /* the heap's length of the first text */
  write_bytes("t.h5", bytes, n);
  assert_refused(try_open(NULL), GD_ERR_DATA, "y: damaged text");
  bytes[first - bytes - 8] = 0x7f, bytes[first - bytes - 6] = 0x7f;
  write_bytes("t.h5", bytes, n);
  assert_refused(try_open(NULL), GD_ERR_DATA, "y: damaged text: a string is longer than its heap");
}

/* Whatever byte of a heap or of the references into it is changed: text, or a message, never a crash. */
static void damaged_text_never_crashes(void **state) {
  (void)state;
  hid_t f = begin_file(0);
  put_x(f, "x"), put_texts(f, "y", H5T_VARIABLE, 0);
  H5Fclose(f);
  char bytes[1 << 15];
  FILE *raw = fopen(in_folder("t.h5"), "rb");
  const size_t n = fread(bytes, 1, sizeof bytes, raw);
  fclose(raw);
  char *heap = memmem(bytes, n, "GCOL", 4);
  assert_non_null(heap);
  const uint64_t at = (uint64_t)(heap - bytes);
  uint8_t first[12] = {5}; /* the first reference: a text of 5 bytes in this heap */
  memcpy(first + 4, &at, sizeof at);
  char *references = memmem(bytes, n, first, sizeof first);
  assert_non_null(references);
  const int64_t count = test_count(2048);
  const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, 0);
  for (int64_t i = 0; i < count; i++) {
    const uint32_t draw = gd_rng_u32(r, (uint64_t)i);
    char *place = i % 2 ? references + draw % (N * 16) : heap + draw % 256;
    const char was = *place;
    *place = (char)(was ^ (char)(1 + (draw >> 16) % 255));
    write_bytes("t.h5", bytes, n);
    const gd_status st = try_open(NULL);
    assert_true(st == GD_OK || st == GD_ERR_DATA);
    *place = was;
  }
}

/* ---- which way round ---- */

/* [K, N]: values of MATLAB's [N, K], or any array in reverse. */
static void transpose(double to[N * K]) {
  for (int i = 0; i < N; i++)
    for (int k = 0; k < K; k++) to[k * N + i] = values[i * K + k];
}

static void assert_turned(hid_t y_type, const hsize_t *y_shape, int y_ndim, bool matlab, const char *says) {
  double turned[N * K];
  transpose(turned);
  hid_t f = begin_file(512);
  put(f, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){K, N}, turned, 0);
  if (matlab) put_attribute(f, "x", "MATLAB_class", "double");
  put(f, "y", y_type, H5T_NATIVE_INT, y_ndim, y_shape, labels, 0);
  H5Fclose(f);
  held h = open_held(NULL);
  assert_true(h.info->n == N && h.info->ndim == 1 && h.info->sample[0] == K && h.info->targets == 1);
  assert_noted(&h, says);
  assert_memory_equal(h.x, values, sizeof values);
  for (int i = 0; i < N; i++)
    assert_true((h.info->labels ? (double)((const int64_t *)h.y)[i] : ((const double *)h.y)[i]) == labels[i]);
  gd_digest whole, parts;
  assert_ok(gd_dataset_digest(h.d, &whole));
  let_go(&h);
  gd_dataset *d; /* the same when read piece by piece */
  assert_ok(gd_dataset_open(&d, in_folder("t.h5"), &(gd_data_options){.memory = GD_MEMORY_STREAM}));
  assert_ok(gd_dataset_digest(d, &parts));
  assert_memory_equal(&whole, &parts, sizeof whole);
  gd_dataset_close(d);
}

static void arrays_in_reverse_are_turned_and_said(void **state) {
  (void)state;
  const char *why = "x: stored as [2, 6], taken as [6, 2]: MATLAB stores dimensions in reverse";
  assert_turned(H5T_IEEE_F64LE, (hsize_t[]){1, N}, 2, true, why); /* a column of MATLAB */
  assert_turned(H5T_IEEE_F64LE, (hsize_t[]){N, 1}, 2, true, why); /* a row */
  assert_turned(H5T_STD_I32LE, (hsize_t[]){N}, 1, false, "only so are there as many samples as targets");
  assert_turned(H5T_STD_I32LE, (hsize_t[]){1, N}, 2, false, "only so are there as many samples as targets");
  double turned[N * K];
  transpose(turned);
  hid_t f = begin_file(0); /* as many rows as columns of targets, and nothing says MATLAB: as it is stored */
  put(f, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){K, N}, turned, 0);
  put(f, "y", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){K, N}, turned, 0);
  H5Fclose(f);
  held h = open_held(NULL);
  assert_true(h.info->n == K && h.info->targets == N && !h.info->notes);
  let_go(&h);
  f = begin_file(0);
  put(f, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){3, 4}, values, 0);
  put_y(f, "y");
  H5Fclose(f);
  assert_refused(try_open(NULL), GD_ERR_DATA, "y: it has 6 rows, but x has 3 samples");
}

/* MATLAB's [H, W, C, N] is stored as [N, C, W, H]; its truth values are bytes. */
static void images_of_matlab_keep_their_samples(void **state) {
  (void)state;
  uint8_t pixels[N * 2 * 2];
  for (int i = 0; i < N * 4; i++) pixels[i] = (uint8_t)(i % 2);
  hid_t f = begin_file(0);
  put(f, "x", H5T_STD_U8LE, H5T_NATIVE_UINT8, 4, (hsize_t[]){N, 1, 2, 2}, pixels, 0);
  put_attribute(f, "x", "MATLAB_class", "logical");
  put(f, "y", H5T_IEEE_F64LE, H5T_NATIVE_INT, 2, (hsize_t[]){1, N}, labels, 0);
  H5Fclose(f);
  held h = open_held(NULL);
  assert_true(h.info->n == N && h.info->ndim == 3 && h.info->x_scale == 1);
  assert_memory_equal(h.x, pixels, sizeof pixels);
  assert_noted(&h, "the last dimension in MATLAB counts samples");
  let_go(&h);
}

/* Text and empty arrays are stored as numbers: the codes of letters, and the shape. */
static void what_is_no_number_in_matlab_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *class, *other, *says;
  } kinds[] = {{"char", NULL, "x: text of MATLAB: store numbers"},
               {"char", "MATLAB_int_decode", "x: text of MATLAB"},
               {"double", "MATLAB_empty", "x: an empty array of MATLAB"}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    hid_t f = begin_file(512);
    put(f, "x", H5T_STD_U16LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){K, N}, values, 0);
    put_attribute(f, "x", "MATLAB_class", kinds[i].class);
    if (kinds[i].other) put_attribute(f, "x", kinds[i].other, "1");
    put_y(f, "y");
    H5Fclose(f);
    assert_refused(try_open(NULL), GD_ERR_DATA, kinds[i].says);
  }
}

/* ---- what was never written ---- */

static void what_was_never_written_reads_as_the_fill_value(void **state) {
  (void)state;
  const double fill = 7.5;
  hid_t f = begin_file(0), create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_fill_value(create, H5T_NATIVE_DOUBLE, &fill);
  put(f, "x", H5T_IEEE_F32LE, 0, 2, (hsize_t[]){N, K}, NULL, create);
  put_y(f, "y");
  H5Fclose(f);
  held h = open_held(NULL);
  assert_noted(&h, "warning: x: a part of it was never written, and reads as 7.5");
  for (int i = 0; i < N * K; i++) assert_true(x_at(&h, i) == fill);
  let_go(&h);
  for (int never = 0; never < 2; never++) {
    f = begin_file(0), create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(create, 2, (hsize_t[]){2, K});
    H5Pset_fill_value(create, H5T_NATIVE_DOUBLE, &fill);
    if (never) H5Pset_fill_time(create, H5D_FILL_TIME_NEVER);
    put(f, "x", H5T_IEEE_F64LE, 0, 2, (hsize_t[]){N, K}, NULL, create);
    hid_t x = H5Dopen2(f, "x", H5P_DEFAULT);
    assert_true(H5Dwrite_chunk(x, H5P_DEFAULT, 0, (hsize_t[]){2, 0}, 4 * sizeof *values, values + 4) >= 0);
    H5Dclose(x);
    put_y(f, "y");
    H5Fclose(f);
    if (never) {
      assert_refused(try_open(NULL), GD_ERR_DATA,
                     "x: a part of it was never written, and it has no fill value");
      continue;
    }
    h = open_held(NULL);
    for (int i = 0; i < N * K; i++) assert_true(x_at(&h, i) == (i >= 4 && i < 8 ? values[i] : fill));
    let_go(&h);
  }
}

/* ---- names ---- */

static void soft_links_inside_the_file_are_followed(void **state) {
  (void)state;
  hid_t f = begin_file(0);
  put_x(f, "group/a"), put_y(f, "b");
  H5Lcreate_soft("/group/a", f, "x", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/b", f, "y", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  held h = open_held(NULL);
  assert_memory_equal(h.x, values, sizeof values);
  assert_labels(&h);
  let_go(&h);
}

static void parts_are_told_by_their_names_and_said(void **state) {
  (void)state;
  hid_t f = begin_file(0);
  put_x(f, "x_train"), put_y(f, "y_train"), put_x(f, "x_test"), put_y(f, "y_test"), put_x(f, "extra");
  H5Fclose(f);
  const struct {
    gd_data_options o;
    const char *x, *y, *says;
  } cases[] = {
      {{.part = GD_PART_ANY},
       "x_train",
       "y_train",
       "x_train and y_train are taken for samples and targets (else --data.x"},
      {{.part = GD_PART_VAL},
       "x_test",
       "y_test",
       "x_test and y_test are taken for samples and targets (else --val-data.x"},
      {{.part = GD_PART_TEST}, "x_test", "y_test", "x_test and y_test are taken"},
      {{.part = GD_PART_VAL, .x_name = "x_train"}, "x_train", "y_train", "x_train and y_train are taken"},
      {{.x_name = "extra", .y_name = "y_test"}, "extra", "y_test", NULL},
      {{.x_name = "x_test", .y_name = "y_test"}, "x_test", "y_test", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    held h = open_held(&cases[i].o);
    assert_string_equal(h.info->x_name, cases[i].x);
    assert_string_equal(h.info->y_name, cases[i].y);
    if (cases[i].says)
      assert_noted(&h, cases[i].says);
    else
      assert_null(h.info->notes);
    let_go(&h);
  }
  assert_refused(try_open(&(gd_data_options){.part = GD_PART_VAL, .y_name = "absent"}), GD_ERR_DATA,
                 "(name them by --val-data.x and --val-data.y)");
  f = begin_file(0);
  put_x(f, "train/images"), put_y(f, "train/labels"), put_x(f, "val/images"), put_y(f, "val/labels");
  H5Fclose(f);
  held h = open_held(&(gd_data_options){.part = GD_PART_VAL});
  assert_string_equal(h.info->x_name, "val/images");
  let_go(&h);
}

static void values_too_large_for_the_model_are_named(void **state) {
  (void)state;
  double large[N * K];
  memcpy(large, values, sizeof large);
  large[7] = -1e39;
  hid_t f = begin_file(0);
  put(f, "x", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 2, (hsize_t[]){N, K}, large, 0);
  put_y(f, "y");
  H5Fclose(f);
  gd_dataset *d;
  char memory[512];
  assert_ok(gd_dataset_open(&d, in_folder("t.h5"), &(gd_data_options){.largest = 3e38}));
  assert_refused(gd_dataset_load(d, memory, true), GD_ERR_DATA, "x is -1e+39 at sample 3, column 1");
  gd_dataset_close(d);
  assert_ok(gd_dataset_open(&d, in_folder("t.h5"), NULL));
  assert_ok(gd_dataset_load(d, memory, true));
  gd_dataset_close(d);
}

int main(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_of_number_is_read),
      cmocka_unit_test(truth_and_enumerations_are_numbers_with_names),
      cmocka_unit_test(other_types_are_named_with_a_remedy),
      cmocka_unit_test(text_becomes_classes_however_it_is_stored),
      cmocka_unit_test(classes_may_be_text_of_any_length),
      cmocka_unit_test(text_whose_lengths_disagree_is_refused),
      cmocka_unit_test(damaged_text_never_crashes),
      cmocka_unit_test(arrays_in_reverse_are_turned_and_said),
      cmocka_unit_test(images_of_matlab_keep_their_samples),
      cmocka_unit_test(what_is_no_number_in_matlab_is_refused),
      cmocka_unit_test(what_was_never_written_reads_as_the_fill_value),
      cmocka_unit_test(soft_links_inside_the_file_are_followed),
      cmocka_unit_test(parts_are_told_by_their_names_and_said),
      cmocka_unit_test(values_too_large_for_the_model_are_named),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

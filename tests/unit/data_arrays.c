/* NumPy and IDX arrays of every type: right values, or a message with what to save instead. */
#include <math.h>
#include <zlib.h>

#include "data_fixture.h"
#include "random.h"

/* ---- .npy ---- */

typedef struct bytes {
  char at[4096];
  size_t n;
} bytes;

static void add(bytes *b, const void *more, size_t n) {
  memcpy(b->at + b->n, more, n);
  b->n += n;
}

static bytes npy_of(const char *descr, const char *order, const char *shape, const void *values, size_t n) {
  bytes b = {.n = 0};
  char header[200];
  snprintf(header, sizeof header, "{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n", descr, order, shape);
  add(&b, "\x93NUMPY\x01\0", 8);
  add(&b, (char[]){(char)strlen(header), 0}, 2);
  add(&b, header, strlen(header));
  add(&b, values, n);
  return b;
}

static const char *npy(const char *name, const char *descr, const char *shape, const void *values, size_t n) {
  const bytes b = npy_of(descr, "False", shape, values, n);
  return write_bytes(name, b.at, b.n);
}

/* The bytes of one element: value v as kind and width, in either byte order. */
static void encode(char kind, size_t width, bool big, double v, uint8_t *to) {
  uint64_t bits = (uint64_t)(int64_t)v;
  const float narrow = (float)v;
  uint32_t single;
  memcpy(&single, &narrow, sizeof single);
  if (kind == 'f' && width == 8) memcpy(&bits, &v, sizeof bits);
  if (kind == 'f' && width == 4) bits = single;
  if (kind == 'f' && width == 2 && v != 0) /* exact for the values here */
    bits = (single >> 16 & 0x8000) | ((single >> 23 & 255) - 112) << 10 | (single >> 13 & 1023);
  for (size_t i = 0; i < width && i < sizeof bits; i++)
    to[big ? width - 1 - i : i] = (uint8_t)(bits >> 8 * i);
}

static const double values[6] = {0, 1, 2.5, -3, 100, 7};

static double value_of(const gd_table *t, int64_t i) {
  return t->x_type == GD_U8    ? ((uint8_t *)t->x)[i]
         : t->x_type == GD_F32 ? (double)((float *)t->x)[i]
                               : ((double *)t->x)[i];
}

static void npy_reads_every_number_and_byte_order(void **state) {
  (void)state;
  static const struct {
    char kind;
    size_t width;
  } types[] = {{'f', 2}, {'f', 4}, {'f', 8}, {'i', 1}, {'i', 2}, {'i', 4},
               {'i', 8}, {'u', 1}, {'u', 2}, {'u', 4}, {'u', 8}, {'b', 1}};
  for (size_t k = 0; k < sizeof types / sizeof *types; k++)
    for (int big = 0; big < 2; big++) {
      uint8_t raw[48];
      char descr[16];
      double expected[6];
      for (int i = 0; i < 6; i++) {
        double v = types[k].kind == 'f' ? values[i] : trunc(values[i]);
        if (types[k].kind == 'u') v = fabs(v);
        if (types[k].kind == 'b') v = v != 0;
        expected[i] = v;
        encode(types[k].kind, types[k].width, big, v, raw + (size_t)i * types[k].width);
      }
      snprintf(descr, sizeof descr, "'%c%c%zu'",
               types[k].width == 1 ? '|'
               : big               ? '>'
                                   : '<',
               types[k].kind, types[k].width);
      const char *x = npy("x.npy", descr, "(3, 2)", raw, 6 * types[k].width);
      const char *y = npy("y.npy", descr, "(6,)", raw, 6 * types[k].width);
      gd_table t;
      assert_ok(gd_import_npy(&t, x, npy("l.npy", "'|i1'", "(3,)", "\0\1\2", 3), NULL));
      for (int i = 0; i < 6; i++) assert_true(value_of(&t, i) == expected[i]);
      assert_true((t.x_type == GD_U8) == (types[k].kind == 'u' && types[k].width == 1));
      gd_table_free(&t);
      if (types[k].kind == 'i') continue; /* -3 is no class */
      assert_ok(gd_import_npy(&t, npy("x.npy", "'<f4'", "(6, 1)", raw, 24), y, NULL));
      for (int i = 0; i < 6; i++)
        assert_true((t.labels ? (double)((int64_t *)t.y)[i] : ((double *)t.y)[i]) == expected[i]);
      gd_table_free(&t);
    }
}

static void npy_halves_are_exact(void **state) {
  (void)state;
  static const struct {
    uint16_t bits;
    float value;
  } halves[] = {{0x0001, 0x1p-24f}, {0x03ff, 1023 * 0x1p-24f},
                {0x0400, 0x1p-14f}, {0x7bff, 65504},
                {0xbc00, -1},       {0x8000, -0.0f}};
  uint16_t raw[6];
  for (int i = 0; i < 6; i++) raw[i] = halves[i].bits;
  gd_table t;
  assert_ok(gd_import_npy(&t, npy("x.npy", "'<f2'", "(6, 1)", raw, sizeof raw), NULL, NULL));
  for (int i = 0; i < 6; i++) assert_memory_equal((float *)t.x + i, &halves[i].value, sizeof(float));
  assert_true(t.targets == 0 && strstr(t.notes, "no targets: samples to predict on"));
  gd_table_free(&t);
}

static void npy_in_fortrans_order_is_turned(void **state) {
  (void)state;
  const float stored[12] = {0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11}; /* of [2, 3, 2], the first fastest */
  const bytes b = npy_of("'<f4'", "True", "(2, 3, 2)", stored, sizeof stored);
  gd_table t;
  assert_ok(
      gd_import_npy(&t, write_bytes("x.npy", b.at, b.n), npy("y.npy", "'|b1'", "(2,)", "\1\0", 2), NULL));
  for (int i = 0; i < 12; i++) assert_true(((float *)t.x)[i] == (float)i);
  assert_true(t.classes == 2 && ((int64_t *)t.y)[0] == 1);
  assert_string_equal(t.class_name[0], "False");
  gd_table_free(&t);
}

static void npy_of_python_2_is_read(void **state) {
  (void)state;
  gd_table t;
  assert_ok(gd_import_npy(&t, npy("x.npy", "'|i1'", "(3L, 2L)", "\1\2\3\4\5\6", 6), NULL, NULL));
  assert_true(t.n == 3 && t.sample[0] == 2 && ((float *)t.x)[5] == 6);
  gd_table_free(&t);
}

static void npy_text_becomes_classes(void **state) {
  (void)state;
  const uint32_t wide[9] = {'c', 'a', 't', 'o', 'x', 0, 0xe9, 0x1f408, 0};
  uint32_t big[9];
  for (int i = 0; i < 9; i++) big[i] = __builtin_bswap32(wide[i]);
  const struct {
    const char *descr;
    const void *raw;
    size_t n;
    const char *third;
  } kinds[] = {{"'<U3'", wide, 36, "\xC3\xA9\xF0\x9F\x90\x88"},
               {"'>U3'", big, 36, "\xC3\xA9\xF0\x9F\x90\x88"},
               {"'|S3'", "catox\0zoo", 9, "zoo"}};
  for (int k = 0; k < 3; k++) {
    gd_table t;
    assert_ok(gd_import_npy(&t, npy("x.npy", "'|u1'", "(3, 1)", "\1\2\3", 3),
                            npy("y.npy", kinds[k].descr, "(3,)", kinds[k].raw, kinds[k].n), NULL));
    assert_true(t.labels && t.classes == 3);
    assert_string_equal(t.class_name[0], "cat");
    assert_string_equal(t.class_name[2], kinds[k].third);
    for (int i = 0; i < 3; i++) assert_int_equal(((int64_t *)t.y)[i], i);
    assert_non_null(strstr(t.notes, "y: text: its 3 texts are taken for classes"));
    gd_table_free(&t);
  }
}

static void npy_refusals_say_what_to_save(void **state) {
  (void)state;
  static const struct {
    const char *descr, *says;
  } types[] = {
      {"'<c16'", "x.npy: its type is '<c16', complex numbers: save numpy.stack([a.real, a.imag], -1)"},
      {"'|O'", "x.npy: its type is '|O', Python objects, which are not unpickled: save a.astype(str)"},
      {"'<M8[ns]'", "dates: save a.astype('i8')"},
      {"'<f16'", "floats of another width: save a.astype('f8')"},
      {"'|V8'", "raw bytes"},
      {"[('a', '<f4'), ('b', '<f4')]", "records: save the columns as one array"},
      {"'<q'", "unknown: save a.astype('f8')"},
      {"'<i3'", "unknown: save"}};
  char raw[64] = "";
  gd_table t;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    assert_refused(gd_import_npy(&t, npy("x.npy", types[i].descr, "(2,)", raw, 32), NULL, NULL), GD_ERR_DATA,
                   types[i].says);
  const float x[] = {1, 2, 3, 4, 5, 6};
  const double targets[] = {2, 0, 1.5};
  const char *a = npy("x.npy", "'<f4'", "(3, 2)", x, sizeof x),
             *b = npy("y.npy", "'<f8'", "(3, 1)", targets, sizeof targets);
  assert_ok(gd_import_npy(&t, a, b, NULL));
  assert_true(!t.labels && !t.y_vector && t.targets == 1);
  gd_table_free(&t);
  assert_refused(gd_import_npy(&t, a, b, &(gd_npy_options){.classes = true}), GD_ERR_DATA,
                 "y.npy: 1.5 at position 2");
  b = npy("y.npy", "'<i8'", "(3,)", (int64_t[]){1, 2, 16000000}, 24);
  assert_refused(gd_import_npy(&t, a, b, NULL), GD_ERR_DATA, "y.npy: 1.6e+07 at position 2 is no class");
  b = npy("y.npy", "'<u8'", "(3, 1)", (uint64_t[]){1, UINT64_MAX, 2}, 24);
  assert_refused(gd_import_npy(&t, b, NULL, NULL), GD_ERR_DATA,
                 "at position 1 is too large to be a number here");
  b = npy("y.npy", "'<f8'", "(4,)", targets, sizeof targets);
  assert_refused(gd_import_npy(&t, a, b, NULL), GD_ERR_DATA, "y.npy: its header promises");
  b = npy("y.npy", "'<f8'", "(2,)", targets, 16);
  assert_refused(gd_import_npy(&t, a, b, NULL), GD_ERR_DATA, "y.npy: 2 rows for the 3 samples");
  b = npy("y.npy", "'<U1'", "(3,)", "\0\0\0\0a\0\0\0b\0\0\0", 12);
  assert_refused(gd_import_npy(&t, a, b, NULL), GD_ERR_DATA, "y.npy: sample 0 is \"\": no class");
  assert_refused(gd_import_npy(&t, b, NULL, NULL), GD_ERR_DATA, "y.npy: text, not numbers");
}

/* ---- .npz ---- */

typedef struct zip {
  bytes file, directory;
  int n;
  bool large; /* lengths in extra fields, as numpy.savez() leaves room for */
} zip;

static void put(bytes *b, uint64_t v, int n) {
  for (int i = 0; i < n; i++) b->at[b->n++] = (char)(i < 8 ? v >> 8 * i : 0);
}

static size_t deflated(const bytes *content, uint8_t *to, size_t room) {
  z_stream z = {.next_in = (uint8_t *)(uintptr_t)content->at,
                .avail_in = (uInt)content->n,
                .next_out = to,
                .avail_out = (uInt)room};
  assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
  deflateEnd(&z);
  return room - z.avail_out;
}

static void add_member(zip *z, const char *name, bytes content, bool deflate) {
  uint8_t packed[4096];
  const size_t n = deflate ? deflated(&content, packed, sizeof packed) : content.n, at = z->file.n;
  if (!deflate) memcpy(packed, content.at, n);
  const uint64_t crc = crc32(crc32(0, NULL, 0), (const uint8_t *)content.at, (uInt)content.n);
  put(&z->file, 0x04034b50, 4), put(&z->file, 20, 2), put(&z->file, 0, 2), put(&z->file, deflate ? 8 : 0, 2);
  put(&z->file, 0, 4), put(&z->file, crc, 4), put(&z->file, n, 4), put(&z->file, content.n, 4);
  put(&z->file, strlen(name), 2), put(&z->file, 4, 2), add(&z->file, name, strlen(name)), put(&z->file, 0, 4);
  add(&z->file, packed, n);
  bytes *d = &z->directory;
  put(d, 0x02014b50, 4), put(d, 20, 2), put(d, 20, 2), put(d, 0, 2), put(d, deflate ? 8 : 0, 2), put(d, 0, 4);
  put(d, crc, 4), put(d, z->large ? 0xffffffff : n, 4), put(d, z->large ? 0xffffffff : content.n, 4);
  put(d, strlen(name), 2), put(d, z->large ? 28 : 0, 2), put(d, 0, 8), put(d, 0, 2);
  put(d, z->large ? 0xffffffff : at, 4), add(d, name, strlen(name));
  if (z->large) put(d, 1, 2), put(d, 24, 2), put(d, content.n, 8), put(d, n, 8), put(d, at, 8);
  z->n++;
}

static const char *end_zip(zip *z, const char *name) {
  const size_t at = z->file.n;
  add(&z->file, z->directory.at, z->directory.n);
  const size_t end = z->file.n;
  if (z->large) {
    put(&z->file, 0x06064b50, 4), put(&z->file, 44, 8), put(&z->file, 45, 2), put(&z->file, 45, 2),
        put(&z->file, 0, 8);
    put(&z->file, (uint64_t)z->n, 8), put(&z->file, (uint64_t)z->n, 8), put(&z->file, z->directory.n, 8),
        put(&z->file, at, 8);
    put(&z->file, 0x07064b50, 4), put(&z->file, 0, 4), put(&z->file, end, 8), put(&z->file, 1, 4);
  }
  put(&z->file, 0x06054b50, 4), put(&z->file, 0, 4), put(&z->file, (uint64_t)z->n, 2),
      put(&z->file, (uint64_t)z->n, 2);
  put(&z->file, z->large ? 0xffffffff : z->directory.n, 4), put(&z->file, z->large ? 0xffffffff : at, 4),
      put(&z->file, 0, 2);
  return write_bytes(name, z->file.at, z->file.n);
}

static const float x_values[6] = {1, 2, 3, 4, 5, 6};
static const int64_t y_values[3] = {2, 0, 1};

static const char *npz(const char *x_name, const char *y_name, bool deflate, bool large) {
  zip z = {.large = large};
  add_member(&z, "other.npy", npy_of("'|O'", "False", "(1,)", "x", 1), deflate);
  add_member(&z, x_name, npy_of("'<f4'", "False", "(3, 2)", x_values, sizeof x_values), deflate);
  add_member(&z, y_name, npy_of("'<i8'", "False", "(3,)", y_values, sizeof y_values), deflate);
  return end_zip(&z, "a.npz");
}

static void npz_is_read_stored_deflated_and_large(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    gd_table t;
    assert_ok(gd_import_npy(&t, npz("x.npy", "y.npy", k & 1, k & 2), NULL, NULL));
    assert_memory_equal(t.x, x_values, sizeof x_values);
    assert_memory_equal(t.y, y_values, sizeof y_values);
    assert_null(t.notes);
    gd_table_free(&t);
  }
  gd_table t;
  assert_ok(gd_import_npy(&t, npz("x_train.npy", "y_train.npy", true, false), NULL, NULL));
  assert_non_null(strstr(t.notes, "x_train and y_train are taken for samples and targets (else --x, --y)"));
  gd_table_free(&t);
  assert_ok(gd_import_npy(&t, npz("arr_0.npy", "arr_1.npy", true, false), NULL, NULL));
  assert_non_null(strstr(t.notes, "arr_0 and arr_1 are taken"));
  gd_table_free(&t);
  assert_ok(gd_import_npy(&t, npz("in.npy", "out.npy", true, false), NULL,
                          &(gd_npy_options){.x_name = "in", .y_name = "out"}));
  gd_table_free(&t);
}

/* Beside x_train those are w_train, and w are others. */
static void npz_may_weigh_its_samples(void **state) {
  (void)state;
  const double w[2][3] = {{0.5, 0, 2}, {1, -1, 1}};
  gd_table t;
  for (int k = 0; k < 4; k++) {
    zip z = {.n = 0};
    add_member(&z, "x_train.npy", npy_of("'<f4'", "False", "(3, 2)", x_values, sizeof x_values), true);
    add_member(&z, "y_train.npy", npy_of("'<i8'", "False", "(3,)", y_values, sizeof y_values), true);
    add_member(&z, k == 3 ? "w.npy" : "w_train.npy",
               npy_of("'<f8'", "False", k == 2 ? "(2,)" : "(3,)", w[k == 1], k == 2 ? 16 : sizeof w[0]),
               true);
    const gd_status st = gd_import_npy(&t, end_zip(&z, "a.npz"), NULL, NULL);
    if (k == 1) assert_refused(st, GD_ERR_DATA, "a.npz: w_train: the weight of sample 1 is -1");
    if (k == 2) assert_refused(st, GD_ERR_DATA, "one number for each of the 3 samples");
    if (k == 0 || k == 3) assert_ok(st);
    if (k == 0) assert_memory_equal(t.w, w[0], sizeof w[0]);
    if (k == 3) assert_null(t.w);
    if (st == GD_OK) gd_table_free(&t);
  }
}

static void npz_refusals_name_the_array(void **state) {
  (void)state;
  gd_table t;
  const char *path = npz("in.npy", "out.npy", false, false);
  assert_refused(gd_import_npy(&t, path, NULL, NULL), GD_ERR_DATA,
                 "it holds: other.npy, in.npy, out.npy (name them by --x and --y)");
  assert_refused(gd_import_npy(&t, path, NULL, &(gd_npy_options){.x_name = "other", .y_name = "out"}),
                 GD_ERR_DATA, "a.npz: other: its type is '|O', Python objects");
  assert_refused(gd_import_npy(&t, path, path, NULL), GD_ERR_DATA, "a.npz: an .npz archive: import it alone");
  zip z = {.n = 0};
  add_member(&z, "x.npy", npy_of("'<f4'", "False", "(3, 2)", x_values, sizeof x_values), false);
  z.file.at[z.file.n - 1] ^= 1; /* a value: its checksum tells */
  add_member(&z, "y.npy", npy_of("'<i8'", "False", "(3,)", y_values, sizeof y_values), false);
  assert_refused(gd_import_npy(&t, end_zip(&z, "a.npz"), NULL, NULL), GD_ERR_DATA,
                 "a.npz: x: its end cannot be read: ZIP bad CRC");
  zip e = {.n = 0};
  add_member(&e, "x.npy", npy_of("'<f4'", "False", "(3, 2)", x_values, sizeof x_values), false);
  e.directory.at[8] = e.file.at[6] = 1;
  assert_refused(gd_import_npy(&t, end_zip(&e, "a.npz"), NULL, NULL), GD_ERR_DATA,
                 "a.npz: x.npy is encrypted");
  zip m = {.n = 0};
  add_member(&m, "x.npy", npy_of("'<f4'", "False", "(3, 2)", x_values, sizeof x_values), false);
  m.directory.at[10] = m.file.at[8] = 6;
  add_member(&m, "y.npy", npy_of("'<i8'", "False", "(3,)", y_values, sizeof y_values), false);
  assert_refused(gd_import_npy(&t, end_zip(&m, "a.npz"), NULL, NULL), GD_ERR_DATA,
                 "a.npz: x: its header cannot be read: Unsupported ZIP compression method");
  write_text("a.npz", "PK\3\4 and nothing else");
  assert_refused(gd_import_npy(&t, in_folder("a.npz"), NULL, NULL), GD_ERR_DATA,
                 "a.npz: a ZIP archive that is damaged or cut: Unrecognized archive format");
}

/* A header that promises a terabyte is not believed, and no changed byte crashes the reader or gives other values. */
static void damaged_archives_never_crash_or_lie(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    const char *path = npz("x.npy", "y.npy", k & 1, k & 2);
    bytes whole = {.n = 0};
    FILE *f = fopen(path, "rb");
    whole.n = fread(whole.at, 1, sizeof whole.at, f);
    fclose(f);
    const gd_rng r = gd_rng_stream(test_seed(), GD_RNG_TEST, (uint64_t)k);
    const int64_t count = test_count((int64_t)whole.n);
    for (int64_t i = 0; i < count; i++) {
      const int64_t at = test_place(i, count, (int64_t)whole.n, gd_rng_u32(r, (uint64_t)i));
      bytes bad = whole;
      bad.at[at] = (char)(bad.at[at] ^ (char)(1 + gd_rng_u32(r, (uint64_t)(i + count)) % 255));
      for (int cut = 0; cut < 2; cut++) {
        gd_table t;
        write_bytes("b.npz", cut ? whole.at : bad.at, cut ? (size_t)at : bad.n);
        if (gd_import_npy(&t, in_folder("b.npz"), NULL, NULL) != GD_OK) continue;
        assert_memory_equal(t.x, x_values, sizeof x_values);
        assert_memory_equal(t.y, y_values, sizeof y_values);
        gd_table_free(&t);
      }
      gd_error_clear();
    }
  }
}

/* ---- IDX ---- */

static const char *idx_file(const char *name, int code, int ndim, const uint32_t shape[], char kind,
                            size_t width, const double v[], int n) {
  bytes b = {.n = 0};
  add(&b, (uint8_t[]){0, 0, (uint8_t)code, (uint8_t)ndim}, 4);
  for (int d = 0; d < ndim; d++)
    add(&b,
        (uint8_t[]){(uint8_t)(shape[d] >> 24), (uint8_t)(shape[d] >> 16), (uint8_t)(shape[d] >> 8),
                    (uint8_t)shape[d]},
        4);
  for (int i = 0; i < n; i++) {
    uint8_t one[8];
    encode(kind, width, true, v[i], one);
    add(&b, one, width);
  }
  return write_bytes(name, b.at, b.n);
}

static void idx_reads_every_type(void **state) {
  (void)state;
  static const struct {
    int code;
    char kind;
    size_t width;
  } types[] = {{8, 'u', 1}, {9, 'i', 1}, {0xb, 'i', 2}, {0xc, 'i', 4}, {0xd, 'f', 4}, {0xe, 'f', 8}};
  const double v[6] = {0, 1, 2, 3, 100, 7}, below[6] = {0, -1, 2, -128, 100, 7}, l[3] = {2, 0, 1};
  for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
    const double *x = types[k].kind == 'u' ? v : below;
    gd_table t;
    assert_ok(gd_import_idx(
        &t, idx_file("i", types[k].code, 2, (uint32_t[]){3, 2}, types[k].kind, types[k].width, x, 6),
        idx_file("l", types[k].code, 1, (uint32_t[]){3}, types[k].kind, types[k].width, l, 3)));
    for (int i = 0; i < 6; i++) assert_true(value_of(&t, i) == x[i]);
    for (int i = 0; i < 3; i++)
      assert_true((t.labels ? (double)((int64_t *)t.y)[i] : ((double *)t.y)[i]) == l[i]);
    assert_int_equal(t.labels, types[k].kind != 'f');
    gd_table_free(&t);
  }
}

static void qmnists_first_column_is_the_class_and_said(void **state) {
  (void)state;
  double rows[24];
  for (int i = 0; i < 24; i++) rows[i] = i % 8 == 0 ? 2 - i / 8 : 1000 + i;
  const double v[3] = {1, 2, 3};
  gd_table t;
  const char *images = idx_file("i", 8, 2, (uint32_t[]){3, 1}, 'u', 1, v, 3);
  assert_ok(gd_import_idx(&t, images, idx_file("l", 0xc, 2, (uint32_t[]){3, 8}, 'i', 4, rows, 24)));
  for (int i = 0; i < 3; i++) assert_int_equal(((int64_t *)t.y)[i], 2 - i);
  assert_non_null(strstr(t.notes, "the first is the class, as in QMNIST"));
  gd_table_free(&t);
  assert_refused(gd_import_idx(&t, images, idx_file("l", 0xc, 2, (uint32_t[]){3, 7}, 'i', 4, rows, 21)),
                 GD_ERR_DATA, "l: it has 2 dimensions: images, not labels?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(npy_reads_every_number_and_byte_order),
      cmocka_unit_test(npy_halves_are_exact),
      cmocka_unit_test(npy_in_fortrans_order_is_turned),
      cmocka_unit_test(npy_of_python_2_is_read),
      cmocka_unit_test(npy_text_becomes_classes),
      cmocka_unit_test(npy_refusals_say_what_to_save),
      cmocka_unit_test(npz_is_read_stored_deflated_and_large),
      cmocka_unit_test(npz_may_weigh_its_samples),
      cmocka_unit_test(npz_refusals_name_the_array),
      cmocka_unit_test(damaged_archives_never_crash_or_lie),
      cmocka_unit_test(idx_reads_every_type),
      cmocka_unit_test(qmnists_first_column_is_the_class_and_said),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* Batches formed on a GPU have the bits of those that a loader forms on the CPU. */
#include <math.h>

#include "data/convert.h"
#include "data/order.h"
#include "data/gpu.h"
#include "gpu/memory.h"

enum { N = 97, EPOCH = 3 };

static const gd_dtype stored[] = {GD_U8, GD_I32, GD_I64, GD_F32, GD_F64};

/* Fields behind y, in its row; an i64 that is an index stays what it is. */
typedef struct field {
  gd_dtype type;
  int64_t n;
  bool index;
} field;
static const field behind[] = {{GD_U8, 3, false},   {GD_F64, 1, false}, {GD_I64, 2, true},
                               {GD_F32, 35, false}, {GD_I32, 1, false}, {GD_I64, 1, false}};
enum { FIELDS = sizeof behind / sizeof *behind };

typedef struct set {
  gd_dtype x_type, type;
  int64_t x_n, y_n; /* y_n 0: labels */
  size_t y_row;
  char *x, *y;
  gdi_convert more[FIELDS];
  gdi_convert x_convert, y_convert;
  gd_standardize standardize, standardize_targets;
  gdi_stored on_gpu;
} set;

static void put(gd_dtype type, char *array, int64_t i, uint64_t bits) {
  const int64_t whole = (int64_t)(bits % 100000) - 50000;
  switch (type) {
  case GD_U8: ((uint8_t *)array)[i] = (uint8_t)bits; break;
  case GD_I32: ((int32_t *)(void *)array)[i] = (int32_t)bits; break;
  case GD_I64: ((int64_t *)(void *)array)[i] = (int64_t)bits >> 3; break;
  case GD_F32: ((float *)(void *)array)[i] = (float)whole / 777; break;
  default: ((double *)(void *)array)[i] = (double)whole / 777;
  }
}

/* To nearest, ties to even; the values here are finite. */
static uint16_t bf16_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static set make_set(gd_dtype x_type, gd_dtype type, int64_t x_n, int64_t y_n, bool standardized) {
  set s = {.x_type = x_type, .type = type, .x_n = x_n, .y_n = y_n};
  const gd_rng r = gd_rng_stream(9, GD_RNG_TEST, 0);
  const int64_t numbers = y_n ? y_n : 1;
  s.y_row = (size_t)numbers * sizeof(double);
  for (int f = 0; f < FIELDS; f++) {
    s.on_gpu.more[f] = (gdi_stored_field){s.y_row, behind[f].n, behind[f].type, behind[f].index, 1. / 3};
    s.y_row += ((size_t)behind[f].n * gd_dtype_bytes(behind[f].type) + 7) / 8 * 8;
    assert_ok(gdi_convert_make(&s.more[f], behind[f].type, type, behind[f].n, 1. / 3, NULL));
  }
  const size_t x_bytes = (size_t)(N * x_n) * gd_dtype_bytes(x_type), y_bytes = N * s.y_row;
  s.x = gd_arena_alloc(host, x_bytes), s.y = gd_arena_zalloc(host, y_bytes);
  for (int64_t i = 0; i < N * x_n; i++) put(x_type, s.x, i, gd_rng_u64(r, (uint64_t)i));
  for (int64_t i = 0; i < N; i++) {
    char *row = s.y + (size_t)i * s.y_row;
    uint64_t draw = (uint64_t)(1000 * i + 1000000);
    for (int64_t k = 0; k < numbers; k++) put(y_n ? GD_F64 : GD_I64, row, k, gd_rng_u64(r, draw++));
    for (int f = 0; f < FIELDS; f++)
      for (int64_t k = 0; k < behind[f].n; k++)
        put(behind[f].type, row + s.on_gpu.more[f].offset, k, gd_rng_u64(r, draw++));
  }
  if (standardized) {
    s.standardize = (gd_standardize){x_n, normal(GD_F64, 1, x_n), normal(GD_F64, 2, x_n)};
    for (int64_t i = 0; i < x_n; i++)
      s.standardize.std[i] = 0.1 + s.standardize.std[i] * s.standardize.std[i];
  }
  assert_ok(gdi_convert_make(&s.x_convert, x_type, type, x_n, 1.0 / 255, &s.standardize));
  if (standardized && y_n) {
    s.standardize_targets = (gd_standardize){y_n, normal(GD_F64, 3, y_n), normal(GD_F64, 4, y_n)};
    for (int64_t i = 0; i < y_n; i++) s.standardize_targets.std[i] = 1 + fabs(s.standardize_targets.std[i]);
  }
  assert_ok(gdi_convert_make(&s.y_convert, GD_F64, type, y_n, 1, &s.standardize_targets));
  const size_t number = s.x_convert.in_float ? sizeof(float) : sizeof(double);
  s.on_gpu.x = up(s.x, x_bytes), s.on_gpu.y = up(s.y, y_bytes);
  s.on_gpu.x_type = x_type, s.on_gpu.y_type = y_n ? GD_F64 : GD_I64;
  s.on_gpu.x_n = x_n, s.on_gpu.y_n = numbers, s.on_gpu.y_row = s.y_row, s.on_gpu.n_more = FIELDS;
  s.on_gpu.factor = up(s.x_convert.factor, (standardized ? (size_t)x_n : 1) * number);
  s.on_gpu.in_float = s.x_convert.in_float;
  if (standardized) s.on_gpu.shift = up(s.x_convert.shift, (size_t)x_n * number);
  if (standardized && y_n) {
    s.on_gpu.y_shift = up(s.y_convert.shift, (size_t)y_n * sizeof(double));
    s.on_gpu.y_factor = up(s.y_convert.factor, (size_t)y_n * sizeof(double));
  }
  return s;
}

/* Field f of rows `first` ..., as the loader forms it here. */
static void check_field(const set *s, const gd_order *o, int64_t first, int64_t rows, int f,
                        const char *formed) {
  const size_t bytes = (size_t)behind[f].n * (behind[f].index ? sizeof(int64_t) : gd_dtype_bytes(s->type));
  char *row = gd_arena_alloc(host, bytes), *got = gd_arena_alloc(host, (size_t)rows * bytes);
  down(got, formed, (size_t)rows * bytes);
  for (int64_t i = 0; i < rows; i++) {
    const char *from = s->y + (size_t)gd_order_at(o, EPOCH, first + i) * s->y_row + s->on_gpu.more[f].offset;
    if (behind[f].index)
      memcpy(row, from, bytes);
    else
      gdi_convert_row(&s->more[f], from, row);
    assert_memory_equal(got + (size_t)i * bytes, row, bytes);
  }
}

/* Rows `first + offset` ... of an epoch, formed here as the loader does, and there. `by` bytes off
 * alignment. */
static void check(const set *s, const gd_order *o, int64_t first, int64_t offset, int64_t rows, size_t by) {
  const size_t e = gd_dtype_bytes(s->type), x_row = (size_t)s->x_n * e,
               y_row = s->y_n ? (size_t)s->y_n * e : sizeof(int64_t);
  char *x = gd_arena_alloc(host, (size_t)rows * x_row), *y = gd_arena_alloc(host, (size_t)rows * y_row),
       *got_x = gd_arena_zalloc(host, (size_t)rows * x_row),
       *got_y = gd_arena_zalloc(host, (size_t)rows * y_row);
  gdi_batch_input in = {.first = first};
  for (int64_t i = 0; i < rows; i++) {
    const int64_t at = gd_order_at(o, EPOCH, first + offset + i);
    gdi_convert_row(&s->x_convert, s->x + (size_t)(at * s->x_n) * gd_dtype_bytes(s->x_type),
                    x + (size_t)i * x_row);
    if (s->y_n)
      gdi_convert_row(&s->y_convert, s->y + (size_t)at * s->y_row, y + (size_t)i * y_row);
    else
      memcpy(y + (size_t)i * y_row, s->y + (size_t)at * s->y_row, sizeof(int64_t));
  }
  assert_ok(gdi_order_key_at(o, EPOCH, &in.order));
  char *to_x = (char *)up(got_x, (size_t)rows * x_row + e) + by, *to_y = up(got_y, (size_t)rows * y_row);
  /* copies in bf16 too where they can be asked for: aligned, or not, as x is */
  const size_t copies = s->type == GD_F32 ? (size_t)(rows * s->x_n) * sizeof(uint16_t) : 0;
  uint16_t *rounded = gd_arena_zalloc(host, copies + 2);
  char *to_rounded = copies ? (char *)up(rounded, copies + 2) + by / 2 : NULL;
  gdi_formed to = {.type = s->type, .x = to_x, .y = to_y, .rounded = (uint16_t *)(void *)to_rounded};
  for (int f = 0; f < FIELDS; f++)
    to.more[f] = gd_arena_alloc(memory, (size_t)(rows * behind[f].n) * sizeof(double));
  assert_ok(gpu->gpu->form_batch(gpu, &s->on_gpu, up(&in, sizeof in), offset, rows, &to));
  for (int f = 0; f < FIELDS; f++) check_field(s, o, first + offset, rows, f, to.more[f]);
  if (copies) down(rounded, to_rounded, copies);
  for (size_t i = 0; i < copies / sizeof *rounded; i++)
    assert_int_equal(rounded[i], bf16_bits(((const float *)(const void *)x)[i]));
  down(got_x, to_x, (size_t)rows * x_row);
  down(got_y, to_y, (size_t)rows * y_row);
  assert_memory_equal(got_x, x, (size_t)rows * x_row);
  assert_memory_equal(got_y, y, (size_t)rows * y_row);
}

static void done(set *s) {
  gdi_convert_free(&s->x_convert);
  gdi_convert_free(&s->y_convert);
  for (int f = 0; f < FIELDS; f++) gdi_convert_free(&s->more[f]);
  forget(NULL);
}

static void every_conversion_is_that_of_the_cpu(void **state) {
  (void)state;
  const int64_t widths[] = {1, 3, 4, 28, 784, 517, 1028};
  gd_order o = gd_order_all(N, 4);
  for (int type = 0; type < 2; type++)
    for (size_t from = 0; from < sizeof stored / sizeof *stored; from++)
      for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int standardized = 0; standardized < 2; standardized++) {
          const gd_dtype to = type ? GD_F64 : GD_F32;
          set s = make_set(stored[from], to, widths[w], w % 3, standardized);
          check(&s, &o, 0, 0, 33, 0);
          check(&s, &o, 10, 7, 5, gd_dtype_bytes(to));
          done(&s);
        }
}

static void every_order_is_that_of_the_loader(void **state) {
  (void)state;
  for (int kind = 0; kind < 3; kind++) {
    gd_order whole = gd_order_all(N, 4), part[2];
    assert_ok(gd_order_split(N, 0.3, 4, &part[0], &part[1]));
    for (int k = 0; k < 3; k++) {
      gd_order o = k < 2 ? part[k] : whole;
      if (kind == 1) o.shuffle = GD_SHUFFLE_NONE;
      if (kind == 2) o.sampler = GD_SAMPLE_REPLACEMENT;
      set s = make_set(GD_F32, GD_F32, 5, 2, false);
      check(&s, &o, 0, 0, o.n, 0);
      check(&s, &o, o.n - 4, 1, 3, 0);
      done(&s);
    }
  }
}

static void what_the_cpu_does_not_convert_is_refused(void **state) {
  (void)state;
  set s = make_set(GD_U8, GD_F32, 4, 0, false);
  assert_int_equal(gpu->gpu->form_batch(gpu, &s.on_gpu, NULL, 0, 1, &(gdi_formed){.type = GD_BF16}),
                   GD_ERR_DTYPE);
  done(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(every_conversion_is_that_of_the_cpu, forget),
      cmocka_unit_test_setup(every_order_is_that_of_the_loader, forget),
      cmocka_unit_test_setup(what_the_cpu_does_not_convert_is_refused, forget),
  };
  const int opened = open_gpu();
  if (opened) return opened;
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  close_gpu();
  return failed;
}

#include "ops/cpu/fold.h"

#include <math.h>

#include "ops/cpu/cpu.h"
#include "device/cpu/threads.h"

enum { LANES = 64, CHUNK_ELEMENTS = 16384, BLOCK_COLUMNS = 1024 };

/* Fold `rows` rows of `width` elements, each `pitch` after the one before, into acc [width]. */
typedef void (*fold_rows)(int64_t rows, int64_t width, int64_t pitch, const void *x, const double *centre,
                          double *acc);

#define ROWS(suffix, type, name, step)                                                                       \
  static void name##_##suffix(int64_t rows, int64_t width, int64_t pitch, const void *x,                     \
                              const double *centre, double *acc) {                                           \
    for (int64_t r = 0; r < rows; r++) {                                                                     \
      const type *X = (const type *)x + r * pitch;                                                           \
      GDI_SIMD for (int64_t i = 0; i < width; i++) {                                                         \
        const double v = (double)X[i], s = acc[i];                                                           \
        acc[i] = (step);                                                                                     \
      }                                                                                                      \
    }                                                                                                        \
    (void)centre;                                                                                            \
  }
GDI_FLOAT_TYPES(ROWS, fold_sum, s + v)
GDI_FLOAT_TYPES(ROWS, fold_squares, s + (v - centre[i]) * (v - centre[i]))
GDI_FLOAT_TYPES(ROWS, fold_ties, s + (v == centre[i] ? 1 : 0))
GDI_FLOAT_TYPES(ROWS, fold_max, v > s || v != v ? v : s)
GDI_FLOAT_TYPES(ROWS, fold_min, v < s || v != v ? v : s)

static const struct {
  fold_rows rows[2], combine; /* by type; of partial results */
  double start;
} table[] = {
    [GDI_FOLD_SUM] = {{fold_sum_f32, fold_sum_f64}, fold_sum_f64, 0},
    [GDI_FOLD_SQUARES] = {{fold_squares_f32, fold_squares_f64}, fold_sum_f64, 0},
    [GDI_FOLD_TIES] = {{fold_ties_f32, fold_ties_f64}, fold_sum_f64, 0},
    [GDI_FOLD_MAX] = {{fold_max_f32, fold_max_f64}, fold_max_f64, -INFINITY},
    [GDI_FOLD_MIN] = {{fold_min_f32, fold_min_f64}, fold_min_f64, INFINITY},
};

typedef struct job {
  const gdi_fold *f;
  gdi_fold_kind kind;
  const double *centre;
  double *partial;               /* [A, chunks, C] */
  int64_t chunk, chunks, blocks; /* rows of R per chunk; blocks of columns */
} job;

static void fill(double *to, int64_t n, double value) {
  for (int64_t i = 0; i < n; i++) to[i] = value;
}

/* A single column lies contiguous: fold it as rows of LANES, then the lanes. */
static void fold_line(const job *j, const char *x, int64_t n, const double *centre, double *acc) {
  double lane[LANES], middle[LANES];
  int64_t width = n < LANES ? n : LANES, rows = n / LANES, bytes = (int64_t)gd_dtype_bytes(j->f->type);
  fold_rows rows_of = table[j->kind].rows[gdi_is_f64(j->f->type)];
  fill(lane, width, table[j->kind].start);
  fill(middle, width, centre ? *centre : 0);
  rows_of(rows, LANES, LANES, x, middle, lane);
  rows_of(1, n - rows * LANES, 0, x + rows * LANES * bytes, middle, lane);
  for (int64_t half; width > 1; width -= half) { /* the upper half joins the lower */
    half = width / 2;
    table[j->kind].combine(1, half, 0, lane + width - half, NULL, lane);
  }
  table[j->kind].combine(1, width, 0, lane, NULL, acc);
}

static void fold_piece(const job *j, int64_t piece) {
  const gdi_fold *f = j->f;
  int64_t block = piece % j->blocks, chunk = piece / j->blocks % j->chunks, a = piece / j->blocks / j->chunks;
  int64_t r = chunk * j->chunk, rows = f->R - r < j->chunk ? f->R - r : j->chunk;
  int64_t c = block * BLOCK_COLUMNS, columns = f->C - c < BLOCK_COLUMNS ? f->C - c : BLOCK_COLUMNS;
  const char *x = (const char *)f->x + ((a * f->R + r) * f->C + c) * (int64_t)gd_dtype_bytes(f->type);
  const double *centre = j->centre ? j->centre + a * f->C + c : NULL;
  double *acc = j->partial + (a * j->chunks + chunk) * f->C + c;
  fill(acc, columns, table[j->kind].start);
  if (f->C == 1)
    fold_line(j, x, rows, centre, acc);
  else
    table[j->kind].rows[gdi_is_f64(f->type)](rows, columns, f->C, x, centre, acc);
}

static void fold_pieces(void *context, int64_t lo, int64_t hi) {
  for (int64_t piece = lo; piece < hi; piece++) fold_piece(context, piece);
}

gd_status gdi_fold_run(gd_device *d, const gdi_fold *f, gdi_fold_kind kind, const double *centre,
                       double **result) {
  job j = {.f = f, .kind = kind, .centre = centre};
  j.chunk = f->C < CHUNK_ELEMENTS ? CHUNK_ELEMENTS / (f->C ? f->C : 1) : 1;
  if (f->C > 1 && j.chunk < LANES) j.chunk = LANES;
  j.chunks = f->R > j.chunk ? (f->R + j.chunk - 1) / j.chunk : 1;
  j.blocks = (f->C + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
  void *memory;
  GD_TRY(gdi_scratch(d, f->A * j.chunks * f->C, sizeof(double), &memory));
  *result = j.partial = memory;

  int64_t pieces = f->A * j.chunks * j.blocks, elements = f->A * f->R * f->C;
  if (pieces == 0) return GD_OK;
  int64_t grain = elements <= GDI_SERIAL_ELEMENTS ? pieces : gdi_row_grain(elements / pieces);
  gdi_parallel(d, pieces, grain, fold_pieces, &j);
  if (j.chunks == 1) return GD_OK;

  GD_TRY(gdi_scratch(d, f->A * f->C, sizeof(double), &memory));
  *result = memory;
  fill(*result, f->A * f->C, table[kind].start);
  for (int64_t a = 0; a < f->A; a++)
    table[kind].combine(j.chunks, f->C, f->C, j.partial + a * j.chunks * f->C, NULL, *result + a * f->C);
  return GD_OK;
}

/* Kept dimensions in front, folded ones behind: any set of dimensions becomes [A,R,1]. */
static gd_status plan_by_copy(gd_device *d, gdi_fold *f, int ndim, const int64_t shape[], uint32_t over) {
  int64_t run[GD_MAX_DIMS], moved[GD_MAX_DIMS], stride[GD_MAX_DIMS], n = 1;
  for (int i = ndim - 1; i >= 0; i--) run[i] = n, n *= shape[i];
  int to = 0;
  f->A = f->R = f->C = 1;
  for (int folded = 0; folded < 2; folded++)
    for (int i = 0; i < ndim; i++)
      if ((int)(over >> i & 1) == folded) {
        moved[to] = shape[i], stride[to++] = run[i];
        *(folded ? &f->R : &f->A) *= shape[i];
      }
  void *copy;
  GD_TRY(gdi_scratch(d, n, gd_dtype_bytes(f->type), &copy));
  gdi_cpu_gather(d, gd_dtype_bytes(f->type), ndim, moved, stride, copy, f->x);
  f->x = copy;
  return GD_OK;
}

gd_status gdi_fold_plan(gd_device *d, gdi_fold *f, const void *x, gd_dtype type, int ndim,
                        const int64_t shape[], uint32_t over) {
  *f = (gdi_fold){.x = x, .type = type, .A = 1, .R = 1, .C = 1};
  int64_t *part[] = {&f->A, &f->R, &f->C};
  int at = 0; /* A while kept, R while folded, C while kept again */
  for (int i = 0; i < ndim; i++) {
    if (shape[i] == 1) continue;
    bool folded = over >> i & 1;
    if (folded != (at == 1)) at++;
    if (at > 2) return plan_by_copy(d, f, ndim, shape, over);
    *part[at] *= shape[i];
  }
  return GD_OK;
}

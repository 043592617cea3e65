/*
 * Along one dimension of n elements, `inner` apart:
 *   softmax      y = e^(x - max) / sum of e^(x - max)      dx = y (dy - sum of dy y)
 *   log_softmax  y = x - max - log sum of e^(x - max)      dx = dy - e^y sum of dy
 */
#include "ops/cpu/cpu.h"
#include "ops/cpu/lanes.h"
#include "device/cpu/threads.h"

enum { COLUMNS = 64 }; /* computed side by side where the dimension is not the last one */

typedef struct job {
  const void *x, *y, *dy; /* forward: x to out; backward: y, dy to out */
  void *out;
  int64_t n, inner;
  bool log, add;
} job;

/* Items are rows: the dimension is the last one. */
#define ROWS(suffix, T, unused_)                                                                             \
  static void rows_forward_##suffix(void *context, int64_t lo, int64_t hi) {                                 \
    const job *j = context;                                                                                  \
    for (int64_t row = lo; row < hi; row++) {                                                                \
      const T *x = (const T *)j->x + row * j->n;                                                             \
      T *y = (T *)j->out + row * j->n;                                                                       \
      const T max = gdi_largest_##suffix(x, j->n),                                                           \
              sum = gdi_exp_sum_##suffix(x, j->n, max, j->log ? NULL : y);                                   \
      const T log_sum = LOG(sum), scale = 1 / sum;                                                           \
      if (j->log) {                                                                                          \
        GDI_SIMD for (int64_t i = 0; i < j->n; i++) y[i] = x[i] - max - log_sum;                             \
      } else {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < j->n; i++) y[i] *= scale;                                           \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void rows_backward_##suffix(void *context, int64_t lo, int64_t hi) {                                \
    const job *j = context;                                                                                  \
    for (int64_t row = lo; row < hi; row++) {                                                                \
      const T *y = (const T *)j->y + row * j->n, *dy = (const T *)j->dy + row * j->n;                        \
      T *dx = (T *)j->out + row * j->n;                                                                      \
      const T sum = gdi_dot_##suffix(dy, j->log ? NULL : y, j->n);                                           \
      GDI_SIMD for (int64_t i = 0; i < j->n; i++) {                                                          \
        T g = j->log ? dy[i] - EXP(y[i]) * sum : y[i] * (dy[i] - sum);                                       \
        dx[i] = j->add ? dx[i] + g : g;                                                                      \
      }                                                                                                      \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(ROWS, )

/* Items are blocks of COLUMNS neighbours, each the first of a strided row. */
#define BLOCKS(suffix, T, unused_)                                                                           \
  static void blocks_forward_##suffix(void *context, int64_t lo, int64_t hi) {                               \
    const job *j = context;                                                                                  \
    for (int64_t item = lo; item < hi; item++) {                                                             \
      const int64_t start = first_of(j, item), width = width_of(j, item);                                    \
      const T *x = (const T *)j->x + start;                                                                  \
      T *y = (T *)j->out + start, max[COLUMNS], sum[COLUMNS] = {0};                                          \
      for (int64_t c = 0; c < width; c++) max[c] = (T)-INFINITY;                                             \
      for (int64_t i = 0; i < j->n; i++) GDI_SIMD for (int64_t c = 0; c < width; c++) {                      \
          T value = x[i * j->inner + c];                                                                     \
          max[c] = value > max[c] ? value : max[c];                                                          \
        }                                                                                                    \
      for (int64_t i = 0; i < j->n; i++)                                                                     \
        GDI_SIMD for (int64_t c = 0; c < width; c++) sum[c] += EXP(x[i * j->inner + c] - max[c]);            \
      for (int64_t c = 0; c < width; c++) sum[c] = j->log ? LOG(sum[c]) : 1 / sum[c];                        \
      for (int64_t i = 0; i < j->n; i++) GDI_SIMD for (int64_t c = 0; c < width; c++) {                      \
          T shifted = x[i * j->inner + c] - max[c];                                                          \
          y[i * j->inner + c] = j->log ? shifted - sum[c] : EXP(shifted) * sum[c];                           \
        }                                                                                                    \
    }                                                                                                        \
  }                                                                                                          \
  static void blocks_backward_##suffix(void *context, int64_t lo, int64_t hi) {                              \
    const job *j = context;                                                                                  \
    for (int64_t item = lo; item < hi; item++) {                                                             \
      const int64_t start = first_of(j, item), width = width_of(j, item);                                    \
      const T *y = (const T *)j->y + start, *dy = (const T *)j->dy + start;                                  \
      T *dx = (T *)j->out + start, sum[COLUMNS] = {0};                                                       \
      for (int64_t i = 0; i < j->n * j->inner; i += j->inner)                                                \
        GDI_SIMD for (int64_t c = 0; c < width; c++) sum[c] += dy[i + c] * (j->log ? 1 : y[i + c]);          \
      for (int64_t i = 0; i < j->n * j->inner; i += j->inner) GDI_SIMD for (int64_t c = 0; c < width; c++) { \
          T g = j->log ? dy[i + c] - EXP(y[i + c]) * sum[c] : y[i + c] * (dy[i + c] - sum[c]);               \
          dx[i + c] = j->add ? dx[i + c] + g : g;                                                            \
        }                                                                                                    \
    }                                                                                                        \
  }

static int64_t blocks_across(const job *j) {
  return (j->inner - 1) / COLUMNS + 1;
}

static int64_t first_of(const job *j, int64_t item) {
  return item / blocks_across(j) * j->n * j->inner + item % blocks_across(j) * COLUMNS;
}

static int64_t width_of(const job *j, int64_t item) {
  int64_t left = j->inner - item % blocks_across(j) * COLUMNS;
  return left < COLUMNS ? left : COLUMNS;
}

GDI_FLOAT_TYPES(BLOCKS, )

static const gdi_chunk forward[2][2] = {{rows_forward_f32, rows_forward_f64},
                                        {blocks_forward_f32, blocks_forward_f64}};
static const gdi_chunk backward[2][2] = {{rows_backward_f32, rows_backward_f64},
                                         {blocks_backward_f32, blocks_backward_f64}};

static void run(gd_device *d, const gd_node *node, job *j, const gdi_chunk body[2][2]) {
  const gd_tensor *t = node->out;
  int dim = ((const gdi_along *)node->params)->dim;
  int64_t outer = 1;
  j->log = node->op == &gdi_op_log_softmax;
  j->n = j->inner = 1;
  for (int i = 0; i < dim; i++) outer *= t->shape[i];
  if (t->ndim) j->n = t->shape[dim];
  for (int i = dim + 1; i < t->ndim; i++) j->inner *= t->shape[i];
  if (j->inner == 0 || j->n == 0) return;
  bool strided = j->inner > 1;
  int64_t items = strided ? outer * blocks_across(j) : outer;
  gdi_parallel(d, items, gdi_row_grain(strided ? j->n * COLUMNS : j->n), body[strided][gdi_is_f64(t->dtype)],
               j);
}

gd_status gdi_cpu_softmax_forward(gd_device *d, gd_node *n) {
  run(d, n, &(job){.x = n->in[0]->data, .out = n->out->data}, forward);
  return GD_OK;
}

gd_status gdi_cpu_softmax_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                   const bool add[]) {
  if (din[0])
    run(d, n, &(job){.y = n->out->data, .dy = dout->data, .out = din[0]->data, .add = add[0]}, backward);
  return GD_OK;
}

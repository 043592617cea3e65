/* Reductions over a set of dimensions, their backward, and sums over what was broadcast. */
#include "ops/cpu/cpu.h"
#include "ops/cpu/fold.h"
#include "ops/reduce.h"

#define WRITE(suffix, type, unused)                                                                          \
  static void write_##suffix(void *to, const double *from, int64_t n, double divisor, bool add) {            \
    type *t = to;                                                                                            \
    for (int64_t i = 0; i < n; i++) {                                                                        \
      double value = from[i] / divisor;                                                                      \
      t[i] = (type)(add ? (double)t[i] + value : value);                                                     \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(WRITE, )

static void write_result(gd_tensor *to, const double *from, double divisor, bool add) {
  (to->dtype == GD_F64 ? write_f64 : write_f32)(to->data, from, gd_numel(to), divisor, add);
}

/* The shape of the result with its dimensions kept as 1: it broadcasts to x. */
static gdi_operand kept(const gd_node *n, int64_t shape[], void *data, gd_dtype type) {
  const gd_tensor *x = n->in[0];
  for (int i = 0; i < x->ndim; i++) shape[i] = gdi_reduce_of(n)->dims >> i & 1 ? 1 : x->shape[i];
  return (gdi_operand){data, type, x->ndim, shape};
}

static gd_status keep_for_backward(gd_node *n, const double *values) {
  if (!n->recorded) return GD_OK;
  GD_TRY(gd_node_temporary(&n->saved[0], n, n->out->dtype, n->out->ndim, n->out->shape));
  write_result(n->saved[0], values, 1, false);
  return GD_OK;
}

/* ---- forward: one function for each `how` of elementwise.def ---- */

static gd_status begin(gd_device *d, const gd_node *n, gdi_fold *f, gdi_fold_kind kind, double **result) {
  const gd_tensor *x = n->in[0];
  GD_TRY(gdi_fold_plan(d, f, x->data, x->dtype, x->ndim, x->shape, gdi_reduce_of(n)->dims));
  return gdi_fold_run(d, f, kind, NULL, result);
}

static gd_status forward_sum(gd_device *d, gd_node *n) {
  gdi_fold f;
  double *sum;
  GD_TRY(begin(d, n, &f, GDI_FOLD_SUM, &sum));
  write_result(n->out, sum, 1, false);
  return GD_OK;
}

static gd_status forward_mean(gd_device *d, gd_node *n) {
  gdi_fold f;
  double *sum;
  GD_TRY(begin(d, n, &f, GDI_FOLD_SUM, &sum));
  write_result(n->out, sum, gdi_reduce_count(n), false);
  return GD_OK;
}

/* In two passes: the mean, then the squares of distances to it. */
static gd_status forward_var(gd_device *d, gd_node *n) {
  gdi_fold f;
  double *mean, *squares, count = gdi_reduce_count(n);
  GD_TRY(begin(d, n, &f, GDI_FOLD_SUM, &mean));
  for (int64_t i = 0; i < f.A * f.C; i++) mean[i] /= count;
  GD_TRY(gdi_fold_run(d, &f, GDI_FOLD_SQUARES, mean, &squares));
  GD_TRY(keep_for_backward(n, mean));
  write_result(n->out, squares, count - gdi_reduce_of(n)->correction, false);
  return GD_OK;
}

static gd_status extreme(gd_device *d, gd_node *n, gdi_fold_kind kind) {
  gdi_fold f;
  double *result, *ties;
  GD_TRY(begin(d, n, &f, kind, &result));
  if (n->recorded) {
    GD_TRY(gdi_fold_run(d, &f, GDI_FOLD_TIES, result, &ties));
    GD_TRY(keep_for_backward(n, ties));
  }
  write_result(n->out, result, 1, false);
  return GD_OK;
}

static gd_status forward_max(gd_device *d, gd_node *n) {
  return extreme(d, n, GDI_FOLD_MAX);
}

static gd_status forward_min(gd_device *d, gd_node *n) {
  return extreme(d, n, GDI_FOLD_MIN);
}

/* ---- backward ---- */

typedef struct argument {
  double n;
  bool add;
} argument;

/* y, dy and m repeat together: along the run, or not at all. */
#define ELEMENT(assign, formula, at)                                                                         \
  GDI_SIMD for (int64_t i = 0; i < count; i++) {                                                             \
    const T x = X[i], y = Y[at], dy = DY[at], m = M[at];                                                     \
    (void)x, (void)y, (void)m, (void)n;                                                                      \
    DX[i] assign(formula);                                                                                   \
  }
#define BACK(suffix, type, name, formula)                                                                    \
  static void name##_##suffix(int64_t count, char *const p[], const int step[], const void *arg) {           \
    typedef type T;                                                                                          \
    const argument *given = arg;                                                                             \
    const T n = (T)given->n;                                                                                 \
    T *DX = (T *)p[0];                                                                                       \
    const T *X = (const T *)p[1], *Y = (const T *)p[2], *DY = (const T *)p[3], *M = (const T *)p[4];         \
    if (given->add) {                                                                                        \
      if (step[3])                                                                                           \
        ELEMENT(+=, formula, i)                                                                              \
      else                                                                                                   \
        ELEMENT(+=, formula, 0)                                                                              \
    } else {                                                                                                 \
      if (step[3])                                                                                           \
        ELEMENT(=, formula, i)                                                                               \
      else                                                                                                   \
        ELEMENT(=, formula, 0)                                                                               \
    }                                                                                                        \
  }
static gd_status backward(gd_device *d, const gd_node *n, const gdi_loop loop[2], const gd_tensor *dout,
                          gd_tensor *dx, bool add) {
  int64_t shape[GD_MAX_DIMS];
  const argument arg = {gdi_reduce_count(n) - gdi_reduce_of(n)->correction, add}; /* which only var has */
  gdi_operand dy = kept(n, shape, dout->data, dout->dtype), y = dy, m = dy;
  y.data = n->out->data;
  m.data = n->saved[0] ? n->saved[0]->data : y.data; /* sum and mean have none and do not look */
  gdi_walk(d, loop[gdi_is_f64(dout->dtype)], &arg, 5,
           (gdi_operand[]){gdi_operand_of(dx), gdi_operand_of(n->in[0]), y, dy, m});
  return GD_OK;
}

#define GDI_REDUCE(name, prints, how, dx)                                                                    \
  GDI_FLOAT_TYPES(BACK, name, dx)                                                                            \
  gd_status gdi_cpu_##name##_forward(gd_device *d, gd_node *n) {                                             \
    size_t mark = gd_arena_mark(d->scratch);                                                                 \
    gd_status st = forward_##how(d, n);                                                                      \
    gd_arena_release(d->scratch, mark);                                                                      \
    return st;                                                                                               \
  }                                                                                                          \
  gd_status gdi_cpu_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                       \
                                      gd_tensor *const din[], const bool add[]) {                            \
    return backward(d, n, (const gdi_loop[]){name##_f32, name##_f64}, dout, din[0], add[0]);                 \
  }
#include "ops/elementwise.def"

/* ---- sums over what was broadcast ---- */

/* Sum `from` over the dimensions in which `to` has 1, or none at all. */
static gd_status sum_to(gd_device *d, const gdi_operand *from, gd_tensor *to, bool add) {
  uint32_t over = 0;
  for (int i = 0; i < from->ndim; i++) {
    int own = i - (from->ndim - to->ndim);
    if (own < 0 || to->shape[own] != from->shape[i]) over |= 1u << i;
  }
  gdi_fold f;
  double *result;
  GD_TRY(gdi_fold_plan(d, &f, from->data, from->type, from->ndim, from->shape, over));
  GD_TRY(gdi_fold_run(d, &f, GDI_FOLD_SUM, NULL, &result));
  write_result(to, result, 1, add);
  return GD_OK;
}

static gd_status form_and_sum(gd_device *d, gdi_loop loop, int n, gdi_operand operand[], gd_tensor *to,
                              bool add) {
  int64_t elements = 1;
  for (int i = 0; i < operand[0].ndim; i++) elements *= operand[0].shape[i];
  GD_TRY(gdi_scratch(d, elements, gd_dtype_bytes(to->dtype), &operand[0].data));
  gdi_walk(d, loop, &(bool){false}, n, operand);
  return sum_to(d, &operand[0], to, add);
}

gd_status gdi_broadcast_gradient(gd_device *d, gdi_loop loop, int n, gdi_operand operand[], gd_tensor *to,
                                 bool add) {
  int64_t elements = 1;
  for (int i = 0; i < operand[0].ndim; i++) elements *= operand[0].shape[i];
  if (gd_numel(to) == elements) {
    operand[0].data = to->data;
    gdi_walk(d, loop, &add, n, operand);
    return GD_OK;
  }
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = form_and_sum(d, loop, n, operand, to, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

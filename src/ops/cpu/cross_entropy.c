/*
 * loss = sum over rows i with label y_i != ignore of  w_i (log sum_j e^(x_ij) - x_i,y_i),   w_i = w[y_i] or 1
 * dx_ij = dloss w_i (softmax(x_i)_j - [j = y_i]);   dw_c = dloss sum over rows with label c of their
 * logarithms
 *
 * Sums are f64 over the project's tree. Forward keeps three numbers a row, and backward forms the softmax
 * from them: cheaper than to keep [B,C] of it.
 */
#include "ops/cpu/cpu.h"
#include "ops/cpu/lanes.h"
#include "device/cpu/threads.h"
#include "gd/partition.h"
#include "ops/cross_entropy.h"

typedef struct kept {
  double max, sum; /* of x_i; of e^(x_i - max) */
  double weight;   /* w_i; 0 where the label is ignored, and then the others are not set */
} kept;
enum { KEPT = sizeof(kept) / sizeof(double) };

typedef struct job {
  const void *x;
  const int64_t *label;
  int64_t C, ignore;
  kept *row;    /* [B] */
  double *loss; /* [B] */
  void *dx;
  double dloss;
  bool add;
} job;

#define FUNCTIONS(suffix, T, unused_)                                                                        \
  static void forward_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      const T *x = (const T *)j->x + i * j->C;                                                               \
      kept *k = &j->row[i];                                                                                  \
      j->loss[i] = 0;                                                                                        \
      if (j->label[i] == j->ignore) continue;                                                                \
      const T max = gdi_largest_##suffix(x, j->C);                                                           \
      k->max = (double)max;                                                                                  \
      k->sum = (double)gdi_exp_sum_##suffix(x, j->C, max, NULL);                                             \
      j->loss[i] = k->weight * (log(k->sum) + (k->max - (double)x[j->label[i]]));                            \
    }                                                                                                        \
  }                                                                                                          \
  static void backward_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      const T *x = (const T *)j->x + i * j->C;                                                               \
      const kept *k = &j->row[i];                                                                            \
      T *dx = (T *)j->dx + i * j->C;                                                                         \
      if (j->label[i] == j->ignore) {                                                                        \
        if (!j->add) memset(dx, 0, (size_t)j->C * sizeof *dx);                                               \
        continue;                                                                                            \
      }                                                                                                      \
      const T max = (T)k->max, g = (T)(j->dloss * k->weight), scale = (T)(j->dloss * k->weight / k->sum);    \
      const T there = j->add ? dx[j->label[i]] : 0;                                                          \
      GDI_SIMD for (int64_t c = 0; c < j->C; c++) {                                                          \
        T value = EXP(x[c] - max) * scale;                                                                   \
        dx[c] = j->add ? dx[c] + value : value;                                                              \
      }                                                                                                      \
      dx[j->label[i]] = there + (EXP(x[j->label[i]] - max) * scale - g);                                     \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(FUNCTIONS, )

/* The weight of each row, after its label was checked. */
static gd_status weigh(const gd_node *n, kept *row) {
  const int64_t *label = n->in[1]->data, B = gdi_rows_of_classes(n->in[0]), C = gdi_classes(n->in[0]);
  for (int64_t i = 0; i < B; i++) {
    row[i].weight = 0;
    if (label[i] == ((const gdi_cross_entropy *)n->params)->ignore) continue;
    if (label[i] < 0 || label[i] >= C)
      return GD_FAIL(GD_ERR_DATA, "row %lld has label %lld, but the classes are 0 to %lld", (long long)i,
                     (long long)label[i], (long long)C - 1);
    row[i].weight = n->in[2] ? gdi_value_at(n->in[2], label[i]) : 1;
  }
  return GD_OK;
}

static job job_of(const gd_node *n, kept *row) {
  return (job){.x = n->in[0]->data,
               .label = n->in[1]->data,
               .C = gdi_classes(n->in[0]),
               .ignore = ((const gdi_cross_entropy *)n->params)->ignore,
               .row = row};
}

static gd_status forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  const int64_t B = gdi_rows_of_classes(x);
  void *row, *loss;
  GD_TRY(gd_node_temporary(&n->saved[1], n, GD_F64, GD_SCALAR));
  if (n->recorded) GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, GD_SHAPE(B, KEPT)));
  GD_TRY(gdi_scratch(d, B, sizeof(kept), &row));
  GD_TRY(gdi_scratch(d, B, sizeof(double), &loss));
  job j = job_of(n, n->recorded ? n->saved[0]->data : row);
  j.loss = loss;
  GD_TRY(weigh(n, j.row));
  gdi_parallel(d, B, gdi_row_grain(j.C), gdi_is_f64(x->dtype) ? forward_f64 : forward_f32, &j);
  gdi_put_at(n->out, 0, gd_tree_sum(loss, B, 1));
  gdi_put_at(n->saved[1], 0, gd_tree_sum(&j.row->weight, B, KEPT));
  return GD_OK;
}

gd_status gdi_cpu_cross_entropy_forward(gd_device *d, gd_node *n) {
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

static void backward_weights(const job *j, int64_t B, const gd_tensor *x, gd_tensor *dw, bool add) {
  for (int64_t c = 0; c < j->C; c++) {
    double sum = add ? gdi_value_at(dw, c) : 0;
    for (int64_t i = 0; i < B; i++) {
      const kept *k = &j->row[i];
      if (j->label[i] == c && c != j->ignore)
        sum += j->dloss * (log(k->sum) + (k->max - gdi_value_at(x, i * j->C + c)));
    }
    gdi_put_at(dw, c, sum);
  }
}

gd_status gdi_cpu_cross_entropy_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                         gd_tensor *const din[], const bool add[]) {
  const gd_tensor *x = n->in[0];
  job j = job_of(n, n->saved[0]->data);
  j.dloss = gdi_value_at(dout, 0);
  if (din[0]) {
    j.dx = din[0]->data, j.add = add[0];
    gdi_parallel(d, gdi_rows_of_classes(x), gdi_row_grain(j.C),
                 gdi_is_f64(x->dtype) ? backward_f64 : backward_f32, &j);
  }
  if (n->in[2] && din[2]) backward_weights(&j, gdi_rows_of_classes(x), x, din[2], add[2]);
  return GD_OK;
}

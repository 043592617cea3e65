/*
 * loss = sum over rows i of  A_i L_i - sum_c a_ic x_ic,   a_ic = w_c q_ic,  A_i = sum_c a_ic,  L_i = log sum_c e^(x_ic)
 * dx_ic = dloss (A_i softmax(x_i)_c - a_ic);   with D_ic = L_i - x_ic:
 * dp_ic = dloss (1 - e) w_c D_ic;   dw_c = dloss sum_i q_ic D_ic
 *
 * q_ic is e / C, and (1 - e) p_ic or, at the label, 1 - e. Sums over a row go to lanes, those over rows are f64 over the
 * project's tree.
 */
#include "device/cpu/threads.h"
#include "gd/partition.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/lanes.h"
#include "ops/cross_entropy.h"
#include "ops/soft_cross_entropy.h"

typedef struct kept {
  double log_sum; /* L_i */
  double all;     /* A_i; 0 where the label is ignored */
  double weight;
} kept;
enum { KEPT = sizeof(kept) / sizeof(double) };

typedef struct job {
  const void *x, *p, *w;
  const int64_t *label; /* or p */
  int64_t C, ignore;
  double own, each; /* 1 - e, e / C */
  kept *row;        /* [B] */
  double *loss;     /* [B] */
  void *dx, *dp;    /* either may be NULL */
  double dloss;
  bool add_x, add_p;
} job;

static bool counts(const job *j, int64_t i) {
  return !j->label || j->label[i] != j->ignore;
}

/* w_c q_ic without what the label adds. */
#define SHARE(T, c) ((W ? (double)W[c] : 1) * (j->each + (P ? j->own * (double)P[c] : 0)))
#define ROW(T, i)                                                                                            \
  const T *X = (const T *)j->x + (i)*j->C, *W = (const T *)j->w, *P = j->p ? (const T *)j->p + (i)*j->C : NULL

#define FUNCTIONS(suffix, T, unused_)                                                                        \
  static double own_##suffix(const job *j, int64_t label) {                                                  \
    return j->own * (j->w ? (double)((const T *)j->w)[label] : 1);                                           \
  }                                                                                                          \
  static void forward_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      ROW(T, i);                                                                                             \
      kept *k = &j->row[i];                                                                                  \
      double all[GDI_LANES] = {0}, at[GDI_LANES] = {0};                                                      \
      j->loss[i] = k->all = 0;                                                                               \
      if (!counts(j, i)) continue;                                                                           \
      const T max = gdi_largest_##suffix(X, j->C);                                                           \
      k->log_sum = log((double)gdi_exp_sum_##suffix(X, j->C, max, NULL)) + (double)max;                      \
      for (int64_t b = 0; b < j->C; b += GDI_LANES)                                                          \
        for (int64_t l = 0; l < GDI_LANES && b + l < j->C; l++) {                                            \
          const double a = SHARE(T, b + l);                                                                  \
          all[l] += a, at[l] += a * (k->log_sum - (double)X[b + l]);                                         \
        }                                                                                                    \
      k->all = gdi_fold_f64(all);                                                                            \
      j->loss[i] = gdi_fold_f64(at);                                                                         \
      if (!j->label) continue;                                                                               \
      const double own = own_##suffix(j, j->label[i]);                                                       \
      k->all += own;                                                                                         \
      j->loss[i] += own * (k->log_sum - (double)X[j->label[i]]);                                             \
    }                                                                                                        \
  }                                                                                                          \
  static void backward_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      ROW(T, i);                                                                                             \
      const kept k = j->row[i];                                                                              \
      T *dx = j->dx ? (T *)j->dx + i * j->C : NULL, *dp = j->dp ? (T *)j->dp + i * j->C : NULL;              \
      if (dx && !counts(j, i) && !j->add_x) memset(dx, 0, (size_t)j->C * sizeof *dx);                        \
      if (!counts(j, i)) continue;                                                                           \
      const double own = j->label ? own_##suffix(j, j->label[i]) : 0;                                        \
      const T shift = (T)k.log_sum, scale = (T)(j->dloss * k.all);                                           \
      for (int64_t c = 0; dx && c < j->C; c++) {                                                             \
        const double a = SHARE(T, c) + (j->label && j->label[i] == c ? own : 0);                             \
        const T value = (T)((double)(EXP(X[c] - shift) * scale) - j->dloss * a);                             \
        dx[c] = j->add_x ? dx[c] + value : value;                                                            \
      }                                                                                                      \
      for (int64_t c = 0; dp && c < j->C; c++) {                                                             \
        const T value = (T)(j->dloss * j->own * (W ? (double)W[c] : 1) * (k.log_sum - (double)X[c]));        \
        dp[c] = j->add_p ? dp[c] + value : value;                                                            \
      }                                                                                                      \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(FUNCTIONS, )

static job job_of(const gd_node *n, kept *row) {
  const gdi_soft_cross_entropy *p = n->params;
  const bool labels = gdi_has_labels(n);
  return (job){.x = n->in[0]->data,
               .p = labels ? NULL : n->in[1]->data,
               .w = n->in[2] ? n->in[2]->data : NULL,
               .label = labels ? n->in[1]->data : NULL,
               .C = gdi_classes(n->in[0]),
               .ignore = p->ignore,
               .own = 1 - p->smoothing,
               .each = p->smoothing / (double)gdi_classes(n->in[0]),
               .row = row};
}

/* The weight of each row, after its label was checked. */
static gd_status weigh(const gd_node *n, const job *j) {
  const int64_t B = gdi_rows_of_classes(n->in[0]);
  for (int64_t i = 0; i < B; i++) {
    j->row[i].weight = counts(j, i);
    if (!j->label || !counts(j, i)) continue;
    if (j->label[i] < 0 || j->label[i] >= j->C)
      return GD_FAIL(GD_ERR_DATA, "row %lld has label %lld, but the classes are 0 to %lld", (long long)i,
                     (long long)j->label[i], (long long)j->C - 1);
    if (n->in[2]) j->row[i].weight = gdi_value_at(n->in[2], j->label[i]);
  }
  return GD_OK;
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
  GD_TRY(weigh(n, &j));
  gdi_parallel(d, B, gdi_row_grain(j.C), gdi_is_f64(x->dtype) ? forward_f64 : forward_f32, &j);
  gdi_put_at(n->out, 0, gd_tree_sum(loss, B, 1));
  gdi_put_at(n->saved[1], 0, gd_tree_sum(&j.row->weight, B, KEPT));
  return GD_OK;
}

gd_status gdi_cpu_soft_cross_entropy_forward(gd_device *d, gd_node *n) {
  size_t mark = gd_arena_mark(d->scratch);
  gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

static void backward_weights(const job *j, int64_t B, const gd_node *n, gd_tensor *dw, bool add) {
  for (int64_t c = 0; c < j->C; c++) {
    double sum = add ? gdi_value_at(dw, c) : 0;
    for (int64_t i = 0; i < B; i++) {
      const double p = j->label ? j->label[i] == c : gdi_value_at(n->in[1], i * j->C + c);
      if (counts(j, i))
        sum += j->dloss * (j->own * p + j->each) * (j->row[i].log_sum - gdi_value_at(n->in[0], i * j->C + c));
    }
    gdi_put_at(dw, c, sum);
  }
}

gd_status gdi_cpu_soft_cross_entropy_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                              gd_tensor *const din[], const bool add[]) {
  const int64_t B = gdi_rows_of_classes(n->in[0]);
  job j = job_of(n, n->saved[0]->data);
  j.dloss = gdi_value_at(dout, 0);
  if (din[0]) j.dx = din[0]->data, j.add_x = add[0];
  if (din[1]) j.dp = din[1]->data, j.add_p = add[1];
  if (din[0] || din[1])
    gdi_parallel(d, B, gdi_row_grain(j.C), gdi_is_f64(dout->dtype) ? backward_f64 : backward_f32, &j);
  if (n->in[2] && din[2]) backward_weights(&j, B, n, din[2], add[2]);
  return GD_OK;
}

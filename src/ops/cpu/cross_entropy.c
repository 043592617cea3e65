/*
 * Of labels:   loss = sum over rows i with label y_i != ignore of  r_i w_i (log sum_j e^(x_ij) - x_i,y_i),   w_i = w[y_i] or 1
 *              dx_ij = dloss r_i w_i (softmax(x_i)_j - [j = y_i])
 * Soft:        loss = sum over rows i of  r_i (A_i L_i - sum_c a_ic x_ic),   a_ic = w_c q_ic,  A_i = sum_c a_ic,
 *              L_i = log sum_c e^(x_ic);   q_ic is e / C, and (1 - e) p_ic or, at the label, 1 - e
 *              dx_ic = dloss r_i (A_i softmax(x_i)_c - a_ic);   with D_ic = L_i - x_ic:
 *              dp_ic = dloss r_i (1 - e) w_c D_ic;   dw_c = dloss sum_i r_i q_ic D_ic, of labels too
 *
 * Sums over a row go to lanes, those over rows are f64 over the project's tree. Forward keeps three numbers a row, and
 * backward forms the softmax from them: cheaper than to keep [B,C] of it.
 */
#include "ops/cpu/cpu.h"
#include "ops/cpu/lanes.h"
#include "device/cpu/threads.h"
#include "gd/partition.h"
#include "ops/cross_entropy.h"

typedef struct kept {
  double shift; /* of labels: the largest x_ic; soft: L_i */
  double all;   /* of labels: sum of e^(x_ic - shift); soft: r_i A_i */
  double
      weight; /* what the row adds to the sum of weights; 0 where its label is ignored: the others are not set then */
} kept;
enum { KEPT = sizeof(kept) / sizeof(double) };

typedef struct job {
  const void *x, *p, *w,
      *r;               /* logits, probabilities, weights of classes and of rows; all but x may be NULL */
  const int64_t *label; /* or p */
  int64_t C, ignore, rows_a_weight;
  double own, each; /* 1 - e, e / C */
  bool soft;
  kept *row;     /* [B] */
  double *loss;  /* [B] */
  void *dx, *dp; /* either may be NULL */
  double dloss;
  bool add_x, add_p;
} job;

static bool counts(const job *j, int64_t i) {
  return !j->label || j->label[i] != j->ignore;
}

/* ---- rows of labels */

#define OF_LABELS(suffix, T, unused_)                                                                        \
  static void forward_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      const T *x = (const T *)j->x + i * j->C;                                                               \
      kept *k = &j->row[i];                                                                                  \
      j->loss[i] = 0;                                                                                        \
      if (!counts(j, i)) continue;                                                                           \
      const T max = gdi_largest_##suffix(x, j->C);                                                           \
      k->shift = (double)max;                                                                                \
      k->all = (double)gdi_exp_sum_##suffix(x, j->C, max, NULL);                                             \
      j->loss[i] = k->weight * (log(k->all) + (k->shift - (double)x[j->label[i]]));                          \
    }                                                                                                        \
  }                                                                                                          \
  static void backward_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      const T *x = (const T *)j->x + i * j->C;                                                               \
      const kept *k = &j->row[i];                                                                            \
      T *dx = (T *)j->dx + i * j->C;                                                                         \
      if (!counts(j, i)) {                                                                                   \
        if (!j->add_x) memset(dx, 0, (size_t)j->C * sizeof *dx);                                             \
        continue;                                                                                            \
      }                                                                                                      \
      const T max = (T)k->shift, g = (T)(j->dloss * k->weight), scale = (T)(j->dloss * k->weight / k->all);  \
      const T there = j->add_x ? dx[j->label[i]] : 0;                                                        \
      GDI_SIMD for (int64_t c = 0; c < j->C; c++) {                                                          \
        T value = EXP(x[c] - max) * scale;                                                                   \
        dx[c] = j->add_x ? dx[c] + value : value;                                                            \
      }                                                                                                      \
      dx[j->label[i]] = there + (EXP(x[j->label[i]] - max) * scale - g);                                     \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(OF_LABELS, )

/* ---- soft rows */

/* w_c q_ic without what the label adds. */
#define SHARE(T, c) ((W ? (double)W[c] : 1) * (j->each + (P ? j->own * (double)P[c] : 0)))
#define ROW(T, i)                                                                                            \
  const T *X = (const T *)j->x + (i)*j->C, *W = (const T *)j->w,                                             \
          *P = j->p ? (const T *)j->p + (i)*j->C : NULL;                                                     \
  const double R = j->r ? (double)((const T *)j->r)[i / j->rows_a_weight] : 1

#define SOFT(suffix, T, unused_)                                                                             \
  static double own_##suffix(const job *j, int64_t label) {                                                  \
    return j->own * (j->w ? (double)((const T *)j->w)[label] : 1);                                           \
  }                                                                                                          \
  static void forward_soft_##suffix(void *context, int64_t lo, int64_t hi) {                                 \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      ROW(T, i);                                                                                             \
      kept *k = &j->row[i];                                                                                  \
      double all[GDI_LANES] = {0}, at[GDI_LANES] = {0};                                                      \
      j->loss[i] = k->all = 0;                                                                               \
      if (!counts(j, i)) continue;                                                                           \
      const T max = gdi_largest_##suffix(X, j->C);                                                           \
      k->shift = log((double)gdi_exp_sum_##suffix(X, j->C, max, NULL)) + (double)max;                        \
      for (int64_t b = 0; b < j->C; b += GDI_LANES)                                                          \
        for (int64_t l = 0; l < GDI_LANES && b + l < j->C; l++) {                                            \
          const double a = SHARE(T, b + l);                                                                  \
          all[l] += a, at[l] += a * (k->shift - (double)X[b + l]);                                           \
        }                                                                                                    \
      const double own = j->label ? own_##suffix(j, j->label[i]) : 0;                                        \
      k->all = R * (gdi_fold_f64(all) + own);                                                                \
      j->loss[i] = gdi_fold_f64(at);                                                                         \
      if (j->label) j->loss[i] += own * (k->shift - (double)X[j->label[i]]);                                 \
      j->loss[i] *= R;                                                                                       \
    }                                                                                                        \
  }                                                                                                          \
  static void backward_soft_##suffix(void *context, int64_t lo, int64_t hi) {                                \
    const job *j = context;                                                                                  \
    for (int64_t i = lo; i < hi; i++) {                                                                      \
      ROW(T, i);                                                                                             \
      const kept k = j->row[i];                                                                              \
      T *dx = j->dx ? (T *)j->dx + i * j->C : NULL, *dp = j->dp ? (T *)j->dp + i * j->C : NULL;              \
      if (dx && !counts(j, i) && !j->add_x) memset(dx, 0, (size_t)j->C * sizeof *dx);                        \
      if (!counts(j, i)) continue;                                                                           \
      const double own = j->label ? own_##suffix(j, j->label[i]) : 0, dloss = j->dloss * R;                  \
      const T shift = (T)k.shift, scale = (T)(j->dloss * k.all);                                             \
      for (int64_t c = 0; dx && c < j->C; c++) {                                                             \
        const double a = SHARE(T, c) + (j->label && j->label[i] == c ? own : 0);                             \
        const T value = (T)((double)(EXP(X[c] - shift) * scale) - dloss * a);                                \
        dx[c] = j->add_x ? dx[c] + value : value;                                                            \
      }                                                                                                      \
      for (int64_t c = 0; dp && c < j->C; c++) {                                                             \
        const T value = (T)(dloss * j->own * (W ? (double)W[c] : 1) * (k.shift - (double)X[c]));             \
        dp[c] = j->add_p ? dp[c] + value : value;                                                            \
      }                                                                                                      \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(SOFT, )

/* ---- all rows */

static job job_of(const gd_node *n, kept *row) {
  const gdi_cross_entropy *p = gdi_cross_entropy_of(n);
  const bool labels = gdi_has_labels(n);
  return (job){.x = n->in[0]->data,
               .p = labels ? NULL : n->in[1]->data,
               .w = n->in[2] ? n->in[2]->data : NULL,
               .r = n->in[3] ? n->in[3]->data : NULL,
               .label = labels ? n->in[1]->data : NULL,
               .C = gdi_classes(n->in[0]),
               .ignore = p->ignore,
               .rows_a_weight = gdi_rows_a_weight(n),
               .own = 1 - p->smoothing,
               .each = p->smoothing / (double)gdi_classes(n->in[0]),
               .soft = gdi_is_soft(n),
               .row = row};
}

/* The weight of each row, after its label was checked. */
static gd_status weigh(const gd_node *n, const job *j) {
  const int64_t B = gdi_rows_of_classes(n->in[0]);
  for (int64_t i = 0; i < B; i++) {
    double *weight = &j->row[i].weight;
    *weight = 0;
    if (!counts(j, i)) continue;
    if (j->label && (j->label[i] < 0 || j->label[i] >= j->C))
      return GD_FAIL(GD_ERR_DATA, "row %lld has label %lld, but the classes are 0 to %lld", (long long)i,
                     (long long)j->label[i], (long long)j->C - 1);
    *weight = j->label && j->w ? gdi_value_at(n->in[2], j->label[i]) : 1;
    if (j->r) *weight *= gdi_value_at(n->in[3], i / j->rows_a_weight);
  }
  return GD_OK;
}

typedef void (*loop)(void *context, int64_t lo, int64_t hi);

static loop forward_loop(const job *j, gd_dtype type) {
  if (j->soft) return gdi_is_f64(type) ? forward_soft_f64 : forward_soft_f32;
  return gdi_is_f64(type) ? forward_f64 : forward_f32;
}

static loop backward_loop(const job *j, gd_dtype type) {
  if (j->soft) return gdi_is_f64(type) ? backward_soft_f64 : backward_soft_f32;
  return gdi_is_f64(type) ? backward_f64 : backward_f32;
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
  gdi_parallel(d, B, gdi_row_grain(j.C), forward_loop(&j, x->dtype), &j);
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

static void backward_weights(const job *j, const gd_node *n, gd_tensor *dw, bool add) {
  const int64_t B = gdi_rows_of_classes(n->in[0]);
  for (int64_t c = 0; c < j->C; c++) {
    double sum = add ? gdi_value_at(dw, c) : 0;
    for (int64_t i = 0; i < B; i++) {
      const kept *k = &j->row[i];
      const double p = j->label ? j->label[i] == c : gdi_value_at(n->in[1], i * j->C + c),
                   q = j->own * p + j->each;
      if (!counts(j, i) || q == 0) continue;
      const double dloss = j->dloss * (j->r ? gdi_value_at(n->in[3], i / j->rows_a_weight) : 1),
                   x = gdi_value_at(n->in[0], i * j->C + c);
      sum += dloss * q * (j->soft ? k->shift - x : log(k->all) + (k->shift - x));
    }
    gdi_put_at(dw, c, sum);
  }
}

gd_status gdi_cpu_cross_entropy_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                         gd_tensor *const din[], const bool add[]) {
  job j = job_of(n, n->saved[0]->data);
  j.dloss = gdi_value_at(dout, 0);
  if (din[0]) j.dx = din[0]->data, j.add_x = add[0];
  if (din[1]) j.dp = din[1]->data, j.add_p = add[1];
  if (j.dx || j.dp)
    gdi_parallel(d, gdi_rows_of_classes(n->in[0]), gdi_row_grain(j.C), backward_loop(&j, dout->dtype), &j);
  if (n->in[2] && din[2]) backward_weights(&j, n, din[2], add[2]);
  return GD_OK;
}

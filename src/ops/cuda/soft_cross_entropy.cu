/*
 * Cross entropy with probabilities for targets, or with smoothed labels: the formulas of cpu/soft_cross_entropy.c. A group of
 * threads has a row. A label that is no class makes its row, and so the loss, NaN.
 */
#include "device/cuda/math.cuh"
#include "device/cuda/tree.cuh"
#include "ops/cross_entropy.h"
#include "ops/cuda/group.cuh"
#include "ops/soft_cross_entropy.h"

typedef struct kept {
  double log_sum, all, weight;
} kept;

template <typename T> struct rows_of {
  const T *x, *p, *w;   /* [B,C], [B,C] or NULL, [C] or NULL */
  const int64_t *label; /* [B] where p is NULL */
  int64_t B, C, ignore;
  double own, each; /* 1 - e, e / C */
  kept *row;        /* [B] */
  double *loss;     /* [B] */
};

/* w_c q_ic */
template <typename T>
static __device__ __forceinline__ double share(const rows_of<T> &j, int64_t i, int64_t c) {
  const double p = j.p ? (double)j.p[i * j.C + c] : j.label[i] == c ? 1 : 0;
  return (j.w ? (double)j.w[c] : 1) * (j.each + j.own * p);
}

/* Rows beyond the last are like ignored ones, and leave nothing. */
template <typename T, int LANES>
static __global__ void __launch_bounds__(GDI_THREADS) forward_rows(rows_of<T> j) {
  const int lane = (int)threadIdx.x % LANES;
  GDI_EACH_ROW(LANES, i, gdi_whole_warps<LANES>(j.B)) {
    const bool exists = i < j.B, counts = exists && !(j.label && j.label[i] == j.ignore);
    const bool valid = counts && (!j.label || (j.label[i] >= 0 && j.label[i] < j.C));
    const T *x = j.x + i * j.C;
    const int64_t C = counts ? j.C : 0;
    T max = (T)-INFINITY, sum = 0; /* NaN is passed over by one and shows in the other */
    double all = 0, at = 0;
    for (int64_t c = lane; c < C; c += LANES) max = gdi_larger()(max, x[c]);
    max = gdi_group<LANES>(max, gdi_larger());
    for (int64_t c = lane; c < C; c += LANES) sum += EXP(x[c] - max);
    sum = gdi_group<LANES>(sum, gdi_adding());
    const double log_sum = counts ? log((double)sum) + (double)max : 0;
    for (int64_t c = lane; c < C; c += LANES) {
      const double a = share(j, i, c);
      all += a, at += a * (log_sum - (double)x[c]);
    }
    all = gdi_group<LANES>(all, gdi_adding());
    at = gdi_group<LANES>(at, gdi_adding());
    if (!exists || lane > 0) continue;
    kept k = {log_sum, all, counts ? 1. : 0.};
    if (valid && j.label && j.w) k.weight = (double)j.w[j.label[i]];
    if (counts && !valid) k.all = k.weight = at = NAN;
    j.row[i] = k, j.loss[i] = at;
  }
}

enum { MOST_THREADS = 1024 };

template <typename T>
static __global__ void __launch_bounds__(MOST_THREADS) forward_sums(rows_of<T> j, T *loss, double *weights) {
  const int which = (int)blockIdx.x;
  const double sum = gdi_tree<MOST_THREADS>((int)threadIdx.x, which ? &j.row->weight : j.loss, j.B,
                                            which ? (int64_t)(sizeof(kept) / sizeof(double)) : 1);
  if (threadIdx.x > 0) return;
  if (which)
    *weights = sum;
  else
    *loss = (T)sum;
}

/* dx and dp, either of which may be NULL. */
template <typename T>
static __global__ void backward_rows(rows_of<T> j, const T *dloss, T *dx, bool add_x, T *dp, bool add_p) {
  const double d = (double)*dloss;
  GDI_EACH(e, j.B * j.C) {
    const int64_t i = e / j.C, c = e - i * j.C;
    const kept k = j.row[i];
    const bool counts = !j.label || j.label[i] != j.ignore;
    const T scale = (T)(d * k.all), shift = (T)k.log_sum;
    T value = 0;
    if (counts) value = (T)((double)(EXP(j.x[e] - shift) * scale) - d * share(j, i, c));
    if (dx) dx[e] = add_x ? dx[e] + value : value;
    value = (T)(d * j.own * (j.w ? (double)j.w[c] : 1) * (k.log_sum - (double)j.x[e]));
    if (dp) dp[e] = add_p ? dp[e] + value : value;
  }
}

/* A thread per class looks through all rows: their order is that of the sum. */
template <typename T> static __global__ void backward_weights(rows_of<T> j, const T *dloss, T *dw, bool add) {
  const double d = (double)*dloss;
  GDI_EACH(c, j.C) {
    double sum = add ? (double)dw[c] : 0;
    for (int64_t i = 0; i < j.B; i++) {
      if (j.label && j.label[i] == j.ignore) continue;
      const double p = j.p ? (double)j.p[i * j.C + c] : j.label[i] == c ? 1 : 0;
      sum += d * (j.own * p + j.each) * (j.row[i].log_sum - (double)j.x[i * j.C + c]);
    }
    dw[c] = (T)sum;
  }
}

template <typename T> static rows_of<T> rows_from(const gd_node *n, void *row, void *loss) {
  const gdi_soft_cross_entropy *p = (const gdi_soft_cross_entropy *)n->params;
  const gd_tensor *x = n->in[0];
  const bool labels = gdi_has_labels(n);
  const rows_of<T> j = {(const T *)x->data,
                        labels ? NULL : (const T *)n->in[1]->data,
                        n->in[2] ? (const T *)n->in[2]->data : NULL,
                        labels ? (const int64_t *)n->in[1]->data : NULL,
                        gdi_rows_of_classes(x),
                        gdi_classes(x),
                        p->ignore,
                        1 - p->smoothing,
                        p->smoothing / (double)gdi_classes(x),
                        (kept *)row,
                        (double *)loss};
  return j;
}

template <typename T> static gd_status forward(gd_device *d, gd_node *n, void *row, void *loss) {
  const rows_of<T> j = rows_from<T>(n, row, loss);
  enum { WARP = 32, BLOCK = GDI_THREADS, WARP_CLASSES = 1024 };
  const int lanes = j.C <= WARP_CLASSES ? WARP : BLOCK;
  GD_TRY(gdi_launch(d, "soft cross-entropy", lanes == WARP ? forward_rows<T, WARP> : forward_rows<T, BLOCK>,
                    gdi_blocks_for(d, j.B * lanes), GDI_THREADS, j));
  return gdi_launch(d, "soft cross-entropy's sums", forward_sums<T>, 2, MOST_THREADS, j, (T *)n->out->data,
                    (double *)n->saved[1]->data);
}

static gd_status forward_in_scratch(gd_device *d, gd_node *n) {
  const int64_t B = gdi_rows_of_classes(n->in[0]);
  const int64_t shape[] = {B, (int64_t)(sizeof(kept) / sizeof(double))};
  void *row, *loss;
  GD_TRY(gd_node_temporary(&n->saved[1], n, GD_F64, 0, NULL));
  GD_TRY(gdi_cuda_scratch(d, B, sizeof(double), &loss));
  if (n->recorded) {
    GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, 2, shape));
    row = n->saved[0]->data;
  } else {
    GD_TRY(gdi_cuda_scratch(d, B, sizeof(kept), &row));
  }
  return n->in[0]->dtype == GD_F64 ? forward<double>(d, n, row, loss) : forward<float>(d, n, row, loss);
}

gd_status gdi_cuda_soft_cross_entropy_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = forward_in_scratch(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

template <typename T>
static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  const rows_of<T> j = rows_from<T>(n, n->saved[0]->data, NULL);
  const T *dloss = (const T *)dout->data;
  if (din[0] || din[1])
    GD_TRY(gdi_launch(d, "soft cross-entropy's gradient", backward_rows<T>, gdi_blocks_for(d, j.B * j.C),
                      GDI_THREADS, j, dloss, din[0] ? (T *)din[0]->data : NULL, add[0],
                      din[1] ? (T *)din[1]->data : NULL, add[1]));
  if (!j.w || !din[2]) return GD_OK;
  return gdi_launch(d, "gradient of class weights", backward_weights<T>, gdi_blocks_for(d, j.C), GDI_THREADS,
                    j, dloss, (T *)din[2]->data, add[2]);
}

gd_status gdi_cuda_soft_cross_entropy_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                               gd_tensor *const din[], const bool add[]) {
  return n->in[0]->dtype == GD_F64 ? backward<double>(d, n, dout, din, add)
                                   : backward<float>(d, n, dout, din, add);
}

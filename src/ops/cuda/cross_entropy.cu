/*
 * The formulas of cpu/cross_entropy.c. As on the CPU sums are f64 over the project's tree. Of labels, forward also makes dx for
 * dloss = 1 while it has the row at hand, and backward of a root without a seed hands that on: so training has one launch
 * for both. It keeps three numbers a row for all other backwards, which read x once more. A label that is no class makes
 * its row, and so the loss, NaN: nobody waits here to be told.
 */
#include "ops/cuda/cross_entropy.cuh"
#include "ops/cuda/soft_cross_entropy.cuh"

/* ---- rows of labels */

/* dx of row i by its threads, N neighbours at a time. */
template <int LANES, int N, typename T>
static __device__ __forceinline__ void row_gradient(const rows_of<T> &j, int64_t i, const kept &k,
                                                    double dloss, T *dx, bool add) {
  const int64_t label = j.label[i];
  const bool counted = label != j.ignore;
  const T max = (T)k.shift, g = (T)(dloss * k.weight), scale = (T)(dloss * k.weight / k.all);
  for (int64_t c = (int)threadIdx.x % LANES * N; c < j.C; c += LANES * N) {
    const int64_t at = i * j.C + c;
    const gdi_pack<T, N> x = gdi_load<N>(j.x + at);
    gdi_pack<T, N> value = {}, before = {};
    if (add) before = gdi_load<N>(dx + at);
    for (int e = 0; e < N; e++) {
      if (counted) value.v[e] = EXP(x.v[e] - max) * scale;
      if (counted && c + e == label) value.v[e] -= g;
      if (add) value.v[e] = before.v[e] + value.v[e];
    }
    gdi_store<N>(dx + at, value);
  }
}

/* Rows beyond the last are like ignored ones, and leave nothing. */
template <int LANES, typename T> static __device__ void row_forward(const rows_of<T> &j, int64_t i) {
  const int lane = (int)threadIdx.x % LANES;
  const bool exists = i < j.B;
  const T *x = j.x + i * j.C;
  const int64_t label = exists ? j.label[i] : j.ignore, C = label != j.ignore ? j.C : 0;
  kept k = {0, 1, 0};
  double loss = 0;
  T max = (T)-INFINITY, sum = 0; /* NaN is passed over by one and shows in the other */
  for (int64_t c = lane; c < C; c += LANES) max = gdi_larger()(max, x[c]);
  max = gdi_group<LANES>(max, gdi_larger());
  for (int64_t c = lane; c < C; c += LANES) sum += EXP(x[c] - max);
  sum = gdi_group<LANES>(sum, gdi_adding());
  if (label != j.ignore) {
    k.shift = (double)max, k.all = (double)sum;
    k.weight = loss = NAN;
    if (label >= 0 && label < j.C) {
      k.weight = class_weight(j, label) * row_weight(j, i);
      if (lane == 0) loss = k.weight * (log(k.all) + (k.shift - (double)x[label]));
    }
  }
  if (exists && lane == 0) j.row[i] = k, j.loss[i] = loss;
  if (exists && j.dx) row_gradient<LANES, 1>(j, i, k, 1, j.dx, false);
}

template <int LANES, typename T> static __device__ __forceinline__ void rows_forward(const rows_of<T> &j) {
  GDI_EACH_ROW(LANES, i, gdi_whole_warps<LANES>(j.B)) row_forward<LANES>(j, i);
}

/* The whole of a small batch by one block. */
template <typename T, int LANES>
static __global__ void __launch_bounds__(MOST_THREADS) forward_small(rows_of<T> j, T *loss, double *weights) {
  rows_forward<LANES>(j);
  __syncthreads();
  write_sums(j, 0, loss, weights);
  write_sums(j, 1, loss, weights);
}

/* The rows of a large one. */
template <typename T, int LANES>
static __global__ void __launch_bounds__(GDI_THREADS) forward_rows(rows_of<T> j) {
  rows_forward<LANES>(j);
}

template <typename T, int LANES, int N>
static __global__ void __launch_bounds__(GDI_THREADS)
    backward_rows(rows_of<T> j, const T *dloss, T *dx, bool add) {
  const double d = (double)*dloss;
  GDI_EACH_ROW(LANES, i, j.B) row_gradient<LANES, N>(j, i, j.row[i], d, dx, add);
}

/* Threads that share a row. Of the shape alone: it decides the order of sums. */
enum { FEW = 8, WARP = 32, BLOCK = GDI_THREADS, FEW_CLASSES = 32, WARP_CLASSES = 1024 };

static int lanes_for(int64_t C) {
  return C <= FEW_CLASSES ? FEW : C <= WARP_CLASSES ? WARP : BLOCK;
}

/* ---- all rows */

template <typename T> static const T *data_of(const gd_tensor *x) {
  return x ? (const T *)x->data : NULL;
}

template <typename T> static rows_of<T> rows_from(const gd_node *n, void *row, void *loss) {
  const gdi_cross_entropy *p = gdi_cross_entropy_of(n);
  const gd_tensor *x = n->in[0], *target = n->in[1];
  const bool labels = gdi_has_labels(n);
  const rows_of<T> j = {data_of<T>(x),
                        labels ? NULL : data_of<T>(target),
                        data_of<T>(n->in[2]),
                        data_of<T>(n->in[3]),
                        labels ? data_of<int64_t>(target) : NULL,
                        gdi_rows_of_classes(x),
                        gdi_classes(x),
                        p->ignore,
                        gdi_rows_a_weight(n),
                        1 - p->smoothing,
                        p->smoothing / (double)gdi_classes(x),
                        gdi_is_soft(n),
                        (kept *)row,
                        (double *)loss,
                        n->saved[2] ? (T *)n->saved[2]->data : NULL};
  return j;
}

template <typename T> static gd_status forward(gd_device *d, gd_node *n, void *row, void *loss) {
  const rows_of<T> j = rows_from<T>(n, row, loss);
  T *out = (T *)n->out->data;
  double *weights = (double *)n->saved[1]->data;
  const int lanes = j.soft && j.C <= WARP_CLASSES ? WARP : lanes_for(j.C);
  if (!j.soft && lanes <= WARP && j.B <= ROWS_OF_ONE_BLOCK)
    return gdi_launch(d, "cross-entropy", lanes == FEW ? forward_small<T, FEW> : forward_small<T, WARP>, 1,
                      MOST_THREADS, j, out, weights);
  GD_TRY(gdi_launch(d, "cross-entropy",
                    j.soft          ? (lanes == WARP ? forward_soft<T, WARP> : forward_soft<T, BLOCK>)
                    : lanes == FEW  ? forward_rows<T, FEW>
                    : lanes == WARP ? forward_rows<T, WARP>
                                    : forward_rows<T, BLOCK>,
                    gdi_blocks_for(d, j.B * lanes), GDI_THREADS, j));
  return gdi_launch(d, "cross-entropy's sums", forward_sums<T>, 2, MOST_THREADS, j, out, weights);
}

static gd_status forward_in_scratch(gd_device *d, gd_node *n) {
  const int64_t B = gdi_rows_of_classes(n->in[0]);
  enum { KEPT = sizeof(kept) / sizeof(double) };
  const int64_t shape[] = {B, KEPT};
  void *row, *loss;
  GD_TRY(gd_node_temporary(&n->saved[1], n, GD_F64, 0, NULL));
  GD_TRY(gdi_cuda_scratch(d, B, sizeof(double), &loss));
  if (n->recorded) {
    GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, 2, shape));
    row = n->saved[0]->data;
    if (n->in[0]->node && !gdi_is_soft(n)) /* a leaf's gradient has a place of its own */
      GD_TRY(gd_node_temporary(&n->saved[2], n, n->in[0]->dtype, n->in[0]->ndim, n->in[0]->shape));
  } else {
    GD_TRY(gdi_cuda_scratch(d, B, sizeof(kept), &row));
  }
  return n->in[0]->dtype == GD_F64 ? forward<double>(d, n, row, loss) : forward<float>(d, n, row, loss);
}

gd_status gdi_cuda_cross_entropy_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = forward_in_scratch(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

template <typename T, int N>
static gd_status launch_backward_rows(gd_device *d, const rows_of<T> &j, const T *dloss, T *dx, bool add) {
  const int lanes = lanes_for(j.C);
  return gdi_launch(d, "cross-entropy's gradient",
                    lanes == FEW    ? backward_rows<T, FEW, N>
                    : lanes == WARP ? backward_rows<T, WARP, N>
                                    : backward_rows<T, BLOCK, N>,
                    gdi_blocks_for(d, j.B * lanes), GDI_THREADS, j, dloss, dx, add);
}

/*
 * What forward made becomes dx: at a root, which is visited first, so that dx is new. Once: another backward over
 * this tape may write to it.
 */
static bool hand_on(const gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *dx) {
  if (!n->saved[2] || !gdi_is_one(d, dout)) return false;
  dx->data = n->saved[2]->data;
  n->saved[2] = NULL;
  return true;
}

template <typename T>
static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  const rows_of<T> j = rows_from<T>(n, n->saved[0]->data, NULL);
  const T *dloss = (const T *)dout->data;
  enum { N = GDI_PACK_BYTES / sizeof(T) };
  T *dx = din[0] && !hand_on(d, n, dout, din[0]) ? (T *)din[0]->data : NULL,
    *dp = din[1] ? (T *)din[1]->data : NULL;
  if (j.soft && (dx || dp))
    GD_TRY(gdi_launch(d, "cross-entropy's gradient", backward_soft<T>, gdi_blocks_for(d, j.B * j.C),
                      GDI_THREADS, j, dloss, dx, add[0], dp, add[1]));
  else if (dx)
    GD_TRY((j.C % N == 0 && gdi_packed((uintptr_t)j.x | (uintptr_t)dx)
                ? launch_backward_rows<T, N>(d, j, dloss, dx, add[0])
                : launch_backward_rows<T, 1>(d, j, dloss, dx, add[0])));
  if (!j.w || !din[2]) return GD_OK;
  return gdi_launch(d, "gradient of class weights", backward_weights<T>, gdi_blocks_for(d, j.C), GDI_THREADS,
                    j, dloss, (T *)din[2]->data, add[2]);
}

gd_status gdi_cuda_cross_entropy_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                          gd_tensor *const din[], const bool add[]) {
  return n->in[0]->dtype == GD_F64 ? backward<double>(d, n, dout, din, add)
                                   : backward<float>(d, n, dout, din, add);
}

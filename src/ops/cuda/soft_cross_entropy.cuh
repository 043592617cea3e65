/* Cross entropy of rows in which every class has a part: with probabilities, or with smoothed labels. */
#ifndef GDI_CUDA_SOFT_CROSS_ENTROPY_CUH
#define GDI_CUDA_SOFT_CROSS_ENTROPY_CUH

#include "ops/cuda/cross_entropy.cuh"

/* A group of threads has a row. Rows beyond the last are like ignored ones, and leave nothing. */
template <typename T, int LANES>
static __global__ void __launch_bounds__(GDI_THREADS) forward_soft(rows_of<T> j) {
  const int lane = (int)threadIdx.x % LANES;
  GDI_EACH_ROW(LANES, i, gdi_whole_warps<LANES>(j.B)) {
    const bool exists = i < j.B, counted = exists && counts(j, i);
    const bool valid = counted && (!j.label || (j.label[i] >= 0 && j.label[i] < j.C));
    const T *x = j.x + i * j.C;
    const int64_t C = counted ? j.C : 0;
    T max = (T)-INFINITY, sum = 0; /* NaN is passed over by one and shows in the other */
    double all = 0, at = 0;
    for (int64_t c = lane; c < C; c += LANES) max = gdi_larger()(max, x[c]);
    max = gdi_group<LANES>(max, gdi_larger());
    for (int64_t c = lane; c < C; c += LANES) sum += EXP(x[c] - max);
    sum = gdi_group<LANES>(sum, gdi_adding());
    const double log_sum = counted ? log((double)sum) + (double)max : 0;
    for (int64_t c = lane; c < C; c += LANES) {
      const double a = class_weight(j, c) * part(j, i, c);
      all += a, at += a * (log_sum - (double)x[c]);
    }
    all = gdi_group<LANES>(all, gdi_adding());
    at = gdi_group<LANES>(at, gdi_adding());
    if (!exists || lane > 0) continue;
    const double r = row_weight(j, i);
    kept k = {log_sum, r * all, counted ? r : 0.};
    if (valid && j.label) k.weight = r * class_weight(j, j.label[i]);
    at *= r;
    if (counted && !valid) k.all = k.weight = at = NAN;
    j.row[i] = k, j.loss[i] = at;
  }
}

/* dx and dp, either of which may be NULL. */
template <typename T>
static __global__ void backward_soft(rows_of<T> j, const T *dloss, T *dx, bool add_x, T *dp, bool add_p) {
  const double d = (double)*dloss;
  GDI_EACH(e, j.B * j.C) {
    const int64_t i = e / j.C, c = e - i * j.C;
    const kept k = j.row[i];
    const double w = class_weight(j, c), d_row = d * row_weight(j, i);
    const T scale = (T)(d * k.all), shift = (T)k.shift;
    T value = 0;
    if (counts(j, i)) value = (T)((double)(EXP(j.x[e] - shift) * scale) - d_row * (w * part(j, i, c)));
    if (dx) dx[e] = add_x ? dx[e] + value : value;
    value = (T)(d_row * j.own * w * (k.shift - (double)j.x[e]));
    if (dp) dp[e] = add_p ? dp[e] + value : value;
  }
}

#endif

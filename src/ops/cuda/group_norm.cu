/*
 * cpu/group_norm.c has the formulas. Sums of each sample's channels, in f64, become numbers of its groups in a small kernel; then
 * a pass over the elements.
 */
#include "ops/group_norm.h"

#include "ops/cuda/columns.cuh"

template <typename T> struct job {
  gdi_grouped s;
  double eps;
  const T *x, *weights, *biases;
  double *mean, *rstd; /* [B,G] */
  __device__ double weight(int64_t c) const { return weights ? (double)weights[c] : 1; }
  __device__ int64_t sample(int64_t i) const { return i / (s.P * s.C); }
  __device__ int64_t group(int64_t b, int64_t c) const { return b * s.G + c / s.D; }
};

template <typename T> static job<T> job_of(const gd_node *n) {
  const gdi_grouped s = gdi_grouped_of(n);
  double *kept = (double *)n->saved[0]->data;
  const gd_tensor *w = n->in[GDI_GN_WEIGHT], *b = n->in[GDI_GN_BIAS];
  return {s,
          ((const gdi_group_norm *)n->params)->eps,
          (const T *)n->in[0]->data,
          w ? (const T *)w->data : NULL,
          b ? (const T *)b->data : NULL,
          kept,
          kept + s.B * s.G};
}

/* F's two sums over the pixels of each sample, part [B,2,C]: a chunk of rows is a sample. */
template <typename T, typename F>
static gd_status sum_pixels(gd_device *d, const F &f, uintptr_t addresses, double **part) {
  const gdi_grouped s = f.j.s;
  const gdi_area area = {s.B * s.P, s.C, (s.C + GDI_SUM_COLUMNS - 1) / GDI_SUM_COLUMNS, s.P};
  void *memory;
  *part = NULL;
  if (s.B == 0) return GD_OK;
  GD_TRY(gdi_cuda_scratch(d, s.B * 2 * s.C, sizeof(double), &memory));
  *part = (double *)memory;
  return gdi_sum_columns<T>(d, "group_norm's sums", f, area, addresses, *part);
}

/* ---- forward ---- */

/* Sums of x - x_0 and of its square, x_0 the first pixel of the sample. */
template <typename T> struct squares {
  enum { SUMS = 2 };
  job<T> j;
  template <int N> struct columns {
    const job<T> &j;
    int64_t column;
    __device__ columns(const squares &f, int64_t c) : j(f.j), column(c) {}
    __device__ void add(int64_t i, double sum[SUMS][N]) const {
      const gdi_pack<T, N> v = gdi_load<N>(j.x + i),
                           start = gdi_load<N>(j.x + j.sample(i) * j.s.P * j.s.C + column);
      for (int c = 0; c < N; c++) {
        const double off = (double)v.v[c] - (double)start.v[c];
        sum[0][c] += off, sum[1][c] += off * off;
      }
    }
  };
};

template <typename T> static __global__ void keep_moments(job<T> j, const double *part) {
  GDI_EACH(k, j.s.B * j.s.G) {
    const int64_t b = k / j.s.G, first = k % j.s.G * j.s.D, C = j.s.C;
    const double *sums = part + b * 2 * C, P = (double)j.s.P;
    double mean = 0, rest = 0;
    for (int64_t c = first; c < first + j.s.D; c++)
      mean += ((double)j.x[b * j.s.P * C + c] + sums[c] / P) / (double)j.s.D;
    for (int64_t c = first; c < first + j.s.D; c++) {
      const double off = sums[c] / P, apart = (double)j.x[b * j.s.P * C + c] + off - mean;
      rest += sums[C + c] - sums[c] * off + P * apart * apart;
    }
    j.mean[k] = mean;
    j.rstd[k] = 1 / sqrt((rest < 0 ? 0 : rest / (P * (double)j.s.D)) + j.eps);
  }
}

template <typename T> static __global__ void normalise(job<T> j, T *y) {
  GDI_EACH(i, j.s.B * j.s.P * j.s.C) {
    const int64_t c = i % j.s.C, g = j.group(j.sample(i), c);
    const double scale = j.rstd[g] * j.weight(c);
    y[i] = j.x[i] * (T)scale + (T)((j.biases ? (double)j.biases[c] : 0) - j.mean[g] * scale);
  }
}

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const job<T> j = job_of<T>(n);
  double *part;
  GD_TRY(sum_pixels<T>(d, squares<T>{j}, (uintptr_t)j.x, &part));
  GD_TRY(gdi_launch(d, "group_norm's moments", keep_moments<T>, gdi_blocks_for(d, j.s.B * j.s.G), GDI_THREADS,
                    j, part));
  return gdi_launch(d, "group_norm", normalise<T>, gdi_blocks_for(d, gd_numel(n->out)), GDI_THREADS, j,
                    (T *)n->out->data);
}

gd_status gdi_cuda_group_norm_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gdi_grouped s = gdi_grouped_of(n);
  const int64_t kept[] = {2, s.B, s.G};
  GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, 3, kept));
  const gd_status st = n->out->dtype == GD_F64 ? forward<double>(d, n) : forward<float>(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* ---- backward ---- */

/* Sums of dy and of dy (x - mean). */
template <typename T> struct products {
  enum { SUMS = 2 };
  job<T> j;
  const T *dy;
  template <int N> struct columns {
    const products &f;
    int64_t column;
    __device__ columns(const products &pass, int64_t c) : f(pass), column(c) {}
    __device__ void add(int64_t i, double sum[SUMS][N]) const {
      const gdi_pack<T, N> x = gdi_load<N>(f.j.x + i), dy = gdi_load<N>(f.dy + i);
      const int64_t b = f.j.sample(i);
      for (int c = 0; c < N; c++) {
        sum[0][c] += (double)dy.v[c];
        sum[1][c] += (double)dy.v[c] * ((double)x.v[c] - f.j.mean[f.j.group(b, column + c)]);
      }
    }
  };
};

/* dx = dy w rstd + (x - mean) slope + level; slope, level [B,G] */
template <typename T>
static __global__ void find_slopes(job<T> j, const double *part, double *slope, double *level) {
  GDI_EACH(k, j.s.B * j.s.G) {
    const int64_t b = k / j.s.G, first = k % j.s.G * j.s.D, C = j.s.C;
    const double *sums = part + b * 2 * C, rstd = j.rstd[k], n = (double)(j.s.P * j.s.D);
    double all = 0, along = 0;
    for (int64_t c = first; c < first + j.s.D; c++)
      all += j.weight(c) * sums[c], along += j.weight(c) * sums[C + c];
    slope[k] = -rstd * rstd * rstd * along / n, level[k] = -rstd * all / n;
  }
}

template <typename T>
static __global__ void put_gradient(job<T> j, const T *dy, const double *slope, const double *level, T *dx,
                                    bool add) {
  GDI_EACH(i, j.s.B * j.s.P * j.s.C) {
    const int64_t c = i % j.s.C, g = j.group(j.sample(i), c);
    const T value =
        dy[i] * (T)(j.weight(c) * j.rstd[g]) + (j.x[i] - (T)j.mean[g]) * (T)slope[g] + (T)level[g];
    dx[i] = add ? dx[i] + value : value;
  }
}

/* Over the samples in their order. db last: it may be dw, and adds to it then. */
template <typename T>
static __global__ void put_channels(job<T> j, const double *part, T *dw, bool add_dw, T *db, bool add_db) {
  GDI_EACH(c, j.s.C) {
    double weight = dw && add_dw ? (double)dw[c] : 0, bias = 0;
    for (int64_t b = 0; b < j.s.B; b++) {
      bias += part[b * 2 * j.s.C + c];
      weight += part[(b * 2 + 1) * j.s.C + c] * j.rstd[j.group(b, c)];
    }
    if (dw) dw[c] = (T)weight;
    if (db) db[c] = (T)(add_db ? (double)db[c] + bias : bias);
  }
}

template <typename T> static T *place_of(gd_tensor *const din[], int i) {
  return din[i] ? (T *)din[i]->data : NULL;
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const T *dy, gd_tensor *const din[],
                          const bool add[]) {
  const job<T> j = job_of<T>(n);
  const int64_t groups = j.s.B * j.s.G;
  double *part;
  void *memory;
  GD_TRY(sum_pixels<T>(d, products<T>{j, dy}, (uintptr_t)j.x | (uintptr_t)dy, &part));
  GD_TRY(gdi_launch(d, "group_norm's parameters", put_channels<T>, gdi_blocks_for(d, j.s.C), GDI_THREADS, j,
                    part, place_of<T>(din, GDI_GN_WEIGHT), add[GDI_GN_WEIGHT], place_of<T>(din, GDI_GN_BIAS),
                    add[GDI_GN_BIAS]));
  if (!din[0]) return GD_OK;
  GD_TRY(gdi_cuda_scratch(d, 2 * groups, sizeof(double), &memory));
  double *slope = (double *)memory, *level = slope + groups;
  GD_TRY(gdi_launch(d, "group_norm's slopes", find_slopes<T>, gdi_blocks_for(d, groups), GDI_THREADS, j, part,
                    slope, level));
  return gdi_launch(d, "group_norm's gradient", put_gradient<T>, gdi_blocks_for(d, gd_numel(n->out)),
                    GDI_THREADS, j, dy, slope, level, (T *)din[0]->data, add[0]);
}

gd_status gdi_cuda_group_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                       gd_tensor *const din[], const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = dout->dtype == GD_F64 ? backward<double>(d, n, (const double *)dout->data, din, add)
                                             : backward<float>(d, n, (const float *)dout->data, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

/*
 * y = act(xhat w + b + r),  xhat = (x - mean) rstd; cpu/batch_norm.c has the formulas. Two passes over the data each way, with
 * a small kernel between them that makes numbers of each channel from sums in f64; z, of which act' needs the sign,
 * is computed again from x where there is no residual, which costs less than reading y.
 */
#include "ops/batch_norm.h"

#include "ops/cuda/columns.cuh"

/* What forward keeps, [KEPT, C] in f64: of x, and z = x scale + shift, both as T. */
enum { MEAN, RSTD, UNBIASED, SCALE, SHIFT, KEPT };

template <typename T> struct job {
  gdi_batch_norm p;
  int64_t rows, C;
  const T *x, *w, *b, *r, *y, *mean, *var; /* mean, var: the running ones */
  double *kept;
  __device__ double *of(int what, int64_t c) const { return kept + what * C + c; }
};

template <typename T> static const T *values_of(const gd_node *n, int i) {
  return n->in[i] ? (const T *)n->in[i]->data : NULL;
}

template <typename T> static job<T> job_of(const gd_node *n) {
  const gd_tensor *x = n->in[0];
  const int64_t C = x->shape[x->ndim - 1];
  return {*(const gdi_batch_norm *)n->params,
          gd_numel(x) / C,
          C,
          values_of<T>(n, 0),
          values_of<T>(n, GDI_BN_WEIGHT),
          values_of<T>(n, GDI_BN_BIAS),
          values_of<T>(n, GDI_BN_RESIDUAL),
          (const T *)n->out->data,
          values_of<T>(n, GDI_BN_MEAN),
          values_of<T>(n, GDI_BN_VAR),
          (double *)n->saved[0]->data};
}

/* Numbers of N channels as T, in registers. */
template <typename T, int N> static __device__ __forceinline__ gdi_pack<T, N> channels(const double *from) {
  gdi_pack<T, N> p;
  for (int c = 0; c < N; c++) p.v[c] = (T)from[c];
  return p;
}

/* ---- forward ---- */

/* Sums of x - x_0 and of its square, x_0 the first row: no digits are lost where the mean is far from 0. */
template <typename T> struct squares {
  enum { SUMS = 2 };
  const T *x;
  template <int N> struct columns {
    const T *x;
    gdi_pack<T, N> start;
    __device__ columns(const squares &f, int64_t c) : x(f.x), start(gdi_load<N>(f.x + c)) {}
    __device__ void add(int64_t i, double sum[SUMS][N]) const {
      const gdi_pack<T, N> v = gdi_load<N>(x + i);
      for (int c = 0; c < N; c++) {
        const double off = (double)v.v[c] - (double)start.v[c];
        sum[0][c] += off, sum[1][c] += off * off;
      }
    }
  };
};

template <typename T>
static __device__ __forceinline__ void keep(const job<T> &j, int64_t c, double mean, double var) {
  const double rstd = 1 / sqrt(var + j.p.eps), scale = rstd * (j.w ? (double)j.w[c] : 1);
  *j.of(MEAN, c) = mean, *j.of(RSTD, c) = rstd;
  *j.of(SCALE, c) = scale, *j.of(SHIFT, c) = (j.b ? (double)j.b[c] : 0) - mean * scale;
}

template <typename T> static __global__ void keep_moments(job<T> j, const double *part, int64_t chunks) {
  int64_t c;
  double total[2];
  if (!gdi_add_chunks<2>(part, chunks, j.C, &c, total)) return;
  const double N = (double)j.rows, off = total[0] / N, rest = total[1] - N * off * off,
               sum = rest < 0 ? 0 : rest;
  *j.of(UNBIASED, c) = sum / (N - 1);
  keep(j, c, (double)j.x[c] + off, sum / N);
}

template <typename T> static __global__ void keep_running(job<T> j) {
  GDI_EACH(c, j.C) keep(j, c, (double)j.mean[c], (double)j.var[c]);
}

template <typename T> struct normalised {
  job<T> j;
  T *y;
  template <int N> struct columns {
    const normalised &f;
    gdi_pack<T, N> scale, shift;
    __device__ columns(const normalised &pass, int64_t c)
        : f(pass), scale(channels<T, N>(pass.j.of(SCALE, c))), shift(channels<T, N>(pass.j.of(SHIFT, c))) {}
    __device__ void put(int64_t i) const {
      gdi_pack<T, N> v = gdi_load<N>(f.j.x + i), r = {};
      if (f.j.r) r = gdi_load<N>(f.j.r + i);
      for (int c = 0; c < N; c++) {
        v.v[c] = v.v[c] * scale.v[c] + shift.v[c];
        if (f.j.r) v.v[c] += r.v[c];
        if (f.j.p.act == GD_ACT_RELU && v.v[c] < 0) v.v[c] = 0;
      }
      gdi_store<N>(f.y + i, v);
    }
  };
};

/* F::SUMS sums of chunks, in scratch memory. */
template <typename T, typename F>
static gd_status sum_chunks(gd_device *d, const F &f, gdi_area s, uintptr_t addresses, double **part) {
  void *memory;
  GD_TRY(gdi_cuda_scratch(d, gdi_sum_chunks(&s) * F::SUMS * s.O, sizeof(double), &memory));
  *part = (double *)memory;
  return gdi_sum_columns<T>(d, "batch_norm's sums", f, s, addresses, *part);
}

template <typename T> static gd_status forward(gd_device *d, const gd_node *n) {
  const job<T> j = job_of<T>(n);
  const normalised<T> f = {j, (T *)n->out->data};
  if (j.p.training) {
    const gdi_area s = gdi_sum_area(j.rows, j.C);
    double *part;
    GD_TRY(sum_chunks<T>(d, squares<T>{j.x}, s, (uintptr_t)j.x, &part));
    GD_TRY(gdi_launch(d, "batch_norm's moments", keep_moments<T>, s.panels, GDI_SUM_COLUMNS * GDI_SUM_ROWS, j,
                      part, gdi_sum_chunks(&s)));
  } else {
    GD_TRY(gdi_launch(d, "batch_norm's statistics", keep_running<T>, gdi_blocks_for(d, j.C), GDI_THREADS, j));
  }
  return gdi_put_columns<T>(d, "batch_norm", f, j.rows, j.C,
                            (uintptr_t)j.x | (uintptr_t)j.r | (uintptr_t)f.y);
}

gd_status gdi_cuda_batch_norm_forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  const size_t mark = gd_arena_mark(d->scratch);
  const int64_t kept[] = {KEPT, x->shape[x->ndim - 1]};
  GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, 2, kept));
  const gd_status st = x->dtype == GD_F64 ? forward<double>(d, n) : forward<float>(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* ---- backward ---- */

/* What the two passes have of their columns: dz = dy act'(y). */
template <typename T, int N> struct masked {
  const job<T> &j;
  const T *dy;
  gdi_pack<T, N> scale, shift;
  __device__ masked(const job<T> &all, const T *gradient, int64_t c)
      : j(all), dy(gradient), scale(channels<T, N>(all.of(SCALE, c))),
        shift(channels<T, N>(all.of(SHIFT, c))) {}
  __device__ gdi_pack<T, N> dz(int64_t i, const gdi_pack<T, N> &x) const {
    gdi_pack<T, N> g = gdi_load<N>(dy + i), y = {};
    if (j.p.act == GD_ACT_NONE) return g;
    if (j.r) y = gdi_load<N>(j.y + i);
    for (int c = 0; c < N; c++)
      if ((j.r ? y.v[c] : x.v[c] * scale.v[c] + shift.v[c]) <= 0) g.v[c] = 0;
    return g;
  }
};

template <typename T, int N> static __device__ __forceinline__ void store(T *to, gdi_pack<T, N> v, bool add) {
  gdi_pack<T, N> was = {};
  if (add) was = gdi_load<N>(to);
  for (int c = 0; add && c < N; c++) v.v[c] = was.v[c] + v.v[c];
  gdi_store<N>(to, v);
}

/* Sums of dz and of dz (x - mean); and dr. */
template <typename T> struct products {
  enum { SUMS = 2 };
  job<T> j;
  const T *dy;
  T *dr; /* NULL: not wanted */
  bool add_dr;
  template <int N> struct columns {
    const products &f;
    masked<T, N> m;
    gdi_pack<double, N> mean;
    __device__ columns(const products &pass, int64_t c)
        : f(pass), m(pass.j, pass.dy, c), mean(channels<double, N>(pass.j.of(MEAN, c))) {}
    __device__ void add(int64_t i, double sum[SUMS][N]) const {
      const gdi_pack<T, N> x = gdi_load<N>(f.j.x + i), dz = m.dz(i, x);
      for (int c = 0; c < N; c++) {
        const double g = (double)dz.v[c];
        sum[0][c] += g, sum[1][c] += g * ((double)x.v[c] - mean.v[c]);
      }
      if (f.dr) store(f.dr + i, dz, f.add_dr);
    }
  };
};

/* Gradients of what each channel has one of; NULL where not wanted. */
template <typename T> struct of_channels {
  T *dw, *db, *dmean, *dvar;
  bool add_dw, add_db, add_dmean, add_dvar;
  int64_t samples;
  double *slope, *level; /* dx = dz scale + (x - mean) slope + level */
};

template <typename T> static __device__ __forceinline__ void add_to(T *to, T value, bool add) {
  *to = add ? *to + value : value;
}

template <typename T>
static __global__ void find_slopes(job<T> j, of_channels<T> g, const double *part, int64_t chunks) {
  int64_t c;
  double total[2];
  if (!gdi_add_chunks<2>(part, chunks, j.C, &c, total)) return;
  const double rstd = *j.of(RSTD, c), scale = *j.of(SCALE, c), N = (double)j.rows;
  if (g.dw) g.dw[c] = (T)((g.add_dw ? (double)g.dw[c] : 0) + total[1] * rstd);
  if (g.db) g.db[c] = (T)((g.add_db ? (double)g.db[c] : 0) + total[0]);
  g.slope[c] = j.p.training ? -scale * rstd * rstd * total[1] / N : 0;
  g.level[c] = j.p.training ? -scale * total[0] / N : 0;
  if (!j.p.training) return;
  if (g.dmean) add_to(g.dmean + c, (T)g.samples * (j.mean[c] - (T)*j.of(MEAN, c)), g.add_dmean);
  if (g.dvar) add_to(g.dvar + c, (T)g.samples * (j.var[c] - (T)*j.of(UNBIASED, c)), g.add_dvar);
}

template <typename T> struct gradients {
  job<T> j;
  const T *dy;
  T *dx;
  bool add;
  const double *slope, *level;
  template <int N> struct columns {
    const gradients &f;
    masked<T, N> m;
    gdi_pack<T, N> mean, slope, level;
    __device__ columns(const gradients &pass, int64_t c)
        : f(pass), m(pass.j, pass.dy, c), mean(channels<T, N>(pass.j.of(MEAN, c))),
          slope(channels<T, N>(pass.slope + c)), level(channels<T, N>(pass.level + c)) {}
    __device__ void put(int64_t i) const {
      const gdi_pack<T, N> x = gdi_load<N>(f.j.x + i);
      gdi_pack<T, N> dx = m.dz(i, x);
      for (int c = 0; c < N; c++)
        dx.v[c] = dx.v[c] * m.scale.v[c] + (x.v[c] - mean.v[c]) * slope.v[c] + level.v[c];
      store(f.dx + i, dx, f.add);
    }
  };
};

template <typename T> static T *place_of(gd_tensor *const din[], int i) {
  return din[i] ? (T *)din[i]->data : NULL;
}

template <typename T>
static gd_status backward(gd_device *d, const gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  const job<T> j = job_of<T>(n);
  const gdi_area s = gdi_sum_area(j.rows, j.C);
  const T *dy = (const T *)dout->data;
  const bool itself = din[0] && din[0] == din[GDI_BN_RESIDUAL]; /* x is its own residual: dr comes first */
  const products<T> p = {j, dy, place_of<T>(din, GDI_BN_RESIDUAL), add[itself ? 0 : GDI_BN_RESIDUAL]};
  of_channels<T> g = {place_of<T>(din, GDI_BN_WEIGHT),
                      place_of<T>(din, GDI_BN_BIAS),
                      place_of<T>(din, GDI_BN_MEAN),
                      place_of<T>(din, GDI_BN_VAR),
                      add[GDI_BN_WEIGHT],
                      add[GDI_BN_BIAS],
                      add[GDI_BN_MEAN],
                      add[GDI_BN_VAR],
                      n->in[0]->shape[0],
                      NULL,
                      NULL};
  const uintptr_t addresses = (uintptr_t)dy | (uintptr_t)j.x | (uintptr_t)j.y;
  void *memory;
  double *part;
  GD_TRY(gdi_cuda_scratch(d, 2 * j.C, sizeof(double), &memory));
  g.slope = (double *)memory, g.level = g.slope + j.C;
  GD_TRY(sum_chunks<T>(d, p, s, addresses | (uintptr_t)p.dr, &part));
  GD_TRY(gdi_launch(d, "batch_norm's slopes", find_slopes<T>, s.panels, GDI_SUM_COLUMNS * GDI_SUM_ROWS, j, g,
                    part, gdi_sum_chunks(&s)));
  if (!din[0]) return GD_OK;
  const gradients<T> f = {j, dy, (T *)din[0]->data, itself || add[0], g.slope, g.level};
  return gdi_put_columns<T>(d, "batch_norm's gradient", f, j.rows, j.C, addresses | (uintptr_t)f.dx);
}

gd_status gdi_cuda_batch_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout,
                                       gd_tensor *const din[], const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st =
      dout->dtype == GD_F64 ? backward<double>(d, n, dout, din, add) : backward<float>(d, n, dout, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

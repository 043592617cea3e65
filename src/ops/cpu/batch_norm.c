/*
 * y = act(xhat w + b + r),  xhat = (x - mean) rstd,  rstd = 1 / sqrt(var + eps)
 *
 * training   mean and var are those of the N rows of x; the running ones are only told:
 *            d running = samples (running - value), value the mean or the variance with N - 1
 * backward   dz = dy act'(y);  db = sum dz;  dw = sum dz xhat;  dr = dz;
 *            dx = w rstd (dz - db / N - xhat dw / N);  not training: dx = w rstd dz
 *
 * Two passes over the data each way; z, of which act' needs the sign, is computed again from x where there is no residual,
 * which costs less than reading y. Sums are in f64, over fixed chunks, added in their order. Few channels are widened: a
 * row of W = k C columns is k rows of x, so that inner loops are long; column i is channel i % C.
 */
#include <math.h>
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/batch_norm.h"
#include "ops/cpu/cpu.h"
#include "ops/cpu/track.h"

enum { WIDE = 128 };

/* How the sign of z is known: there is no activation, by z from x, by y. */
typedef enum mask { NO_MASK, MASK_Z, MASK_Y } mask;

typedef struct job {
  const gdi_batch_norm *p;
  int64_t n, C, W, chunk, chunks; /* elements; of a chunk, whole rows of W */
  const void *x, *y, *dy, *r;
  void *out, *dx, *dr;
  bool add_dx, add_dr;
  mask mask;
  const double *mean; /* [W] also the value that sums begin from */
  double *part;       /* [chunks, 2, W] */
  void *scale, *shift, *centre, *along,
      *level; /* [W] of x's type: z = x scale + shift; dx = dz scale + (x - centre) along + level */
} job;

#define KERNELS(suffix, type, unused)                                                                        \
  /* sums of x - mean and of its square */                                                                   \
  static void moments_##suffix(void *context, int64_t lo, int64_t hi) {                                      \
    const job *j = context;                                                                                  \
    const double *restrict mean = j->mean;                                                                   \
    double *restrict sum = j->part + lo / j->chunk * 2 * j->W, *restrict squares = sum + j->W;               \
    memset(sum, 0, (size_t)(2 * j->W) * sizeof *sum);                                                        \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at;                                                      \
      const int64_t width = hi - at < j->W ? hi - at : j->W;                                                 \
      GDI_SIMD for (int64_t i = 0; i < width; i++) {                                                         \
        const double v = (double)x[i] - mean[i];                                                             \
        sum[i] += v, squares[i] += v * v;                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void apply_##suffix(void *context, int64_t lo, int64_t hi) {                                        \
    const job *j = context;                                                                                  \
    const type *restrict scale = j->scale, *restrict shift = j->shift;                                       \
    const bool relu = j->p->act == GD_ACT_RELU;                                                              \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at, *restrict r = j->r ? (const type *)j->r + at : NULL; \
      type *restrict y = (type *)j->out + at;                                                                \
      const int64_t width = hi - at < j->W ? hi - at : j->W;                                                 \
      if (r) {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < width; i++) y[i] = x[i] * scale[i] + shift[i] + r[i];               \
      } else {                                                                                               \
        GDI_SIMD for (int64_t i = 0; i < width; i++) y[i] = x[i] * scale[i] + shift[i];                      \
      }                                                                                                      \
      if (relu) GDI_SIMD for (int64_t i = 0; i < width; i++) y[i] = y[i] < 0 ? 0 : y[i];                     \
    }                                                                                                        \
  }                                                                                                          \
  /* sums of dz and of dz (x - mean) */                                                                      \
  static inline __attribute__((always_inline)) void products_of_##suffix(const job *j, int64_t lo,           \
                                                                         int64_t hi, mask m) {               \
    const double *restrict mean = j->mean;                                                                   \
    const type *restrict scale = j->scale, *restrict shift = j->shift;                                       \
    double *restrict sum = j->part + lo / j->chunk * 2 * j->W, *restrict along = sum + j->W;                 \
    memset(sum, 0, (size_t)(2 * j->W) * sizeof *sum);                                                        \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at, *restrict y = (const type *)j->y + at,               \
                           *restrict dy = (const type *)j->dy + at;                                          \
      const int64_t width = hi - at < j->W ? hi - at : j->W;                                                 \
      GDI_SIMD for (int64_t i = 0; i < width; i++) {                                                         \
        const bool on = m == NO_MASK || (m == MASK_Y ? y[i] : x[i] * scale[i] + shift[i]) > 0;               \
        const double dz = on ? (double)dy[i] : 0;                                                            \
        sum[i] += dz, along[i] += dz * ((double)x[i] - mean[i]);                                             \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void products_##suffix(void *context, int64_t lo, int64_t hi) {                                     \
    const job *j = context;                                                                                  \
    if (j->mask == NO_MASK)                                                                                  \
      products_of_##suffix(j, lo, hi, NO_MASK);                                                              \
    else if (j->mask == MASK_Z)                                                                              \
      products_of_##suffix(j, lo, hi, MASK_Z);                                                               \
    else                                                                                                     \
      products_of_##suffix(j, lo, hi, MASK_Y);                                                               \
  }                                                                                                          \
  static inline __attribute__((always_inline)) void gradients_of_##suffix(const job *j, int64_t lo,          \
                                                                          int64_t hi, mask m) {              \
    const type *restrict scale = j->scale, *restrict shift = j->shift, *restrict centre = j->centre,         \
                         *restrict along = j->along, *restrict level = j->level;                             \
    for (int64_t at = lo; at < hi; at += j->W) {                                                             \
      const type *restrict x = (const type *)j->x + at, *restrict y = (const type *)j->y + at,               \
                           *restrict dy = (const type *)j->dy + at;                                          \
      type dz[WIDE], own[WIDE], *dr = j->dr ? (type *)j->dr + at : NULL;                                     \
      const int64_t width = hi - at < j->W ? hi - at : j->W;                                                 \
      for (int64_t from = 0; from < width; from += WIDE) {                                                   \
        const int64_t n = width - from < WIDE ? width - from : WIDE;                                         \
        type *dx = j->dx ? (type *)j->dx + at + from : own;                                                  \
        const type *restrict px = x + from;                                                                  \
        GDI_SIMD for (int64_t i = 0; i < n; i++) {                                                           \
          const bool on =                                                                                    \
              m == NO_MASK || (m == MASK_Y ? y[from + i] : px[i] * scale[from + i] + shift[from + i]) > 0;   \
          dz[i] = on ? dy[from + i] : 0;                                                                     \
        }                                                                                                    \
        GDI_SIMD for (int64_t i = 0; i < n; i++) own[i] =                                                    \
            dz[i] * scale[from + i] + (px[i] - centre[from + i]) * along[from + i] + level[from + i];        \
        if (j->dx && j->add_dx) {                                                                            \
          GDI_SIMD for (int64_t i = 0; i < n; i++) dx[i] += own[i];                                          \
        } else if (j->dx) {                                                                                  \
          memcpy(dx, own, (size_t)n * sizeof *dx);                                                           \
        }                                                                                                    \
        if (dr && j->add_dr) {                                                                               \
          GDI_SIMD for (int64_t i = 0; i < n; i++) dr[from + i] += dz[i];                                    \
        } else if (dr) {                                                                                     \
          memcpy(dr + from, dz, (size_t)n * sizeof *dr);                                                     \
        }                                                                                                    \
      }                                                                                                      \
    }                                                                                                        \
  }                                                                                                          \
  static void gradients_##suffix(void *context, int64_t lo, int64_t hi) {                                    \
    const job *j = context;                                                                                  \
    if (j->mask == NO_MASK)                                                                                  \
      gradients_of_##suffix(j, lo, hi, NO_MASK);                                                             \
    else if (j->mask == MASK_Z)                                                                              \
      gradients_of_##suffix(j, lo, hi, MASK_Z);                                                              \
    else                                                                                                     \
      gradients_of_##suffix(j, lo, hi, MASK_Y);                                                              \
  }
GDI_FLOAT_TYPES(KERNELS, )

static const struct {
  gdi_chunk moments, apply, products, gradients;
} table[] = {{moments_f32, apply_f32, products_f32, gradients_f32},
             {moments_f64, apply_f64, products_f64, gradients_f64}};

/* ---- rows of W columns */

static gd_status begin(gd_device *d, const gd_node *n, job *j) {
  const gd_tensor *x = n->in[0];
  *j = (job){.p = n->params, .n = gd_numel(x), .C = x->shape[x->ndim - 1], .x = x->data};
  const int64_t k = j->C < WIDE ? WIDE / j->C : 1;
  j->W = k * j->C;
  j->chunk = j->W < GDI_GRAIN ? GDI_GRAIN / j->W * j->W : j->W;
  j->chunks = (j->n + j->chunk - 1) / j->chunk;
  void *memory;
  GD_TRY(gdi_scratch(d, (j->chunks + 1) * 2 * j->W, sizeof(double), &memory));
  j->part = memory;
  return GD_OK;
}

static gd_status wide(gd_device *d, const job *j, gd_dtype type, void *out) {
  return gdi_scratch(d, j->W, gd_dtype_bytes(type), out);
}

/* The sums of both halves of the parts, each chunk's after the one before, as [2, C]. */
static void add_parts(const job *j, double *sum, double *other) {
  double *total = j->part + j->chunks * 2 * j->W;
  memset(total, 0, (size_t)(2 * j->W) * sizeof *total);
  for (int64_t k = 0; k < j->chunks; k++)
    GDI_SIMD for (int64_t i = 0; i < 2 * j->W; i++) total[i] += j->part[k * 2 * j->W + i];
  memset(sum, 0, (size_t)j->C * sizeof *sum), memset(other, 0, (size_t)j->C * sizeof *other);
  for (int64_t i = 0; i < j->W; i++) sum[i % j->C] += total[i], other[i % j->C] += total[j->W + i];
}

static void widen(const job *j, gd_dtype type, const double *from, void *to) {
  for (int64_t i = 0; i < j->W; i++)
    if (type == GD_F64)
      ((double *)to)[i] = from[i % j->C];
    else
      ((float *)to)[i] = (float)from[i % j->C];
}

static double channel(const gd_tensor *v, int64_t c, double otherwise) {
  return v ? gdi_value_at(v, c) : otherwise;
}

/* What forward keeps, [3, C] in f64: the mean, 1 / sqrt(var + eps), the variance with N - 1. */
typedef struct moments {
  double *mean, *rstd, *unbiased;
} moments;

static moments moments_of(const gd_node *n, int64_t C) {
  double *all = n->saved[0]->data;
  return (moments){all, all + C, all + 2 * C};
}

/* z = x scale + shift */
static gd_status find_scale(gd_device *d, const gd_node *n, job *j) {
  const gd_dtype type = n->out->dtype;
  const moments m = moments_of(n, j->C);
  double *scale, *shift;
  void *memory;
  GD_TRY(gdi_scratch(d, 2 * j->C, sizeof(double), &memory));
  scale = memory, shift = scale + j->C;
  for (int64_t c = 0; c < j->C; c++) {
    scale[c] = m.rstd[c] * channel(n->in[GDI_BN_WEIGHT], c, 1);
    shift[c] = channel(n->in[GDI_BN_BIAS], c, 0) - m.mean[c] * scale[c];
  }
  GD_TRY(wide(d, j, type, &j->scale));
  GD_TRY(wide(d, j, type, &j->shift));
  widen(j, type, scale, j->scale), widen(j, type, shift, j->shift);
  return GD_OK;
}

/* ---- forward */

static gd_status measure(gd_device *d, const gd_node *n, job *j, moments m) {
  const gd_tensor *x = n->in[0];
  void *start;
  GD_TRY(wide(d, j, GD_F64, &start));
  for (int64_t i = 0; i < j->W; i++) ((double *)start)[i] = gdi_value_at(x, i % j->C);
  j->mean = start;
  gdi_parallel(d, j->n, j->chunk, table[gdi_is_f64(x->dtype)].moments, j);
  add_parts(j, m.mean, m.rstd);
  const double N = (double)(j->n / j->C);
  for (int64_t c = 0; c < j->C; c++) {
    const double off = m.mean[c] / N, squares = m.rstd[c] - N * off * off, sum = squares < 0 ? 0 : squares;
    m.mean[c] = j->mean[c] + off;
    m.rstd[c] = 1 / sqrt(sum / N + j->p->eps);
    m.unbiased[c] = sum / (N - 1);
  }
  return GD_OK;
}

static gd_status forward(gd_device *d, gd_node *n) {
  job j;
  GD_TRY(begin(d, n, &j));
  GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, GD_SHAPE(3, j.C)));
  const moments m = moments_of(n, j.C);
  if (j.p->training) GD_TRY(measure(d, n, &j, m));
  for (int64_t c = 0; c < j.C && !j.p->training; c++) {
    m.mean[c] = gdi_value_at(n->in[GDI_BN_MEAN], c);
    m.rstd[c] = 1 / sqrt(gdi_value_at(n->in[GDI_BN_VAR], c) + j.p->eps);
  }
  GD_TRY(find_scale(d, n, &j));
  j.r = n->in[GDI_BN_RESIDUAL] ? n->in[GDI_BN_RESIDUAL]->data : NULL;
  j.out = n->out->data;
  gdi_parallel(d, j.n, j.chunk, table[gdi_is_f64(n->out->dtype)].apply, &j);
  return GD_OK;
}

gd_status gdi_cpu_batch_norm_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* ---- backward */

/* dx = dz scale + (x - centre) along + level */
static gd_status find_slopes(gd_device *d, const gd_node *n, job *j, const double *sum, const double *along) {
  const gd_dtype type = n->out->dtype;
  const moments m = moments_of(n, j->C);
  const double N = (double)(j->n / j->C);
  void *memory;
  GD_TRY(gdi_scratch(d, 2 * j->C, sizeof(double), &memory));
  double *slope = memory, *level = slope + j->C;
  for (int64_t c = 0; c < j->C; c++) {
    const double scale = m.rstd[c] * channel(n->in[GDI_BN_WEIGHT], c, 1);
    slope[c] = j->p->training ? -scale * m.rstd[c] * m.rstd[c] * along[c] / N : 0;
    level[c] = j->p->training ? -scale * sum[c] / N : 0;
  }
  GD_TRY(wide(d, j, type, &j->centre));
  GD_TRY(wide(d, j, type, &j->along));
  GD_TRY(wide(d, j, type, &j->level));
  widen(j, type, m.mean, j->centre), widen(j, type, slope, j->along), widen(j, type, level, j->level);
  return GD_OK;
}

static void put_channels(gd_tensor *to, const double *from, const double *factor, bool add) {
  for (int64_t c = 0; to && c < to->shape[0]; c++)
    gdi_put_at(to, c, (add ? gdi_value_at(to, c) : 0) + from[c] * (factor ? factor[c] : 1));
}

static void tell_statistics(const gd_node *n, int64_t C, gd_tensor *const din[], const bool add[]) {
  const moments m = moments_of(n, C);
  const int64_t samples = n->in[0]->shape[0];
  if (din[GDI_BN_MEAN])
    gdi_cpu_follow(n->in[GDI_BN_MEAN], m.mean, samples, din[GDI_BN_MEAN], add[GDI_BN_MEAN]);
  if (din[GDI_BN_VAR])
    gdi_cpu_follow(n->in[GDI_BN_VAR], m.unbiased, samples, din[GDI_BN_VAR], add[GDI_BN_VAR]);
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  job j;
  void *memory;
  gd_tensor *const dr = din[GDI_BN_RESIDUAL];
  const int f64 = gdi_is_f64(dout->dtype);
  GD_TRY(begin(d, n, &j));
  GD_TRY(find_scale(d, n, &j));
  j.dy = dout->data, j.y = n->out->data;
  j.mask = j.p->act == GD_ACT_NONE ? NO_MASK : n->in[GDI_BN_RESIDUAL] ? MASK_Y : MASK_Z;
  const moments m = moments_of(n, j.C);
  GD_TRY(wide(d, &j, GD_F64, &memory));
  widen(&j, GD_F64, m.mean, memory);
  j.mean = memory;
  gdi_parallel(d, j.n, j.chunk, table[f64].products, &j);
  GD_TRY(gdi_scratch(d, 2 * j.C, sizeof(double), &memory));
  double *sum = memory, *along = sum + j.C;
  add_parts(&j, sum, along);
  put_channels(din[GDI_BN_WEIGHT], along, m.rstd, add[GDI_BN_WEIGHT]);
  put_channels(din[GDI_BN_BIAS], sum, NULL, add[GDI_BN_BIAS]);
  if (j.p->training) tell_statistics(n, j.C, din, add);
  if (!din[0] && !dr) return GD_OK;
  GD_TRY(find_slopes(d, n, &j, sum, along));
  j.dx = din[0] ? din[0]->data : NULL, j.add_dx = add[0];
  j.dr = dr ? dr->data : NULL, j.add_dr = add[GDI_BN_RESIDUAL];
  gdi_parallel(d, j.n, j.chunk, table[f64].gradients, &j);
  return GD_OK;
}

gd_status gdi_cpu_batch_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = backward(d, n, dout, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

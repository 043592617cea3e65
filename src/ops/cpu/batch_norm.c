/*
 * y = act(xhat w + b + r),  xhat = (x - mean) rstd,  rstd = 1 / sqrt(var + eps)
 *
 * training: mean and var are those of the N rows of x; each chunk has its own, and they are put together in order (Chan,
 * Golub and LeVeque 1983). A convolution that made x has summed up its chunks already.
 */
#include <math.h>
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/batch_norm_job.h"
#include "ops/cpu/columns.h"
#include "ops/cpu/conv2d.h"

gd_status gdi_cpu_norm_parts(gd_arena *a, int64_t chunks, int64_t C, double **out) {
  *out = gd_arena_alloc(a, (size_t)(chunks * 2 * gdi_columns(C)) * sizeof **out);
  return *out ? GD_OK : GD_ERR_OOM;
}

void gdi_cpu_norm_moments(gd_dtype type, const void *values, int64_t n, int64_t C, double *parts, int64_t k) {
  gdi_cpu_norm_loops(type)->moments(values, n, C, parts + k * 2 * gdi_columns(C));
}

/* Chunks of images are those of convolutions. */
static int64_t chunk_of(const gd_tensor *x, int64_t W) {
  const int64_t images = x->ndim == 4 ? GDI_CONV_IMAGES * x->shape[1] * x->shape[2] * x->shape[3] : 0;
  return images ? images : W < GDI_GRAIN ? GDI_GRAIN / W * W : W;
}

gd_status gdi_cpu_norm_begin(gd_arena *a, const gd_node *n, gdi_norm_job *j) {
  const gd_tensor *x = n->in[0];
  const bool relu = ((const gdi_batch_norm *)n->params)->act == GD_ACT_RELU;
  *j = (gdi_norm_job){.n = gd_numel(x), .C = x->shape[x->ndim - 1], .type = x->dtype, .x = x->data};
  j->mask = !relu ? GDI_NORM_ALL : n->in[GDI_BN_RESIDUAL] ? GDI_NORM_BY_Y : GDI_NORM_BY_Z;
  j->W = gdi_columns(j->C);
  j->chunk = chunk_of(x, j->W);
  j->chunks = (j->n + j->chunk - 1) / j->chunk;
  void **const columns[] = {&j->scale, &j->shift, &j->centre, &j->along, &j->level};
  for (int i = 0; i < 5; i++)
    if (!(*columns[i] = gd_arena_alloc(a, (size_t)j->W * gd_dtype_bytes(j->type)))) return GD_ERR_OOM;
  return gdi_cpu_norm_parts(a, j->chunks, j->C, &j->part);
}

void gdi_cpu_norm_fold(const gdi_norm_job *j, int64_t k, double *sums) {
  const double *part = j->part + k * 2 * j->W;
  memset(sums, 0, (size_t)(2 * j->C) * sizeof *sums);
  for (int64_t i = 0; i < j->W; i++) sums[i % j->C] += part[i], sums[j->C + i % j->C] += part[j->W + i];
}

void gdi_cpu_norm_widen(const gdi_norm_job *j, const double *from, void *to) {
  for (int64_t i = 0; i < j->W; i++)
    if (gdi_is_f64(j->type))
      ((double *)to)[i] = from[i % j->C];
    else
      ((float *)to)[i] = (float)from[i % j->C];
}

gdi_norm_moments gdi_cpu_norm_kept(const gd_node *n, int64_t C) {
  double *all = n->saved[0]->data;
  return (gdi_norm_moments){all, all + C, all + 2 * C};
}

gd_status gdi_cpu_norm_scale(gd_device *d, const gd_node *n, gdi_norm_job *j) {
  const gdi_norm_moments m = gdi_cpu_norm_kept(n, j->C);
  void *memory;
  GD_TRY(gdi_scratch(d, 2 * j->C, sizeof(double), &memory));
  double *scale = memory, *shift = scale + j->C;
  for (int64_t c = 0; c < j->C; c++) {
    scale[c] = m.rstd[c] * gdi_norm_channel(n->in[GDI_BN_WEIGHT], c, 1);
    shift[c] = gdi_norm_channel(n->in[GDI_BN_BIAS], c, 0) - m.mean[c] * scale[c];
  }
  gdi_cpu_norm_widen(j, scale, j->scale), gdi_cpu_norm_widen(j, shift, j->shift);
  return GD_OK;
}

/* ---- forward */

static void moments_chunk(void *context, int64_t lo, int64_t hi) {
  const gdi_norm_job *j = context;
  const char *x = (const char *)j->x + (size_t)lo * gd_dtype_bytes(j->type);
  gdi_cpu_norm_moments(j->type, x, hi - lo, j->C, j->part, lo / j->chunk);
}

static double *moments_of_convolution(const gd_tensor *x) {
  return gdi_is_convolution(x->node) ? ((const gdi_conv2d *)x->node->params)->moments : NULL;
}

/* Chunk k's moments join those of the `rows` before. */
static void join(const gdi_norm_job *j, const gd_tensor *x, int64_t k, const double *sums,
                 gdi_norm_moments m) {
  const int64_t first = k * j->chunk, n = j->n - first < j->chunk ? j->n - first : j->chunk;
  const double before = (double)(first / j->C), rows = (double)(n / j->C), all = before + rows;
  for (int64_t c = 0; c < j->C; c++) {
    const double off = sums[c] / rows, squares = sums[j->C + c] - sums[c] * off,
                 apart = gdi_value_at(x, first + c) + off - m.mean[c];
    m.unbiased[c] += (squares < 0 ? 0 : squares) + apart * apart * before * rows / all;
    m.mean[c] += apart * rows / all;
  }
}

static gd_status measure(gd_device *d, const gd_node *n, gdi_norm_job *j, gdi_norm_moments m) {
  double *const told = moments_of_convolution(n->in[0]);
  void *sums;
  GD_TRY(gdi_scratch(d, 2 * j->C, sizeof(double), &sums));
  if (told)
    j->part = told;
  else
    gdi_parallel(d, j->n, j->chunk, moments_chunk, j);
  memset(m.mean, 0, (size_t)(3 * j->C) * sizeof *m.mean);
  for (int64_t k = 0; k < j->chunks; k++) {
    gdi_cpu_norm_fold(j, k, sums);
    join(j, n->in[0], k, sums, m);
  }
  const double N = (double)(j->n / j->C);
  for (int64_t c = 0; c < j->C; c++) {
    m.rstd[c] = 1 / sqrt(m.unbiased[c] / N + ((const gdi_batch_norm *)n->params)->eps);
    m.unbiased[c] /= N - 1;
  }
  return GD_OK;
}

static gd_status forward(gd_device *d, gd_node *n) {
  const gdi_batch_norm *p = n->params;
  gdi_norm_job j;
  GD_TRY(gdi_cpu_norm_begin(d->scratch, n, &j));
  GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, GD_SHAPE(3, j.C)));
  const gdi_norm_moments m = gdi_cpu_norm_kept(n, j.C);
  if (p->training) GD_TRY(measure(d, n, &j, m));
  for (int64_t c = 0; c < j.C && !p->training; c++) {
    m.mean[c] = gdi_value_at(n->in[GDI_BN_MEAN], c);
    m.rstd[c] = 1 / sqrt(gdi_value_at(n->in[GDI_BN_VAR], c) + p->eps);
  }
  GD_TRY(gdi_cpu_norm_scale(d, n, &j));
  j.r = n->in[GDI_BN_RESIDUAL] ? n->in[GDI_BN_RESIDUAL]->data : NULL;
  j.out = n->out->data;
  gdi_parallel(d, j.n, gdi_row_grain(j.C) * j.C, gdi_cpu_norm_loops(j.type)->apply, &j);
  return GD_OK;
}

gd_status gdi_cpu_batch_norm_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/*
 * y = act(xhat w + b + r),  xhat = (x - mean) rstd,  rstd = 1 / sqrt(var + eps)
 *
 * training   mean and var are those of the N rows of x; the running ones are only told:
 *            d running = samples (running - value), value the mean or the variance with N - 1
 * backward   dz = dy act'(y);  db = sum dz;  dw = sum dz xhat;  dr = dz;
 *            dx = w rstd (dz - db / N - xhat dw / N);  not training: dx = w rstd dz
 *
 * Two passes over the data each way; z, of which act' needs the sign, is computed again from x where there is no residual,
 * which costs less than reading y. Sums of chunks are added in their order.
 */
#include <math.h>
#include <string.h>

#include "ops/cpu/batch_norm_loops.h"
#include "ops/cpu/track.h"
#include "ops/conv2d.h"

/* ---- rows of W columns */

static gd_status begin(gd_device *d, const gd_node *n, gdi_norm_job *j) {
  const gd_tensor *x = n->in[0];
  *j = (gdi_norm_job){
      .p = n->params, .n = gd_numel(x), .C = x->shape[x->ndim - 1], .type = x->dtype, .x = x->data};
  j->mask = j->p->act == GD_ACT_NONE ? GDI_NORM_ALL : n->in[GDI_BN_RESIDUAL] ? GDI_NORM_BY_Y : GDI_NORM_BY_Z;
  const int64_t k = j->C < WIDE ? WIDE / j->C : 1;
  j->W = k * j->C;
  j->chunk = j->W < GDI_GRAIN ? GDI_GRAIN / j->W * j->W : j->W;
  j->chunks = (j->n + j->chunk - 1) / j->chunk;
  void *memory;
  GD_TRY(gdi_scratch(d, (j->chunks + 1) * 2 * j->W, sizeof(double), &memory));
  j->part = memory;
  return GD_OK;
}

static gd_status wide(gd_device *d, const gdi_norm_job *j, gd_dtype type, void *out) {
  return gdi_scratch(d, j->W, gd_dtype_bytes(type), out);
}

/* The sums of both halves of the parts, each chunk's after the one before, as [2, C]. */
static void add_parts(const gdi_norm_job *j, double *sum, double *other) {
  double *total = j->part + j->chunks * 2 * j->W;
  memset(total, 0, (size_t)(2 * j->W) * sizeof *total);
  for (int64_t k = 0; k < j->chunks; k++)
    GDI_SIMD for (int64_t i = 0; i < 2 * j->W; i++) total[i] += j->part[k * 2 * j->W + i];
  memset(sum, 0, (size_t)j->C * sizeof *sum), memset(other, 0, (size_t)j->C * sizeof *other);
  for (int64_t i = 0; i < j->W; i++) sum[i % j->C] += total[i], other[i % j->C] += total[j->W + i];
}

static void widen(const gdi_norm_job *j, gd_dtype type, const double *from, void *to) {
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
static gd_status find_scale(gd_device *d, const gd_node *n, gdi_norm_job *j) {
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

static gd_status measure(gd_device *d, const gd_node *n, gdi_norm_job *j, moments m) {
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
  gdi_norm_job j;
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
static gd_status find_slopes(gd_device *d, const gd_node *n, gdi_norm_job *j, const double *sum,
                             const double *along) {
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

/* Sums over the data, what follows from them, and dr: all but dx, which the slopes in j are for. */
static gd_status prepare(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                         const bool add[], gdi_norm_job *j) {
  void *memory;
  gd_tensor *const dr = din[GDI_BN_RESIDUAL];
  GD_TRY(begin(d, n, j));
  GD_TRY(find_scale(d, n, j));
  j->dy = dout->data, j->y = n->out->data;
  const moments m = moments_of(n, j->C);
  GD_TRY(wide(d, j, GD_F64, &memory));
  widen(j, GD_F64, m.mean, memory);
  j->mean = memory;
  j->dr = dr ? dr->data : NULL, j->add_dr = add[GDI_BN_RESIDUAL], j->add_dx = add[0];
  if (dr && dr == din[0]) j->add_dr = add[0], j->add_dx = true; /* x is its own residual: dr comes first */
  gdi_parallel(d, j->n, j->chunk, table[gdi_is_f64(j->type)].products, j);
  GD_TRY(gdi_scratch(d, 2 * j->C, sizeof(double), &memory));
  double *sum = memory, *along = sum + j->C;
  add_parts(j, sum, along);
  put_channels(din[GDI_BN_WEIGHT], along, m.rstd, add[GDI_BN_WEIGHT]);
  put_channels(din[GDI_BN_BIAS], sum, NULL, add[GDI_BN_BIAS]);
  if (j->p->training) tell_statistics(n, j->C, din, add);
  return find_slopes(d, n, j, sum, along);
}

static void gradient_chunks(void *context, int64_t lo, int64_t hi) {
  const gdi_norm_job *j = context;
  char *to = (char *)j->dx + (size_t)lo * gd_dtype_bytes(j->type);
  table[gdi_is_f64(j->type)].gradients(j, lo, hi, to, j->add_dx);
}

void gdi_cpu_norm_gradient(const gdi_norm_job *j, int64_t first, int64_t n, void *to) {
  table[gdi_is_f64(j->type)].gradients(j, first, first + n, to, false);
}

/*
 * Does a convolution alone wait for the gradient of x? Then it gets the slopes, copied to where they last, and computes that
 * gradient itself; dx is not written. Its memory and dy's change places, for dy must last as long as a gradient of x would;
 * both are of this tape's arena, or they stay.
 */
static gd_status leave_to_convolution(gd_node *n, const gdi_norm_job *j, gd_tensor *dx, const bool add[],
                                      bool *left) {
  const gd_tensor *x = n->in[0];
  gd_tensor *dy = n->out->grad;
  *left = x->node && x->uses == 1 && !add[0] && !j->add_dx && j->dy == dy->data && dy->arena == n->arena &&
          dx->arena == n->arena &&
          (x->node->op == &gdi_op_conv2d || x->node->op == &gdi_op_conv_transpose2d) &&
          ((const gdi_conv2d *)x->node->params)->act == GD_ACT_NONE;
  if (!*left) return GD_OK;
  const size_t bytes = (size_t)j->W * gd_dtype_bytes(j->type);
  gdi_norm_job *kept = gd_arena_alloc(n->arena, sizeof *kept);
  char *values = gd_arena_alloc(n->arena, 5 * bytes);
  if (!kept || !values) return GD_ERR_OOM;
  *kept = *j;
  void **const list[] = {&kept->scale, &kept->shift, &kept->centre, &kept->along, &kept->level};
  for (int i = 0; i < 5; i++) *list[i] = memcpy(values + (size_t)i * bytes, *list[i], bytes);
  gdi_conv2d *conv = x->node->params;
  conv->norm = kept, conv->norm_backward_id = n->backward_id;
  void *const unused = dx->data;
  dx->data = dy->data, dy->data = unused;
  return GD_OK;
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  gdi_norm_job j;
  bool left;
  GD_TRY(prepare(d, n, dout, din, add, &j));
  if (!din[0]) return GD_OK;
  GD_TRY(leave_to_convolution(n, &j, din[0], add, &left));
  if (left) return GD_OK;
  j.dx = din[0]->data;
  gdi_parallel(d, j.n, j.chunk, gradient_chunks, &j);
  return GD_OK;
}

gd_status gdi_cpu_batch_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = backward(d, n, dout, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

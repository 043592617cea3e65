/*
 * y = xhat w + b,  xhat = (x - mean) rstd,  rstd = 1 / sqrt(var + eps), of the n elements of a sample's group
 * db = sum dy;  dw = sum dy xhat;  dx = rstd (w dy - sum(w dy) / n - xhat sum(w dy xhat) / n), sums over the group
 *
 * A sample is one thread's work, and to the loops of batch norm a chunk whose channels have their own mean and variance:
 * those of their group.
 */
#include <math.h>

#include "device/cpu/threads.h"
#include "ops/cpu/batch_norm_job.h"
#include "ops/cpu/columns.h"
#include "ops/group_norm.h"

typedef struct job {
  const gd_node *n;
  gdi_grouped s;
  gd_dtype type;
  int64_t W;
  double *mean, *rstd; /* [B,G], kept for backward */
  char *columns;       /* [B,5,W] of x's type: see gdi_norm_job */
  double *part, *sums; /* [B,2,W], [B,4,C]: sums of channels, and room for numbers of channels */
  const gd_tensor *dy;
  gd_tensor *dx;
  bool add;
} job;

static gd_status begin(gd_device *d, gd_node *n, job *j) {
  const gdi_grouped s = gdi_grouped_of(n);
  void *memory;
  *j = (job){.n = n, .s = s, .type = n->out->dtype, .W = gdi_columns(s.C)};
  if (!n->saved[0]) GD_TRY(gd_node_temporary(&n->saved[0], n, GD_F64, GD_SHAPE(2, s.B, s.G)));
  j->mean = n->saved[0]->data, j->rstd = j->mean + s.B * s.G;
  GD_TRY(gdi_scratch(d, s.B * 5 * j->W, gd_dtype_bytes(j->type), &memory));
  j->columns = memory;
  GD_TRY(gdi_scratch(d, s.B * (2 * j->W + 4 * s.C), sizeof(double), &memory));
  j->part = memory, j->sums = j->part + s.B * 2 * j->W;
  return GD_OK;
}

/* Sample b as a chunk of its own; mask: dz is dy. */
static gdi_norm_job chunk_of(const job *j, int64_t b) {
  const size_t bytes = gd_dtype_bytes(j->type);
  const int64_t n = j->s.P * j->s.C;
  gdi_norm_job k = {.n = n,
                    .C = j->s.C,
                    .W = j->W,
                    .type = j->type,
                    .mask = GDI_NORM_ALL,
                    .part = j->part + b * 2 * j->W,
                    .x = (const char *)j->n->in[0]->data + (size_t)(b * n) * bytes};
  void **const columns[] = {&k.scale, &k.shift, &k.centre, &k.along, &k.level};
  for (int i = 0; i < 5; i++) *columns[i] = j->columns + (size_t)((b * 5 + i) * j->W) * bytes;
  return k;
}

static double weight_of(const job *j, int64_t c) {
  return gdi_norm_channel(j->n->in[GDI_GN_WEIGHT], c, 1);
}

/* ---- forward */

/* Of a group, from those of its channels: sums of x - x_0 and of its square, x_0 the channel's first value. */
static void find_moments(const job *j, int64_t b, int64_t g, const double *sums) {
  const gdi_grouped s = j->s;
  const gd_tensor *x = j->n->in[0];
  const double P = (double)s.P;
  double mean = 0, squares = 0;
  for (int64_t c = g * s.D; c < (g + 1) * s.D; c++)
    mean += (gdi_value_at(x, b * s.P * s.C + c) + sums[c] / P) / (double)s.D;
  for (int64_t c = g * s.D; c < (g + 1) * s.D; c++) {
    const double off = sums[c] / P, apart = gdi_value_at(x, b * s.P * s.C + c) + off - mean;
    squares += sums[s.C + c] - sums[c] * off + P * apart * apart;
  }
  const double var = squares < 0 ? 0 : squares / (P * (double)s.D);
  j->mean[b * s.G + g] = mean;
  j->rstd[b * s.G + g] = 1 / sqrt(var + ((const gdi_group_norm *)j->n->params)->eps);
}

static void forward(void *context, int64_t lo, int64_t hi) {
  const job *j = context;
  const gdi_norm_loops *loops = gdi_cpu_norm_loops(j->type);
  for (int64_t b = lo; b < hi; b++) {
    gdi_norm_job k = chunk_of(j, b);
    double *sums = j->sums + b * 4 * k.C, *scale = sums + 2 * k.C, *shift = scale + k.C;
    loops->moments(k.x, k.n, k.C, k.part);
    gdi_cpu_norm_fold(&k, 0, sums);
    for (int64_t g = 0; g < j->s.G; g++) find_moments(j, b, g, sums);
    for (int64_t c = 0; c < k.C; c++) {
      const int64_t g = b * j->s.G + c / j->s.D;
      scale[c] = j->rstd[g] * weight_of(j, c);
      shift[c] = gdi_norm_channel(j->n->in[GDI_GN_BIAS], c, 0) - j->mean[g] * scale[c];
    }
    gdi_cpu_norm_widen(&k, scale, k.scale), gdi_cpu_norm_widen(&k, shift, k.shift);
    k.out = (char *)j->n->out->data + (size_t)(b * k.n) * gd_dtype_bytes(j->type);
    loops->apply(&k, 0, k.n);
  }
}

gd_status gdi_cpu_group_norm_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  job j;
  const gd_status st = begin(d, n, &j);
  if (st == GD_OK) gdi_parallel(d, j.s.B, 1, forward, &j);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* ---- backward */

/* dx = dy scale + (x - centre) along + level, from the sums of dy and of dy (x - mean) of the sample's channels */
static void find_slopes(const job *j, int64_t b, const gdi_norm_job *k, const double *sums, double *room) {
  const gdi_grouped s = j->s;
  const double n = (double)(s.P * s.D);
  double *along = room, *level = room + s.C;
  for (int64_t g = 0; g < s.G; g++) {
    const double rstd = j->rstd[b * s.G + g];
    double all = 0, slope = 0;
    for (int64_t c = g * s.D; c < (g + 1) * s.D; c++)
      all += weight_of(j, c) * sums[c], slope += weight_of(j, c) * sums[s.C + c];
    for (int64_t c = g * s.D; c < (g + 1) * s.D; c++)
      along[c] = -rstd * rstd * rstd * slope / n, level[c] = -rstd * all / n;
  }
  gdi_cpu_norm_widen(k, along, k->along), gdi_cpu_norm_widen(k, level, k->level);
  for (int64_t c = 0; c < s.C; c++) room[c] = weight_of(j, c) * j->rstd[b * s.G + c / s.D];
  gdi_cpu_norm_widen(k, room, k->scale);
}

static void backward(void *context, int64_t lo, int64_t hi) {
  const job *j = context;
  const gdi_norm_loops *loops = gdi_cpu_norm_loops(j->type);
  const size_t bytes = gd_dtype_bytes(j->type);
  for (int64_t b = lo; b < hi; b++) {
    gdi_norm_job k = chunk_of(j, b);
    double *sums = j->sums + b * 4 * k.C, *mean = sums + 2 * k.C;
    for (int64_t c = 0; c < k.C; c++) mean[c] = j->mean[b * j->s.G + c / j->s.D];
    gdi_cpu_norm_widen(&k, mean, k.centre);
    k.shift = k.scale; /* neither is looked at where dz is dy */
    k.dy = (const char *)j->dy->data + (size_t)(b * k.n) * bytes, k.dz = (void *)k.dy;
    loops->products(&k, 0, k.n, k.part);
    gdi_cpu_norm_fold(&k, 0, sums);
    for (int64_t c = 0; c < k.C && j->type == GD_F32; c++) /* `centre` is a rounded mean */
      sums[k.C + c] -= (mean[c] - (double)(float)mean[c]) * sums[c];
    if (!j->dx) continue;
    find_slopes(j, b, &k, sums, mean);
    loops->gradients(&k, 0, k.n, (char *)j->dx->data + (size_t)(b * k.n) * bytes, j->add);
  }
}

/* Over the samples in their order; of dw each sum has its group's rstd. */
static void add_samples(const job *j, gd_tensor *to, bool of_weight, bool add) {
  for (int64_t c = 0; to && c < j->s.C; c++) {
    double sum = add ? gdi_value_at(to, c) : 0;
    for (int64_t b = 0; b < j->s.B; b++) {
      const double *sums = j->sums + b * 4 * j->s.C;
      sum += of_weight ? sums[j->s.C + c] * j->rstd[b * j->s.G + c / j->s.D] : sums[c];
    }
    gdi_put_at(to, c, sum);
  }
}

gd_status gdi_cpu_group_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  job j;
  const gd_status st = begin(d, n, &j);
  if (st == GD_OK) {
    j.dy = dout, j.dx = din[0], j.add = add[0];
    gdi_parallel(d, j.s.B, 1, backward, &j);
    add_samples(&j, din[GDI_GN_WEIGHT], true, add[GDI_GN_WEIGHT]);
    add_samples(&j, din[GDI_GN_BIAS], false, add[GDI_GN_BIAS]);
  }
  gd_arena_release(d->scratch, mark);
  return st;
}

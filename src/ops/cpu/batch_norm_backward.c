/*
 * dz = dy act'(y);  db = sum dz;  dw = sum dz xhat;  dr = dz;
 * dx = w rstd (dz - db / N - xhat dw / N);  not training: dx = w rstd dz
 * d running = samples (running - value), value the mean or the variance with N - 1
 *
 * dz takes the place of dy where that memory is this tape's. The convolution behind, which completes dy, makes dz and the
 * sums; the one in front makes dx, chunk by chunk, and reads dz where it is.
 */
#include "device/cpu/threads.h"
#include "ops/cpu/batch_norm_job.h"
#include "ops/cpu/conv2d.h"
#include "ops/cpu/track.h"

static gd_status begin(gd_device *d, const gd_node *n, gdi_norm_job *j) {
  GD_TRY(gdi_cpu_norm_begin(n->arena, n, j));
  GD_TRY(gdi_cpu_norm_scale(d, n, j));
  gdi_cpu_norm_widen(j, gdi_cpu_norm_kept(n, j->C).mean, j->centre);
  j->y = n->out->data;
  return GD_OK;
}

void gdi_cpu_norm_products(const gdi_norm_job *j, int64_t first, int64_t n) {
  gdi_cpu_norm_loops(j->type)->products(j, first, first + n, j->part + first / j->chunk * 2 * j->W);
}

static void products_chunk(void *context, int64_t lo, int64_t hi) {
  gdi_cpu_norm_products(context, lo, hi - lo);
}

gd_status gdi_cpu_norm_behind(gd_device *d, const gd_tensor *x, gd_tensor *dx, gdi_norm_job **out) {
  gd_node *const n = x->node;
  *out = NULL;
  if (!n || n->op != &gdi_op_batch_norm || x->uses != 1 || !dx || dx->arena != n->arena) return GD_OK;
  if (!(*out = gd_arena_alloc(n->arena, sizeof **out))) return GD_ERR_OOM;
  GD_TRY(begin(d, n, *out));
  (*out)->dy = (*out)->dz = dx->data;
  gdi_batch_norm *p = n->params;
  p->job = *out, p->job_backward_id = n->backward_id;
  return GD_OK;
}

/* dz and its sums, from the convolution behind or here. */
static gd_status products(gd_device *d, const gd_node *n, const gd_tensor *dout, gdi_norm_job **out) {
  const gdi_batch_norm *p = n->params;
  const bool ours = dout->arena == n->arena && !gdi_is_one(d, dout);
  if (p->job && p->job_backward_id == n->backward_id) {
    *out = p->job;
    return GD_OK;
  }
  gdi_norm_job *j = *out = gd_arena_alloc(n->arena, sizeof *j);
  if (!j) return GD_ERR_OOM;
  GD_TRY(begin(d, n, j));
  j->dy = dout->data, j->dz = dout->data;
  if (!ours && j->mask != GDI_NORM_ALL && !(j->dz = gd_arena_alloc(n->arena, gd_tensor_bytes(dout))))
    return GD_ERR_OOM;
  gdi_parallel(d, j->n, j->chunk, products_chunk, j);
  return GD_OK;
}

/* dx = dz scale + (x - centre) along + level, from the sums [2, C] of dz and of dz (x - mean) */
static gd_status find_slopes(gd_device *d, const gd_node *n, gdi_norm_job *j, const double *sums) {
  const bool training = ((const gdi_batch_norm *)n->params)->training;
  const gdi_norm_moments m = gdi_cpu_norm_kept(n, j->C);
  const double N = (double)(j->n / j->C);
  void *memory;
  GD_TRY(gdi_scratch(d, 2 * j->C, sizeof(double), &memory));
  double *slope = memory, *level = slope + j->C;
  for (int64_t c = 0; c < j->C; c++) {
    const double scale = m.rstd[c] * gdi_norm_channel(n->in[GDI_BN_WEIGHT], c, 1);
    slope[c] = training ? -scale * m.rstd[c] * m.rstd[c] * sums[j->C + c] / N : 0;
    level[c] = training ? -scale * sums[c] / N : 0;
  }
  gdi_cpu_norm_widen(j, slope, j->along), gdi_cpu_norm_widen(j, level, j->level);
  return GD_OK;
}

static gd_status add_parts(gd_device *d, const gd_node *n, const gdi_norm_job *j, double **out) {
  void *memory;
  GD_TRY(gdi_scratch(d, 4 * j->C, sizeof(double), &memory));
  double *sums = *out = memory, *part = sums + 2 * j->C;
  for (int64_t c = 0; c < 2 * j->C; c++) sums[c] = 0;
  for (int64_t k = 0; k < j->chunks; k++) {
    gdi_cpu_norm_fold(j, k, part);
    for (int64_t c = 0; c < 2 * j->C; c++) sums[c] += part[c];
  }
  const double *mean = gdi_cpu_norm_kept(n, j->C).mean; /* of which `centre` is a rounded one */
  for (int64_t c = 0; c < j->C; c++)
    if (j->type == GD_F32) sums[j->C + c] -= (mean[c] - (double)(float)mean[c]) * sums[c];
  return GD_OK;
}

static void put_channels(gd_tensor *to, const double *from, const double *factor, bool add) {
  for (int64_t c = 0; to && c < to->shape[0]; c++)
    gdi_put_at(to, c, (add ? gdi_value_at(to, c) : 0) + from[c] * (factor ? factor[c] : 1));
}

static void tell_statistics(const gd_node *n, int64_t C, gd_tensor *const din[], const bool add[]) {
  const gdi_norm_moments m = gdi_cpu_norm_kept(n, C);
  const int64_t samples = n->in[0]->shape[0];
  if (din[GDI_BN_MEAN])
    gdi_cpu_follow(n->in[GDI_BN_MEAN], m.mean, samples, din[GDI_BN_MEAN], add[GDI_BN_MEAN]);
  if (din[GDI_BN_VAR])
    gdi_cpu_follow(n->in[GDI_BN_VAR], m.unbiased, samples, din[GDI_BN_VAR], add[GDI_BN_VAR]);
}

/* ---- dx and dr */

static void swap(void **a, void **b) {
  void *const kept = *a;
  *a = *b, *b = kept;
}

/*
 * Does the convolution that made x alone wait for the gradient of x? Then it computes that gradient itself, and dx is not
 * written: dx and dy change places, for dz must last as long as a gradient of x would.
 */
static bool leave_to_convolution(gd_node *n, gdi_norm_job *j, gd_tensor *dx, const bool add[]) {
  const gd_tensor *x = n->in[0];
  gd_tensor *dy = n->out->grad;
  if (!gdi_is_convolution(x->node) || ((const gdi_conv2d *)x->node->params)->act != GD_ACT_NONE) return false;
  if (x->uses != 1 || add[0] || j->dz != dy->data || dy->arena != n->arena || dx->arena != n->arena)
    return false;
  gdi_conv2d *conv = x->node->params;
  conv->norm = j, conv->norm_backward_id = n->backward_id;
  swap(&dx->data, &dy->data);
  return true;
}

/*
 * dr = dz. Where a convolution reads dz next, before anything can be added to dr, they are the same memory: what dr had is
 * that of the convolution's gradient from then on.
 */
static void put_residual(gd_device *d, gd_node *n, gdi_norm_job *j, gd_tensor *dr, bool add, bool left) {
  if (!dr) return;
  if (left && !add && dr->arena == n->arena && n->previous == n->in[0]->node) {
    j->unused = dr->data;
    dr->data = j->dz;
  } else {
    gdi_cpu_put(d, j->type, j->n, dr->data, j->dz, add);
  }
}

void gdi_cpu_norm_done(const gdi_norm_job *j, gd_tensor *dy) {
  if (j->unused) dy->data = j->unused;
}

void gdi_cpu_norm_gradient(const gdi_norm_job *j, int64_t first, int64_t n, void *to) {
  gdi_cpu_norm_loops(j->type)->gradients(j, first, first + n, to, false);
}

static void gradient_chunks(void *context, int64_t lo, int64_t hi) {
  const gdi_norm_job *j = context;
  char *to = (char *)j->dx + (size_t)lo * gd_dtype_bytes(j->type);
  gdi_cpu_norm_loops(j->type)->gradients(j, lo, hi, to, j->add_dx);
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  gd_tensor *const dx = din[0], *const dr = din[GDI_BN_RESIDUAL];
  const bool itself = dr && dr == dx; /* x is its own residual: dr comes first */
  gdi_norm_job *j;
  double *sums;
  GD_TRY(products(d, n, dout, &j));
  GD_TRY(add_parts(d, n, j, &sums));
  put_channels(din[GDI_BN_WEIGHT], sums + j->C, gdi_cpu_norm_kept(n, j->C).rstd, add[GDI_BN_WEIGHT]);
  put_channels(din[GDI_BN_BIAS], sums, NULL, add[GDI_BN_BIAS]);
  if (((const gdi_batch_norm *)n->params)->training) tell_statistics(n, j->C, din, add);
  GD_TRY(find_slopes(d, n, j, sums));
  const bool left = dx && !itself && leave_to_convolution(n, j, dx, add);
  put_residual(d, n, j, dr, itself ? add[0] : add[GDI_BN_RESIDUAL], left);
  if (!dx || left) return GD_OK;
  j->dx = dx->data, j->add_dx = add[0] || itself;
  gdi_parallel(d, j->n, gdi_row_grain(j->C) * j->C, gradient_chunks, j);
  return GD_OK;
}

gd_status gdi_cpu_batch_norm_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                      const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = backward(d, n, dout, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

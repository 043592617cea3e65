/*
 * y = act(x * W + b): convolution and its transpose, forward, and what backward shares with it.
 */
#include "ops/cpu/conv2d.h"

#include "device/cpu/panels.h"
#include "ops/cpu/cpu.h"

gdi_conv gdi_cpu_conv_of(const gd_node *n) {
  gdi_conv c = gdi_conv_of(n);
  c.n = GDI_CONV_IMAGES;
  gdi_conv_choose(&c, gdi_product_type(n->out->device, c.type));
  return c;
}

gdi_conv_job gdi_conv_job_of(const gd_node *n) {
  const gdi_conv2d *p = n->params;
  const gd_tensor *x = n->in[0], *y = n->out;
  gdi_conv_job j = {.conv = gdi_cpu_conv_of(n),
                    .type = x->dtype,
                    .transposed = p->transposed,
                    .relu = p->act == GD_ACT_RELU,
                    .O = y->shape[3],
                    .images = x->shape[0],
                    .x = x->data,
                    .y = y->data,
                    .b = n->in[2] ? n->in[2]->data : NULL};
  j.x_image = x->shape[1] * x->shape[2] * x->shape[3];
  j.y_image = y->shape[1] * y->shape[2] * y->shape[3];
  return j;
}

/* ---- memory */

gd_status gdi_conv_each(gd_device *d, int64_t count, int64_t elements, gd_dtype type, char **out) {
  void *memory;
  GD_TRY(gdi_scratch(d, count * gdi_conv_padded(elements), gd_dtype_bytes(type), &memory));
  *out = memory;
  return GD_OK;
}

static int64_t larger_image(const gdi_conv_job *j) {
  return j->x_image > j->y_image ? j->x_image : j->y_image;
}

gd_status gdi_conv_buffers(gd_device *d, gdi_conv_job *j) {
  j->scratch_elements = gdi_conv_scratch(&j->conv);
  if (j->scratch_elements) GD_TRY(gdi_conv_each(d, d->threads, j->scratch_elements, j->type, &j->scratch));
  if (j->conv.type == j->type) return GD_OK;
  GD_TRY(gdi_conv_each(d, d->threads, GDI_CONV_IMAGES * larger_image(j), GD_BF16, &j->low_x));
  return gdi_conv_each(d, d->threads, GDI_CONV_IMAGES * larger_image(j), GD_BF16, &j->low_y);
}

gd_status gdi_conv_pack_for(gd_device *d, gdi_conv_job *j, gdi_conv_pass pass, const gd_tensor *W) {
  int64_t elements;
  GD_TRY(gdi_conv_packed(&j->conv, pass, &elements));
  GD_TRY(gdi_scratch(d, elements, gd_dtype_bytes(j->conv.type), &j->packed));
  return gdi_conv_pack(&j->conv, pass, W->data, j->packed);
}

const void *gdi_conv_operand(const gdi_conv_job *j, const void *values, int64_t elements, char *low,
                             int64_t k) {
  if (j->conv.type == j->type) return values;
  void *to = gdi_conv_own(low, k, GDI_CONV_IMAGES * larger_image(j), GD_BF16);
  gdi_round_to_bf16(values, to, elements);
  return to;
}

/* ---- rounds */

typedef struct round {
  gdi_conv_job *job;
  gd_status (*chunk)(gdi_conv_job *j, int64_t k);
} round;

static void chunks(void *context, int64_t lo, int64_t hi) {
  const round *r = context;
  for (int64_t k = lo; k < hi; k++)
    if (r->chunk(r->job, k) != GD_OK && !atomic_flag_test_and_set(&r->job->failed))
      r->job->error = *gd_error_last();
}

gd_status gdi_conv_rounds(gd_device *d, gdi_conv_job *j, gd_status (*chunk)(gdi_conv_job *j, int64_t k),
                          void (*after)(gd_device *d, gdi_conv_job *j, int64_t chunks)) {
  const int64_t all = (j->images + GDI_CONV_IMAGES - 1) / GDI_CONV_IMAGES;
  round r = {j, chunk};
  atomic_flag_clear(&j->failed);
  j->error.status = GD_OK;
  for (j->first = 0; j->first < all && j->error.status == GD_OK; j->first += d->threads) {
    const int64_t now = all - j->first < d->threads ? all - j->first : d->threads;
    gdi_parallel(d, now, 1, chunks, &r);
    if (after) after(d, j, now);
  }
  return j->error.status == GD_OK ? GD_OK : gd_error_adopt(&j->error);
}

gdi_conv gdi_conv_chunk(const gdi_conv_job *j, int64_t k, int64_t *first) {
  gdi_conv c = j->conv;
  *first = (j->first + k) * GDI_CONV_IMAGES;
  if (j->images - *first < c.n) c.n = j->images - *first;
  return c;
}

/* ---- forward */

#define FINISH(suffix, type, unused)                                                                         \
  /* y = relu(y + b); NaN stays */                                                                           \
  static void finish_##suffix(void *values, const void *bias, bool relu, int64_t pixels, int64_t O) {        \
    for (int64_t p = 0; bias && p < pixels; p++) {                                                           \
      type *y = (type *)values + p * O;                                                                      \
      const type *b = bias;                                                                                  \
      GDI_SIMD for (int64_t i = 0; i < O; i++) y[i] += b[i];                                                 \
    }                                                                                                        \
    type *y = values;                                                                                        \
    if (relu) GDI_SIMD for (int64_t i = 0; i < pixels * O; i++) y[i] = y[i] < 0 ? 0 : y[i];                  \
  }
GDI_FLOAT_TYPES(FINISH, )

static gd_status forward_chunk(gdi_conv_job *j, int64_t k) {
  int64_t first;
  const gdi_conv c = gdi_conv_chunk(j, k, &first);
  const int64_t elements = c.n * j->y_image;
  const void *x =
      gdi_conv_operand(j, gdi_conv_at(j->x, first * j->x_image, j->type), c.n * j->x_image, j->low_x, k);
  void *y = gdi_conv_at(j->y, first * j->y_image, j->type),
       *scratch = gdi_conv_own(j->scratch, k, j->scratch_elements, j->type);
  GD_TRY(j->transposed ? gdi_conv_run(&c, GDI_CONV_DATA, y, j->packed, NULL, x, scratch)
                       : gdi_conv_run(&c, GDI_CONV_FORWARD, x, j->packed, j->b, y, scratch));
  (gdi_is_f64(j->type) ? finish_f64 : finish_f32)(y, j->transposed ? j->b : NULL, j->relu, elements / j->O,
                                                  j->O);
  if (j->moments) gdi_cpu_norm_moments(j->type, y, elements, j->O, j->moments, j->first + k);
  return GD_OK;
}

/* A convolution without bias and activation has a batch norm behind it, or it would have them. */
static gd_status take_moments(gd_node *n, gdi_conv_job *j) {
  gdi_conv2d *p = n->params;
  if (!n->recorded || n->in[2] || j->relu || j->images == 0) return GD_OK;
  GD_TRY(
      gdi_cpu_norm_parts(n->arena, (j->images + GDI_CONV_IMAGES - 1) / GDI_CONV_IMAGES, j->O, &p->moments));
  j->moments = p->moments;
  return GD_OK;
}

static gd_status forward(gd_device *d, gd_node *n) {
  gdi_conv_job j = gdi_conv_job_of(n);
  const gdi_conv_pass pass = j.transposed ? GDI_CONV_DATA : GDI_CONV_FORWARD;
  GD_TRY(gdi_conv_pack_for(d, &j, pass, n->in[1]));
  GD_TRY(gdi_conv_buffers(d, &j));
  GD_TRY(take_moments(n, &j));
  return gdi_conv_rounds(d, &j, forward_chunk, NULL);
}

gd_status gdi_cpu_conv2d_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/*
 * dz = dy act'(y);   dx, dW from dz;   db = sum over pixels of dz, in f64
 *
 * The gradient of the weights is the sum over chunks, added in their order. What batch norms around want of a chunk is done
 * while it is in the cache.
 */
#include <string.h>

#include "ops/cpu/columns.h"
#include "ops/cpu/conv2d.h"
#include "ops/cpu/cpu.h"

/* to += the n arrays at `from`, each `pitch` after the one before */
typedef struct addition {
  void *to;
  const void *from;
  int64_t n, pitch;
} addition;

#define LOOPS(suffix, type, unused)                                                                          \
  static void dz_##suffix(const void *gradient, const void *result, void *out, int64_t n) {                  \
    const type *dy = gradient, *y = result;                                                                  \
    type *dz = out;                                                                                          \
    GDI_SIMD for (int64_t i = 0; i < n; i++) dz[i] = y[i] <= 0 ? 0 : dy[i];                                  \
  }                                                                                                          \
  static void column_sums_##suffix(const void *values, void *out, int64_t n, int64_t O) {                    \
    const type *z = values;                                                                                  \
    const int64_t W = gdi_columns(O);                                                                        \
    double *sum = out;                                                                                       \
    memset(sum, 0, (size_t)O * sizeof *sum);                                                                 \
    EACH_TILE(0, n, W) {                                                                                     \
      type s[WIDE] = {0};                                                                                    \
      EACH_ROW(W) GDI_SIMD for (int64_t i = 0; i < m; i++) s[i] += z[at + i];                                \
      for (int64_t i = 0; i < width; i++) sum[(c + i) % O] += (double)s[i];                                  \
    }                                                                                                        \
  }                                                                                                          \
  static void add_##suffix(void *context, int64_t lo, int64_t hi) {                                          \
    const addition *a = context;                                                                             \
    type *to = a->to;                                                                                        \
    for (int64_t k = 0; k < a->n; k++) {                                                                     \
      const type *from = (const type *)a->from + k * a->pitch;                                               \
      GDI_SIMD for (int64_t i = lo; i < hi; i++) to[i] += from[i];                                           \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(LOOPS, )

/* dz of chunk k: dy itself, or in memory of the chunk */
static const void *find_dz(const gdi_conv_job *j, int64_t k, int64_t first, int64_t elements) {
  const void *dy = gdi_conv_at(j->dy, first * j->y_image, j->type);
  void *dz = gdi_conv_own(j->dz, k, GDI_CONV_IMAGES * j->y_image, j->type);
  if (j->front) gdi_cpu_norm_gradient(j->front, first * j->y_image, elements, dz);
  if (j->relu)
    (gdi_is_f64(j->type) ? dz_f64 : dz_f32)(dy, gdi_conv_at(j->y, first * j->y_image, j->type), dz, elements);
  return dz ? dz : dy;
}

/* To dx, or added to it. */
static gd_status find_dx(const gdi_conv_job *j, const gdi_conv *c, int64_t k, int64_t first, const void *dz,
                         void *scratch) {
  void *to = gdi_conv_at(j->to_dx, first * j->x_image, j->type),
       *dx = j->add_dx ? gdi_conv_own(j->dx, k, GDI_CONV_IMAGES * j->x_image, j->type) : to;
  const int64_t elements = c->n * j->x_image;
  GD_TRY(j->transposed ? gdi_conv_run(c, GDI_CONV_FORWARD, dz, j->packed, NULL, dx, scratch)
                       : gdi_conv_run(c, GDI_CONV_DATA, dx, j->packed, NULL, dz, scratch));
  if (j->add_dx) (gdi_is_f64(j->type) ? add_f64 : add_f32)(&(addition){to, dx, 1, 0}, 0, elements);
  if (j->back) gdi_cpu_norm_products(j->back, first * j->x_image, elements);
  return GD_OK;
}

static gd_status backward_chunk(gdi_conv_job *j, int64_t k) {
  int64_t first;
  const gdi_conv c = gdi_conv_chunk(j, k, &first);
  const int64_t elements = c.n * j->y_image;
  const void *x = gdi_conv_at(j->x, first * j->x_image, j->type), *dz = find_dz(j, k, first, elements);
  void *scratch = gdi_conv_own(j->scratch, k, j->scratch_elements, j->type);
  if (j->needs_db)
    (gdi_is_f64(j->type) ? column_sums_f64 : column_sums_f32)(dz, gdi_conv_own(j->db, k + 1, j->O, GD_F64),
                                                              elements, j->O);
  dz = gdi_conv_operand(j, dz, elements, j->low_y, k);
  if (j->needs_dw) {
    x = gdi_conv_operand(j, x, c.n * j->x_image, j->low_x, k);
    GD_TRY(gdi_conv_run(&c, GDI_CONV_WEIGHTS, j->transposed ? dz : x,
                        gdi_conv_own(j->dw, k + 1, j->dw_elements, j->type), NULL, j->transposed ? x : dz,
                        scratch));
  }
  return j->needs_dx ? find_dx(j, &c, k, first, dz, scratch) : GD_OK;
}

/* Sums stand in front of the parts. The first part becomes the sum, the others are added one after the other. */
static void add_parts(gd_device *d, gd_dtype type, void *sum, int64_t elements, int64_t parts, bool first) {
  addition a = {sum, gdi_conv_own(sum, 1, elements, type), parts, gdi_conv_padded(elements)};
  if (first) memcpy(sum, a.from, (size_t)elements * gd_dtype_bytes(type));
  if (first) a.from = gdi_conv_at(a.from, a.pitch, type), a.n--;
  gdi_parallel(d, elements, GDI_GRAIN, gdi_is_f64(type) ? add_f64 : add_f32, &a);
}

static void add_round(gd_device *d, gdi_conv_job *j, int64_t chunks) {
  if (j->needs_dw) add_parts(d, j->type, j->dw, j->dw_elements, chunks, j->first == 0);
  if (j->needs_db) add_parts(d, GD_F64, j->db, j->O, chunks, j->first == 0);
}

static gd_status reserve(gd_device *d, gdi_conv_job *j, const gd_node *n) {
  const gd_dtype type = j->type;
  const int each = d->threads;
  GD_TRY(gdi_conv_buffers(d, j));
  if (j->relu || j->front) GD_TRY(gdi_conv_each(d, each, GDI_CONV_IMAGES * j->y_image, type, &j->dz));
  if (j->add_dx) GD_TRY(gdi_conv_each(d, each, GDI_CONV_IMAGES * j->x_image, type, &j->dx));
  if (j->needs_dx)
    GD_TRY(gdi_conv_pack_for(d, j, j->transposed ? GDI_CONV_FORWARD : GDI_CONV_DATA, n->in[1]));
  if (j->needs_dw) {
    GD_TRY(gdi_conv_packed(&j->conv, GDI_CONV_WEIGHTS, &j->dw_elements));
    GD_TRY(gdi_conv_each(d, 1 + each, j->dw_elements, type, &j->dw));
  }
  return j->needs_db ? gdi_conv_each(d, 1 + each, j->O, GD_F64, &j->db) : GD_OK;
}

static gd_status write_dw(gd_device *d, const gdi_conv_job *j, gd_tensor *dW, bool add) {
  void *to = dW->data;
  const int64_t n = gd_numel(dW);
  if (j->images == 0) {
    if (!add) memset(to, 0, gd_tensor_bytes(dW));
    return GD_OK;
  }
  if (add) GD_TRY(gdi_scratch(d, n, gd_dtype_bytes(dW->dtype), &to));
  GD_TRY(gdi_conv_unpack(&j->conv, j->dw, to));
  if (add) gdi_cpu_put(d, dW->dtype, n, dW->data, to, true);
  return GD_OK;
}

static void write_db(const gdi_conv_job *j, gd_tensor *db, bool add) {
  const double *sum = (const void *)j->db;
  for (int64_t i = 0; i < gd_numel(db); i++)
    gdi_put_at(db, i, (add ? gdi_value_at(db, i) : 0) + (j->images ? sum[i] : 0));
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  const gdi_conv2d *p = n->params;
  gd_tensor *dx = din[0], *db = n->in[2] ? din[2] : NULL;
  gdi_conv_job j = gdi_conv_job_of(n);
  j.conv.bias = false;
  if (p->norm && p->norm_backward_id == n->backward_id) j.front = p->norm;
  j.needs_dx = dx, j.needs_dw = din[1], j.needs_db = db;
  j.add_dx = dx && add[0], j.to_dx = dx ? dx->data : NULL;
  j.dy = dout->data;
  GD_TRY(gdi_cpu_norm_behind(d, n->in[0], dx, &j.back));
  GD_TRY(reserve(d, &j, n));
  GD_TRY(gdi_conv_rounds(d, &j, backward_chunk, add_round));
  if (j.front) gdi_cpu_norm_done(j.front, n->out->grad);
  if (db) write_db(&j, db, add[2]);
  return din[1] ? write_dw(d, &j, din[1], add[1]) : GD_OK;
}

gd_status gdi_cpu_conv2d_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = backward(d, n, dout, din, add);
  gd_arena_release(d->scratch, mark);
  return st;
}

/*
 * Convolution and its transpose, in chunks of a few images, each computed by one thread in single-threaded calls: what a
 * chunk needs from one pass to the next stays in the cache, and the number of threads does not show in the bits. The
 * gradient of the weights is the sum over chunks, added in their order.
 *
 *   y = act(x * W + b)      dz = dy act'(y);   dx, dW from dz;   db = sum over pixels of dz, in f64
 *
 * "image" is the side that a convolution reads (x of conv2d, y of its transpose), "map" the one that it makes.
 */
#include "ops/cpu/cpu.h"

#include <stdatomic.h>
#include <string.h>

#include "device/cpu/threads.h"
#include "ops/cpu/batch_norm.h"
#include "ops/cpu/conv2d.h"

typedef struct job {
  gdi_conv conv; /* of a full chunk */
  bool transposed, relu;
  int64_t images, first;    /* of all; first chunk of the round */
  int64_t x_image, y_image; /* elements of an image */
  const void *x, *b, *y, *dy;
  const gdi_norm_job *norm; /* computes dy; NULL: it is there */
  void *packed, *packed_dx; /* weights, for forward and for dx */
  /* Each chunk of a round has its own: */
  char *scratch, *dz, *dw, *dx; /* those that are needed */
  double *db;
  int64_t scratch_elements, dw_elements;
  bool needs_dx, needs_dw, needs_db, add_dx;
  void *to_dx;
  atomic_flag failed;
  gd_error error;
} job;

static char *at(const void *base, int64_t elements, gd_dtype type) {
  return base ? (char *)(uintptr_t)base + elements * (int64_t)gd_dtype_bytes(type) : NULL;
}

gdi_conv gdi_cpu_conv_of(const gd_node *n) {
  gdi_conv c = gdi_conv_of(n);
  c.n = GDI_CONV_IMAGES;
  return c;
}

static job job_of(const gd_node *n) {
  const gdi_conv2d *p = n->params;
  const gd_tensor *x = n->in[0], *y = n->out;
  job j = {.conv = gdi_cpu_conv_of(n),
           .transposed = p->transposed,
           .relu = p->act == GD_ACT_RELU,
           .images = x->shape[0],
           .x = x->data,
           .y = y->data,
           .b = n->in[2] ? n->in[2]->data : NULL};
  j.x_image = x->shape[1] * x->shape[2] * x->shape[3];
  j.y_image = y->shape[1] * y->shape[2] * y->shape[3];
  return j;
}

/* Scratch memory of n elements for each chunk of a round, at multiples of a cache line. */
static int64_t padded(int64_t elements) {
  return (elements + 15) / 16 * 16;
}
static gd_status for_each(gd_device *d, int64_t elements, gd_dtype type, void *out) {
  return gdi_scratch(d, padded(elements) * d->threads, gd_dtype_bytes(type), out);
}

static gd_status pack(gd_device *d, const gdi_conv *c, gdi_conv_pass pass, const gd_tensor *W, void **out) {
  int64_t elements;
  GD_TRY(gdi_conv_packed(c, pass, &elements));
  GD_TRY(gdi_scratch(d, elements, gd_dtype_bytes(c->type), out));
  return gdi_conv_pack(c, pass, W->data, *out);
}

static void fail(job *j) {
  if (!atomic_flag_test_and_set(&j->failed)) j->error = *gd_error_last();
}

/* A round is as many chunks as there are threads. `after` (NULL: nothing) is called between rounds. */
static gd_status in_rounds(gd_device *d, job *j, gdi_chunk chunk,
                           void (*after)(gd_device *d, job *j, int64_t chunks)) {
  const int64_t chunks = (j->images + GDI_CONV_IMAGES - 1) / GDI_CONV_IMAGES;
  atomic_flag_clear(&j->failed);
  j->error.status = GD_OK;
  for (j->first = 0; j->first < chunks && j->error.status == GD_OK; j->first += d->threads) {
    const int64_t now = chunks - j->first < d->threads ? chunks - j->first : d->threads;
    gdi_parallel(d, now, 1, chunk, j);
    if (after) after(d, j, now);
  }
  return j->error.status == GD_OK ? GD_OK : gd_error_adopt(&j->error);
}

/* Chunk k of a round: its convolution, and its first image. */
static gdi_conv chunk_of(const job *j, int64_t k, int64_t *first) {
  gdi_conv c = j->conv;
  *first = (j->first + k) * GDI_CONV_IMAGES;
  if (j->images - *first < c.n) c.n = j->images - *first;
  return c;
}

/* ---- loops over the pixels of a chunk */

#define LOOPS(suffix, type, unused)                                                                          \
  /* y = relu(y + b); NaN stays */                                                                           \
  static void finish_##suffix(void *values, const void *bias, bool relu, int64_t pixels, int64_t O) {        \
    for (int64_t p = 0; bias && p < pixels; p++) {                                                           \
      type *y = (type *)values + p * O;                                                                      \
      const type *b = bias;                                                                                  \
      GDI_SIMD for (int64_t i = 0; i < O; i++) y[i] += b[i];                                                 \
    }                                                                                                        \
    type *y = values;                                                                                        \
    if (relu) GDI_SIMD for (int64_t i = 0; i < pixels * O; i++) y[i] = y[i] < 0 ? 0 : y[i];                  \
  }                                                                                                          \
  static void dz_##suffix(const void *gradient, const void *result, void *out, int64_t n) {                  \
    const type *dy = gradient, *y = result;                                                                  \
    type *dz = out;                                                                                          \
    GDI_SIMD for (int64_t i = 0; i < n; i++) dz[i] = y[i] > 0 ? dy[i] : 0;                                   \
  }                                                                                                          \
  static void column_sums_##suffix(const void *values, double *sum, int64_t pixels, int64_t O) {             \
    memset(sum, 0, (size_t)O * sizeof *sum);                                                                 \
    for (int64_t p = 0; p < pixels; p++) {                                                                   \
      const type *z = (const type *)values + p * O;                                                          \
      GDI_SIMD for (int64_t i = 0; i < O; i++) sum[i] += (double)z[i];                                       \
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

/* to += the n arrays at `from`, each `pitch` after the one before */
typedef struct addition {
  void *to;
  const void *from;
  int64_t n, pitch;
} addition;
GDI_FLOAT_TYPES(LOOPS, )

/* ---- forward */

static void forward_chunks(void *context, int64_t lo, int64_t hi) {
  job *j = context;
  for (int64_t k = lo; k < hi; k++) {
    int64_t first;
    const gdi_conv c = chunk_of(j, k, &first);
    void *x = at(j->x, first * j->x_image, c.type), *y = at(j->y, first * j->y_image, c.type);
    void *scratch = at(j->scratch, k * padded(j->scratch_elements), c.type);
    const gd_status st = j->transposed ? gdi_conv_run(&c, GDI_CONV_DATA, y, j->packed, NULL, x, scratch)
                                       : gdi_conv_run(&c, GDI_CONV_FORWARD, x, j->packed, j->b, y, scratch);
    if (st != GD_OK) {
      fail(j);
      return;
    }
    const int64_t O = j->transposed ? c.c : c.o;
    (gdi_is_f64(c.type) ? finish_f64 : finish_f32)(y, j->transposed ? j->b : NULL, j->relu,
                                                   c.n * j->y_image / O, O);
  }
}

static gd_status forward(gd_device *d, gd_node *n) {
  job j = job_of(n);
  const gdi_conv_pass pass = j.transposed ? GDI_CONV_DATA : GDI_CONV_FORWARD;
  GD_TRY(pack(d, &j.conv, pass, n->in[1], &j.packed));
  j.scratch_elements = gdi_conv_scratch(&j.conv, pass);
  if (j.scratch_elements) GD_TRY(for_each(d, j.scratch_elements, j.conv.type, &j.scratch));
  return in_rounds(d, &j, forward_chunks, NULL);
}

gd_status gdi_cpu_conv2d_forward(gd_device *d, gd_node *n) {
  const size_t mark = gd_arena_mark(d->scratch);
  const gd_status st = forward(d, n);
  gd_arena_release(d->scratch, mark);
  return st;
}

/* ---- backward */

static gd_status chunk_gradients(const job *j, const gdi_conv *c, int64_t k, int64_t first) {
  void *x = at(j->x, first * j->x_image, c->type), *dz = at(j->dy, first * j->y_image, c->type);
  void *scratch = at(j->scratch, k * padded(j->scratch_elements), c->type);
  const int64_t elements = c->n * j->y_image, O = j->transposed ? c->c : c->o;
  if (j->norm) {
    void *to = at(j->dz, k * padded(GDI_CONV_IMAGES * j->y_image), c->type);
    gdi_cpu_norm_gradient(j->norm, first * j->y_image, elements, to);
    dz = to;
  }
  if (j->relu) {
    void *to = at(j->dz, k * padded(GDI_CONV_IMAGES * j->y_image), c->type);
    (gdi_is_f64(c->type) ? dz_f64 : dz_f32)(dz, at(j->y, first * j->y_image, c->type), to, elements);
    dz = to;
  }
  if (j->needs_db)
    (gdi_is_f64(c->type) ? column_sums_f64 : column_sums_f32)(dz, j->db + (k + 1) * padded(O), elements / O,
                                                              O);
  if (j->needs_dw)
    GD_TRY(gdi_conv_run(c, GDI_CONV_WEIGHTS, j->transposed ? dz : x,
                        at(j->dw, (k + 1) * padded(j->dw_elements), c->type), NULL, j->transposed ? x : dz,
                        scratch));
  if (!j->needs_dx) return GD_OK;
  void *to = at(j->to_dx, first * j->x_image, c->type), *dx = to;
  if (j->add_dx) dx = at(j->dx, k * padded(GDI_CONV_IMAGES * j->x_image), c->type);
  GD_TRY(j->transposed ? gdi_conv_run(c, GDI_CONV_FORWARD, dz, j->packed_dx, NULL, dx, scratch)
                       : gdi_conv_run(c, GDI_CONV_DATA, dx, j->packed_dx, NULL, dz, scratch));
  if (j->add_dx) (gdi_is_f64(c->type) ? add_f64 : add_f32)(&(addition){to, dx, 1, 0}, 0, c->n * j->x_image);
  return GD_OK;
}

static void backward_chunks(void *context, int64_t lo, int64_t hi) {
  job *j = context;
  for (int64_t k = lo; k < hi; k++) {
    int64_t first;
    const gdi_conv c = chunk_of(j, k, &first);
    if (chunk_gradients(j, &c, k, first) != GD_OK) {
      fail(j);
      return;
    }
  }
}

/* Sums stand in front of the parts. The first part becomes the sum, the others are added one after the other. */
static void add_parts(gd_device *d, gd_dtype type, void *sum, int64_t elements, int64_t parts, bool first) {
  addition a = {sum, at(sum, padded(elements), type), parts, padded(elements)};
  if (first) memcpy(sum, a.from, (size_t)elements * gd_dtype_bytes(type));
  if (first) a.from = at(a.from, a.pitch, type), a.n--;
  gdi_parallel(d, elements, GDI_GRAIN, gdi_is_f64(type) ? add_f64 : add_f32, &a);
}

static void add_round(gd_device *d, job *j, int64_t chunks) {
  const int64_t O = j->transposed ? j->conv.c : j->conv.o;
  if (j->needs_dw) add_parts(d, j->conv.type, j->dw, j->dw_elements, chunks, j->first == 0);
  if (j->needs_db) add_parts(d, GD_F64, j->db, O, chunks, j->first == 0);
}

static gd_status reserve(gd_device *d, job *j, const gd_node *n) {
  const gd_dtype type = j->conv.type;
  const int64_t O = j->transposed ? j->conv.c : j->conv.o;
  void *memory;
  j->scratch_elements = gdi_conv_scratch(&j->conv, GDI_CONV_WEIGHTS);
  if (j->scratch_elements) GD_TRY(for_each(d, j->scratch_elements, type, &j->scratch));
  if (j->relu || j->norm) GD_TRY(for_each(d, GDI_CONV_IMAGES * j->y_image, type, &j->dz));
  if (j->add_dx) GD_TRY(for_each(d, GDI_CONV_IMAGES * j->x_image, type, &j->dx));
  if (j->needs_dx)
    GD_TRY(pack(d, &j->conv, j->transposed ? GDI_CONV_FORWARD : GDI_CONV_DATA, n->in[1], &j->packed_dx));
  if (j->needs_dw) {
    GD_TRY(gdi_conv_packed(&j->conv, GDI_CONV_WEIGHTS, &j->dw_elements));
    GD_TRY(gdi_scratch(d, padded(j->dw_elements) * (1 + d->threads), gd_dtype_bytes(type), &memory));
    j->dw = memory;
  }
  if (j->needs_db) {
    GD_TRY(gdi_scratch(d, padded(O) * (1 + d->threads), sizeof(double), &memory));
    j->db = memory;
  }
  return GD_OK;
}

static gd_status write_dw(gd_device *d, const job *j, gd_tensor *dW, bool add) {
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

static void write_db(const job *j, gd_tensor *db, bool add) {
  for (int64_t i = 0; i < gd_numel(db); i++)
    gdi_put_at(db, i, (add ? gdi_value_at(db, i) : 0) + (j->images ? j->db[i] : 0));
}

static gd_status backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                          const bool add[]) {
  gd_tensor *db = n->in[2] ? din[2] : NULL;
  job j = job_of(n);
  j.conv.bias = false;
  j.dy = dout->data;
  const gdi_conv2d *p = n->params;
  if (p->norm && p->norm_backward_id == n->backward_id) j.norm = p->norm;
  j.needs_dx = din[0], j.needs_dw = din[1], j.needs_db = db;
  j.add_dx = din[0] && add[0], j.to_dx = din[0] ? din[0]->data : NULL;
  GD_TRY(reserve(d, &j, n));
  GD_TRY(in_rounds(d, &j, backward_chunks, add_round));
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

#include "device/cuda/conv.h"

#include "device/cuda/cudnn.h"

gd_dtype gdi_cuda_conv_operand(const gd_device *d, const gdi_conv *c) {
  return gdi_conv_is_depthwise(c) ? c->type : gdi_blas_type(d, c->type);
}

/* Is the order of weights that of columns as well? */
static bool is_packed(const gdi_conv *c) {
  return gdi_conv_taps(c) == 1 || c->c == c->groups;
}

bool gdi_cuda_conv_in_place(const gd_device *d, const gdi_conv_call *v) {
  return gdi_cuda_conv_operand(d, &v->conv) == v->conv.type &&
         (v->pass != GDI_CONV_WEIGHTS || is_packed(&v->conv));
}

gd_status gdi_cuda_conv_offers(gd_device *d, const gdi_conv_call *v, bool *yes) {
  gdi_conv_call bare = *v;
  bare.bias = NULL, bare.relu = false;
  *yes = !v->relu && v->conv.groups == 1; /* a product's bias */
  if (gdi_conv_is_depthwise(&v->conv) || v->conv.n == 0) return GD_OK;
  bool by_cudnn;
  GD_TRY(gdi_cudnn_offers(d, &bare, &by_cudnn));
  if (!by_cudnn) return GD_OK;
  *yes = false; /* a bias of bf16 would be rounded, one of f32 behind bf16 it has not */
  return gdi_cuda_conv_operand(d, &v->conv) == v->conv.type ? gdi_cudnn_offers(d, v, yes) : GD_OK;
}

/* A pass at work. */
typedef struct work {
  const gdi_conv_call *v;
  gd_dtype type;  /* of operands */
  int64_t row;    /* of columns, and of weights */
  int64_t images; /* of a chunk */
  bool x_is_columns, w_is_packed;
  void *columns, *packed;
  const void *y; /* as it is multiplied */
} work;

static char *at(const void *base, int64_t elements, gd_dtype type) {
  return (char *)(uintptr_t)base + elements * (int64_t)gd_dtype_bytes(type);
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static bool is_pointwise(const gdi_conv *c) {
  bool is = c->groups == 1;
  for (int i = 0; i < 2; i++)
    is = is && c->kernel[i] == 1 && c->stride[i] == 1 && c->begin[i] == 0 && c->end[i] == 0;
  return is;
}

static gd_dtype type_of_x(const work *p) {
  return p->v->x_rounded ? GD_BF16 : p->v->conv.type;
}

static work work_of(const gd_device *d, const gdi_conv_call *v) {
  const gdi_conv *c = &v->conv;
  work p = {.v = v, .type = gdi_cuda_conv_operand(d, c), .y = v->y};
  p.row = gdi_conv_taps(c) * (c->c / c->groups);
  p.x_is_columns = is_pointwise(c) && (v->pass == GDI_CONV_DATA || type_of_x(&p) == p.type);
  p.w_is_packed =
      (gdi_conv_taps(c) == 1 || c->c == c->groups) && (v->pass == GDI_CONV_WEIGHTS || p.type == c->type);
  const int64_t of_image = c->out[0] * c->out[1] * p.row * c->groups,
                of_chunk = ((int64_t)gdi_cuda_of(d)->tuning.columns_mb << 20) / (int64_t)sizeof(float);
  p.images = p.x_is_columns ? c->n : smaller(c->n, of_chunk > of_image ? of_chunk / of_image : 1);
  return p;
}

/* Weights in the order of columns, or room for their gradient. */
static gd_status take_weights(gd_device *d, work *p) {
  const gdi_conv *c = &p->v->conv;
  const bool gradient = p->v->pass == GDI_CONV_WEIGHTS;
  p->packed = p->v->w;
  if (p->w_is_packed) return GD_OK;
  GD_TRY(gdi_cuda_scratch(d, c->o * p->row, gd_dtype_bytes(gradient ? c->type : p->type), &p->packed));
  if (gradient) return GD_OK;
  const uint16_t *copy = p->type == GD_BF16 ? gdi_cuda_weight_copy_of(d, p->v->w) : NULL;
  return gdi_cuda_conv_pack(d, c, copy ? copy : p->v->w, copy != NULL, p->type, p->packed);
}

/* Values that are read, in the type of operands: rounded where they are not yet. */
static gd_status take_rounded(gd_device *d, const work *p, const void *values, bool rounded, int64_t elements,
                              const void **out) {
  void *to;
  *out = values;
  if (p->type == p->v->conv.type || rounded) return GD_OK;
  GD_TRY(gdi_cuda_scratch(d, elements, sizeof(uint16_t), &to));
  *out = to;
  return gdi_cuda_round(d, (const void *[]){values, values}, (const int64_t[]){elements, 0},
                        (void *[]){to, to});
}

static gd_status take_y(gd_device *d, work *p) {
  const gdi_conv *c = &p->v->conv;
  return p->v->pass == GDI_CONV_FORWARD
             ? GD_OK
             : take_rounded(d, p, p->v->y, p->v->y_rounded, c->n * gdi_conv_y_image(c), &p->y);
}

/* The product of a chunk: y = columns w^T, columns = y w, or w = y^T columns, group by group. */
static gdi_blas_product product(const work *p, const gdi_conv *c, void *columns, const void *y) {
  const int64_t pixels = c->n * c->out[0] * c->out[1], outputs = c->o / c->groups;
  gdi_blas_product q = {.type = p->type, .count = c->groups};
  switch (p->v->pass) {
  case GDI_CONV_FORWARD:
    q.m = pixels, q.n = outputs, q.k = p->row, q.transpose_b = true;
    q.a = columns, q.b = p->packed, q.c = (void *)(uintptr_t)y, q.ldc = c->o;
    q.stride_a = pixels * p->row, q.stride_b = outputs * p->row, q.stride_c = outputs;
    break;
  case GDI_CONV_DATA:
    q.m = pixels, q.n = p->row, q.k = outputs;
    q.a = y, q.lda = c->o, q.b = p->packed, q.c = columns;
    q.stride_a = outputs, q.stride_b = outputs * p->row, q.stride_c = pixels * p->row;
    break;
  case GDI_CONV_WEIGHTS:
    q.m = outputs, q.n = p->row, q.k = pixels, q.transpose_a = true;
    q.a = y, q.lda = c->o, q.b = columns, q.c = p->packed;
    q.stride_a = outputs, q.stride_b = pixels * p->row, q.stride_c = outputs * p->row;
    break;
  }
  return q;
}

static gd_status run_chunk(gd_device *d, const work *p, int64_t first) {
  const gdi_conv_call *v = p->v;
  const bool data = v->pass == GDI_CONV_DATA, forward = v->pass == GDI_CONV_FORWARD;
  gdi_conv c = v->conv;
  c.n = smaller(p->images, c.n - first);
  void *x = at(v->x, first * gdi_conv_x_image(&c), data ? c.type : type_of_x(p));
  const void *y = at(p->y, first * gdi_conv_y_image(&c), forward ? c.type : p->type);
  gdi_blas_product q = product(p, &c, p->x_is_columns ? x : p->columns, y);
  q.bias = v->bias;
  q.add = forward ? v->add : data ? v->add && p->x_is_columns : first > 0 || (v->add && p->w_is_packed);
  if (!data && !p->x_is_columns) GD_TRY(gdi_cuda_columns(d, &c, x, v->x_rounded, p->type, p->columns));
  GD_TRY(gdi_blas_multiply(d, &q));
  return data && !p->x_is_columns ? gdi_cuda_sum_columns(d, &c, p->columns, x, v->add) : GD_OK;
}

/* A sum over no images. */
static gd_status no_images(gd_device *d, const gdi_conv_call *v) {
  const gdi_conv *c = &v->conv;
  if (v->pass != GDI_CONV_WEIGHTS || v->add) return GD_OK;
  return d->zero(d, v->w, (size_t)(c->o * gdi_conv_taps(c) * (c->c / c->groups)) * gd_dtype_bytes(c->type));
}

static gd_status by_columns(gd_device *d, const gdi_conv_call *v) {
  const gdi_conv *c = &v->conv;
  work p = work_of(d, v);
  GD_TRY(take_weights(d, &p));
  GD_TRY(take_y(d, &p));
  if (!p.x_is_columns)
    GD_TRY(gdi_cuda_scratch(d, p.images * c->out[0] * c->out[1] * p.row * c->groups,
                            gd_dtype_bytes(v->pass == GDI_CONV_DATA ? c->type : p.type), &p.columns));
  for (int64_t first = 0; first < c->n; first += p.images) GD_TRY(run_chunk(d, &p, first));
  return v->pass == GDI_CONV_WEIGHTS && !p.w_is_packed
             ? gdi_cuda_conv_unpack(d, c, p.packed, false, v->w, v->add)
             : GD_OK;
}

/* Results are of the type of operands: those in bf16 are widened. */
static gd_status by_cudnn(gd_device *d, const gdi_conv_call *v) {
  const gdi_conv *c = &v->conv;
  work p = work_of(d, v);
  const void *x = v->x;
  void *to = v->pass == GDI_CONV_FORWARD ? v->y : v->pass == GDI_CONV_DATA ? v->x : v->w, *result = to;
  const int64_t of_x = c->n * gdi_conv_x_image(c), of_w = c->o * p.row, of_y = c->n * gdi_conv_y_image(c);
  const int64_t elements = v->pass == GDI_CONV_FORWARD ? of_y : v->pass == GDI_CONV_DATA ? of_x : of_w;
  if (!gdi_cuda_conv_in_place(d, v)) GD_TRY(gdi_cuda_scratch(d, elements, gd_dtype_bytes(p.type), &result));
  if (v->pass != GDI_CONV_WEIGHTS) GD_TRY(take_weights(d, &p));
  if (v->pass != GDI_CONV_DATA) GD_TRY(take_rounded(d, &p, v->x, v->x_rounded, of_x, &x));
  GD_TRY(take_y(d, &p));
  GD_TRY(gdi_cudnn_run(d, v, v->pass == GDI_CONV_DATA ? result : (void *)(uintptr_t)x,
                       v->pass == GDI_CONV_WEIGHTS ? result : p.packed,
                       v->pass == GDI_CONV_FORWARD ? result : (void *)(uintptr_t)p.y));
  if (result == to) return GD_OK;
  return v->pass == GDI_CONV_WEIGHTS ? gdi_cuda_conv_unpack(d, c, result, p.type != c->type, to, v->add)
                                     : gdi_cuda_widen(d, result, to, elements, v->add);
}

gd_status gdi_cuda_conv(gd_device *d, const gdi_conv_call *v) {
  bool offered;
  if (v->conv.n == 0) return no_images(d, v);
  if (gdi_conv_is_depthwise(&v->conv)) return gdi_cuda_depthwise(d, v);
  GD_TRY(gdi_cudnn_offers(d, v, &offered));
  return offered ? by_cudnn(d, v) : by_columns(d, v);
}

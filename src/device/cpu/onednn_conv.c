/* Convolutions by oneDNN, f32, on one thread. */
#include <string.h>

#include "device/cpu/conv.h"
#include "device/cpu/primitive.h"

/* Descriptors of x, w, bias and y; of w as PyTorch has them (plain) or as the primitive likes them. */
typedef struct descriptors {
  dnnl_memory_desc_t x, w, plain, b, y;
} descriptors;

static gd_status dnnl_failure(dnnl_status_t st, const gdi_conv *c) {
  if (st == dnnl_out_of_memory) return GD_FAIL(GD_ERR_OOM, "oneDNN has no memory for a convolution");
  return GD_FAIL(GD_ERR_INTERNAL,
                 "oneDNN status %d in a convolution of [%lld,%lld,%lld,%lld] by %lld x %lld to %lld channels",
                 (int)st, (long long)c->n, (long long)c->in[0], (long long)c->in[1], (long long)c->c,
                 (long long)c->kernel[0], (long long)c->kernel[1], (long long)c->o);
}

static dnnl_status_t describe(dnnl_memory_desc_t *out, int n, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_tag(out, n, dims, dnnl_f32, tag);
#else
  return dnnl_memory_desc_init_by_tag(out, n, dims, dnnl_f32, tag);
#endif
}

static dnnl_status_t describe_all(descriptors *d, const gdi_conv *c) {
  const dnnl_dims_t x = {c->n, c->c, c->in[0], c->in[1]}, y = {c->n, c->o, c->out[0], c->out[1]}, b = {c->o};
  const dnnl_dims_t w4 = {c->o, c->c, c->kernel[0], c->kernel[1]},
                    w5 = {c->groups, c->o / c->groups, c->c / c->groups, c->kernel[0], c->kernel[1]};
  const bool grouped = c->groups > 1;
  memset(d, 0, sizeof *d);
  dnnl_status_t st = describe(&d->x, 4, x, dnnl_nhwc);
  if (st == dnnl_success) st = describe(&d->y, 4, y, dnnl_nhwc);
  if (st == dnnl_success) st = describe(&d->b, 1, b, dnnl_a);
  if (st == dnnl_success) st = describe(&d->w, grouped ? 5 : 4, grouped ? w5 : w4, dnnl_format_tag_any);
  if (st == dnnl_success)
    st = describe(&d->plain, grouped ? 5 : 4, grouped ? w5 : w4, grouped ? dnnl_goihw : dnnl_oihw);
  return st;
}

static void free_all(descriptors *d) {
  gdi_descriptor_free(d->x), gdi_descriptor_free(d->y), gdi_descriptor_free(d->b);
  gdi_descriptor_free(d->w), gdi_descriptor_free(d->plain);
}

/* Where geometry is concerned oneDNN counts dilation from 0. */
#define GEOMETRY                                                                                             \
  const dnnl_dims_t stride = {c->stride[0], c->stride[1]},                                                   \
                    dilation = {c->dilation[0] - 1, c->dilation[1] - 1}, begin = {c->begin[0], c->begin[1]}, \
                    end = {c->end[0], c->end[1]}

#if DNNL_VERSION_MAJOR >= 3
static dnnl_status_t pass_description(dnnl_primitive_desc_t *out, const gdi_conv *c, gdi_conv_pass pass,
                                      const descriptors *d, dnnl_primitive_attr_t attributes,
                                      dnnl_engine_t engine, dnnl_primitive_desc_t hint) {
  GEOMETRY;
  if (pass == GDI_CONV_DATA)
    return dnnl_convolution_backward_data_primitive_desc_create(out, engine, dnnl_convolution_direct, d->x,
                                                                d->w, d->y, stride, dilation, begin, end,
                                                                hint, attributes);
  if (pass == GDI_CONV_WEIGHTS)
    return dnnl_convolution_backward_weights_primitive_desc_create(out, engine, dnnl_convolution_direct, d->x,
                                                                   d->w, NULL, d->y, stride, dilation, begin,
                                                                   end, hint, attributes);
  return dnnl_convolution_forward_primitive_desc_create(
      out, engine, dnnl_forward_training, dnnl_convolution_direct, d->x, d->w, c->bias ? d->b : NULL, d->y,
      stride, dilation, begin, end, attributes);
}
#else
static dnnl_status_t pass_description(dnnl_primitive_desc_t *out, const gdi_conv *c, gdi_conv_pass pass,
                                      const descriptors *d, dnnl_primitive_attr_t attributes,
                                      dnnl_engine_t engine, dnnl_primitive_desc_t hint) {
  GEOMETRY;
  dnnl_convolution_desc_t o;
  dnnl_status_t st;
  if (pass == GDI_CONV_DATA)
    st = dnnl_dilated_convolution_backward_data_desc_init(&o, dnnl_convolution_direct, &d->x, &d->w, &d->y,
                                                          stride, dilation, begin, end);
  else if (pass == GDI_CONV_WEIGHTS)
    st = dnnl_dilated_convolution_backward_weights_desc_init(&o, dnnl_convolution_direct, &d->x, &d->w, NULL,
                                                             &d->y, stride, dilation, begin, end);
  else
    st = dnnl_dilated_convolution_forward_desc_init(&o, dnnl_forward_training, dnnl_convolution_direct, &d->x,
                                                    &d->w, c->bias ? &d->b : NULL, &d->y, stride, dilation,
                                                    begin, end);
  return st == dnnl_success ? dnnl_primitive_desc_create(out, &o, attributes, engine, hint) : st;
}
#endif

/* A backward pass is described beside the forward one. */
static dnnl_status_t with_hint(dnnl_primitive_desc_t *out, const gdi_conv *c, gdi_conv_pass pass,
                               const descriptors *d, dnnl_engine_t engine) {
  dnnl_primitive_attr_t attributes;
  dnnl_primitive_desc_t hint = NULL;
  descriptors any;
  dnnl_status_t st = dnnl_primitive_attr_create(&attributes);
  if (st != dnnl_success) return st;
  st = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (st == dnnl_success) st = describe_all(&any, c);
  if (st == dnnl_success && pass != GDI_CONV_FORWARD)
    st = pass_description(&hint, c, GDI_CONV_FORWARD, &any, attributes, engine, NULL);
  if (st == dnnl_success) st = pass_description(out, c, pass, d, attributes, engine, hint);
  if (hint) dnnl_primitive_desc_destroy(hint);
  free_all(&any);
  dnnl_primitive_attr_destroy(attributes);
  return st;
}

static dnnl_status_t copy_descriptor(dnnl_memory_desc_t *out, gdi_descriptor of) {
#if DNNL_VERSION_MAJOR >= 3
  dnnl_memory_desc_destroy(*out);
  return dnnl_memory_desc_clone(out, of);
#else
  *out = *of;
  return dnnl_success;
#endif
}

/*
 * The description of a pass, and in d->w its layout of weights: the one that full chunks like best, so that all chunks
 * share a packed copy.
 */
static dnnl_status_t description_of(dnnl_primitive_desc_t *out, descriptors *d, const gdi_conv *c,
                                    gdi_conv_pass pass, dnnl_engine_t engine) {
  gdi_conv full = *c;
  full.n = GDI_CONV_IMAGES;
  *out = NULL;
  dnnl_status_t st = describe_all(d, &full);
  if (st == dnnl_success) st = with_hint(out, &full, pass, d, engine);
  if (st != dnnl_success) return st;
  dnnl_memory_desc_t liked = {0};
  st = copy_descriptor(
      &liked, dnnl_primitive_desc_query_md(
                  *out, pass == GDI_CONV_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0));
  dnnl_primitive_desc_destroy(*out), *out = NULL;
  free_all(d);
  if (st == dnnl_success) st = describe_all(d, c);
  gdi_descriptor_free(d->w);
  d->w = liked;
  return st == dnnl_success ? with_hint(out, c, pass, d, engine) : st;
}

typedef struct request {
  const gdi_conv *c;
  gdi_conv_pass pass;
} request;

static const int args[][4] = {/* x, w, y, bias */
                              [GDI_CONV_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST,
                                                    DNNL_ARG_BIAS},
                              [GDI_CONV_DATA] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
                              [GDI_CONV_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};

static dnnl_status_t prepare(gdi_primitive *r, dnnl_engine_t engine, const void *what) {
  const request *q = what;
  descriptors d;
  dnnl_primitive_desc_t description;
  dnnl_status_t st = description_of(&description, &d, q->c, q->pass, engine);
  const char *name = "";
  if (st == dnnl_success) st = gdi_primitive_make(r, description, engine);
  if (st == dnnl_success) st = dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, &name);
  const gdi_descriptor md[] = {GDI_DESC(d.x), GDI_DESC(d.w), GDI_DESC(d.y), GDI_DESC(d.b)};
  const bool bias = q->pass == GDI_CONV_FORWARD && q->c->bias;
  for (int i = 0; i < 3 + bias && st == dnnl_success; i++)
    st = gdi_primitive_operand(r, args[q->pass][i], md[i], engine);
  r->packed_bytes = st == dnnl_success ? dnnl_memory_desc_get_size(md[1]) : 0;
  r->reference = strncmp(name, "ref", 3) == 0;
  if (description) dnnl_primitive_desc_destroy(description);
  free_all(&d);
  return st;
}

/* From PyTorch's layout to the pass's, or back. */
static dnnl_status_t prepare_reorder(gdi_primitive *r, dnnl_engine_t engine, const void *what) {
  const request *q = what;
  descriptors d;
  dnnl_primitive_desc_t description = NULL, reorder = NULL;
  dnnl_primitive_attr_t attributes = NULL;
  dnnl_status_t st = description_of(&description, &d, q->c, q->pass, engine);
  const bool back = q->pass == GDI_CONV_WEIGHTS;
  const gdi_descriptor from = back ? GDI_DESC(d.w) : GDI_DESC(d.plain),
                       to = back ? GDI_DESC(d.plain) : GDI_DESC(d.w);
  if (st == dnnl_success) st = dnnl_primitive_attr_create(&attributes);
  if (st == dnnl_success) st = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (st == dnnl_success)
    st = dnnl_reorder_primitive_desc_create(&reorder, from, engine, to, engine, attributes);
  if (st == dnnl_success) st = gdi_primitive_make(r, reorder, engine);
  if (st == dnnl_success) st = gdi_primitive_operand(r, DNNL_ARG_FROM, from, engine);
  if (st == dnnl_success) st = gdi_primitive_operand(r, DNNL_ARG_TO, to, engine);
  if (attributes) dnnl_primitive_attr_destroy(attributes);
  if (reorder) dnnl_primitive_desc_destroy(reorder);
  if (description) dnnl_primitive_desc_destroy(description);
  free_all(&d);
  return st;
}

static gdi_primitive_key key_of(int kind, const gdi_conv *c, gdi_conv_pass pass) {
  gdi_primitive_key k = {{kind, pass, c->n, c->groups, c->c, c->o, pass == GDI_CONV_FORWARD && c->bias}};
  const int64_t *const pairs[] = {c->in, c->out, c->kernel, c->stride, c->dilation, c->begin, c->end};
  for (int i = 0; i < 7; i++) memcpy(k.word + 7 + 2 * i, pairs[i], 2 * sizeof(int64_t));
  return k;
}

static dnnl_status_t find(gdi_primitive **out, gdi_workshop **w, const gdi_conv *c, gdi_conv_pass pass) {
  const gdi_primitive_key key = key_of(GDI_KEY_CONV, c, pass);
  const dnnl_status_t st = gdi_workshop_get(w);
  return st == dnnl_success ? gdi_primitive_find(out, *w, &key, prepare, &(request){c, pass}) : st;
}

bool gdi_onednn_conv_has(const gdi_conv *c, gdi_conv_pass pass) {
  gdi_workshop *w;
  gdi_primitive *r;
  return find(&r, &w, c, pass) == dnnl_success && !r->reference;
}

gd_status gdi_onednn_conv_packed(const gdi_conv *c, gdi_conv_pass pass, int64_t *elements) {
  gdi_workshop *w;
  gdi_primitive *r;
  const dnnl_status_t st = find(&r, &w, c, pass);
  if (st != dnnl_success) return dnnl_failure(st, c);
  *elements = (int64_t)(r->packed_bytes / sizeof(float));
  return GD_OK;
}

static gd_status reorder(const gdi_conv *c, gdi_conv_pass pass, const void *from, void *to) {
  const gdi_primitive_key key = key_of(GDI_KEY_PACK, c, pass);
  gdi_workshop *w;
  gdi_primitive *r;
  dnnl_status_t st = gdi_workshop_get(&w);
  if (st == dnnl_success) st = gdi_primitive_find(&r, w, &key, prepare_reorder, &(request){c, pass});
  if (st == dnnl_success) st = gdi_primitive_run(r, w, (const void *const[]){from, to});
  return st == dnnl_success ? GD_OK : dnnl_failure(st, c);
}

gd_status gdi_onednn_conv_pack(const gdi_conv *c, gdi_conv_pass pass, const void *w, void *packed) {
  return reorder(c, pass, w, packed);
}

gd_status gdi_onednn_conv_unpack(const gdi_conv *c, const void *packed, void *w) {
  return reorder(c, GDI_CONV_WEIGHTS, packed, w);
}

gd_status gdi_onednn_conv_run(const gdi_conv *c, gdi_conv_pass pass, const void *x, const void *packed,
                              const void *bias, const void *y) {
  gdi_workshop *w;
  gdi_primitive *r;
  dnnl_status_t st = find(&r, &w, c, pass);
  if (st == dnnl_success) st = gdi_primitive_run(r, w, (const void *const[]){x, packed, y, bias});
  return st == dnnl_success ? GD_OK : dnnl_failure(st, c);
}

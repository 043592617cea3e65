/* oneDNN's descriptions of convolutions: where its versions 2 and 3 differ. */
#include "device/cpu/onednn_conv.h"

#include <string.h>

static dnnl_status_t describe(dnnl_memory_desc_t *out, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
                              dnnl_format_tag_t tag) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl_memory_desc_create_with_tag(out, n, dims, type, tag);
#else
  return dnnl_memory_desc_init_by_tag(out, n, dims, type, tag);
#endif
}

/* What a pass computes is f32, whatever its operands are. */
static dnnl_status_t describe_all(gdi_conv_descriptors *d, const gdi_conv *c, gdi_conv_pass pass) {
  const dnnl_data_type_t f32 = dnnl_f32, low = c->type == GD_BF16 ? dnnl_bf16 : f32;
  const dnnl_dims_t x = {c->n, c->c, c->in[0], c->in[1]}, y = {c->n, c->o, c->out[0], c->out[1]}, b = {c->o};
  const dnnl_dims_t w4 = {c->o, c->c, c->kernel[0], c->kernel[1]},
                    w5 = {c->groups, c->o / c->groups, c->c / c->groups, c->kernel[0], c->kernel[1]};
  const bool grouped = c->groups > 1;
  memset(d, 0, sizeof *d);
  dnnl_status_t st = describe(&d->x, 4, x, pass == GDI_CONV_DATA ? f32 : low, dnnl_nhwc);
  if (st == dnnl_success) st = describe(&d->y, 4, y, pass == GDI_CONV_FORWARD ? f32 : low, dnnl_nhwc);
  if (st == dnnl_success) st = describe(&d->b, 1, b, f32, dnnl_a);
  if (st == dnnl_success)
    st = describe(&d->w, grouped ? 5 : 4, grouped ? w5 : w4, pass == GDI_CONV_WEIGHTS ? f32 : low,
                  dnnl_format_tag_any);
  if (st == dnnl_success)
    st = describe(&d->plain, grouped ? 5 : 4, grouped ? w5 : w4, f32, grouped ? dnnl_goihw : dnnl_oihw);
  return st;
}

void gdi_conv_descriptors_free(gdi_conv_descriptors *d) {
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
                                      const gdi_conv_descriptors *d, dnnl_primitive_attr_t attributes,
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
                                      const gdi_conv_descriptors *d, dnnl_primitive_attr_t attributes,
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
                               const gdi_conv_descriptors *d, dnnl_engine_t engine) {
  dnnl_primitive_attr_t attributes;
  dnnl_primitive_desc_t hint = NULL;
  gdi_conv_descriptors any;
  dnnl_status_t st = dnnl_primitive_attr_create(&attributes);
  if (st != dnnl_success) return st;
  st = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
  if (st == dnnl_success) st = describe_all(&any, c, GDI_CONV_FORWARD);
  if (st == dnnl_success && pass != GDI_CONV_FORWARD)
    st = pass_description(&hint, c, GDI_CONV_FORWARD, &any, attributes, engine, NULL);
  if (st == dnnl_success) st = pass_description(out, c, pass, d, attributes, engine, hint);
  if (hint) dnnl_primitive_desc_destroy(hint);
  gdi_conv_descriptors_free(&any);
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

dnnl_status_t gdi_conv_description(dnnl_primitive_desc_t *out, gdi_conv_descriptors *d, const gdi_conv *c,
                                   gdi_conv_pass pass, dnnl_engine_t engine) {
  gdi_conv full = *c;
  full.n = GDI_CONV_IMAGES;
  *out = NULL;
  dnnl_status_t st = describe_all(d, &full, pass);
  if (st == dnnl_success) st = with_hint(out, &full, pass, d, engine);
  if (st != dnnl_success) return st;
  dnnl_memory_desc_t liked = {0};
  st = copy_descriptor(
      &liked, dnnl_primitive_desc_query_md(
                  *out, pass == GDI_CONV_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0));
  dnnl_primitive_desc_destroy(*out), *out = NULL;
  gdi_conv_descriptors_free(d);
  if (st == dnnl_success) st = describe_all(d, c, pass);
  gdi_descriptor_free(d->w);
  d->w = liked;
  return st == dnnl_success ? with_hint(out, c, pass, d, engine) : st;
}

/*
 * Convolutions on a GPU: by cuDNN (cudnn.h) where it is there and has them, else as matrix products over columns: row (b, i, j) of them [kH kW, C/groups] holds the values under
 * the kernel for pixel (i, j) of map b, zeros outside. Those of depth, whose groups read one channel, have kernels of their
 * own. Images go in chunks whose columns have a bounded size, which follows from the convolution alone; gradients of weights
 * are added chunk by chunk. So equal convolutions have equal bits.
 */
#ifndef GDI_CUDA_CONV_H
#define GDI_CUDA_CONV_H

#include "device/conv.h"
#include "device/cuda/blas.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One pass. What it computes is of conv.type, and overwritten, or added to; the two others are read. Weights are [O, C/groups,
 * kH, kW].
 */
typedef struct gdi_conv_call {
  gdi_conv conv;
  gdi_conv_pass pass;
  void *x, *w, *y;
  bool add;
  bool x_rounded, y_rounded; /* what is read is bf16 already: gdi_cuda_conv_operand() */
  const void *bias;          /* [O], of a forward pass; or NULL */
  bool relu;                 /* of that with its bias; it may make 0 of NaN */
} gdi_conv_call;

/* Can the pass be had with its bias and relu? Without them it can. */
gd_status gdi_cuda_conv_offers(gd_device *d, const gdi_conv_call *v, bool *yes) GD_CHECKED;

/* Queues it in the stream in use. Takes scratch memory: the caller marks d->scratch before and releases it after. */
gd_status gdi_cuda_conv(gd_device *d, const gdi_conv_call *v) GD_CHECKED;
/* The type in which x and y are multiplied: bf16 for f32 where products take that. */
gd_dtype gdi_cuda_conv_operand(const gd_device *d, const gdi_conv *c);
/* Are results made where they go, or elsewhere first, since they are bf16 or weights in another order? */
bool gdi_cuda_conv_in_place(const gd_device *d, const gdi_conv_call *v);

/* Are there kernels of depthwise.cu for it? They read and write conv.type. */
static inline bool gdi_conv_is_depthwise(const gdi_conv *c) {
  return c->groups > 1 && c->groups == c->c;
}
gd_status gdi_cuda_depthwise(gd_device *d, const gdi_conv_call *v) GD_CHECKED;

/* columns.cu: [groups, n out, kH kW, C/groups] of the images of c, as `type`; x is f32 or f64, or bf16 where `rounded`. */
gd_status gdi_cuda_columns(gd_device *d, const gdi_conv *c, const void *x, bool rounded, gd_dtype type,
                           void *columns) GD_CHECKED;
/* x (+)= for each of its values the sum of the columns, of c->type, that were read from it, in the order of the kernel. */
gd_status gdi_cuda_sum_columns(gd_device *d, const gdi_conv *c, const void *columns, void *x,
                               bool add) GD_CHECKED;
/* [O, C/groups, kH kW] to [O, kH kW, C/groups] of `type`; `rounded`: w is bf16. And back, from c->type or bf16, adding or not. */
gd_status gdi_cuda_conv_pack(gd_device *d, const gdi_conv *c, const void *w, bool rounded, gd_dtype type,
                             void *packed) GD_CHECKED;
gd_status gdi_cuda_conv_unpack(gd_device *d, const gdi_conv *c, const void *packed, bool rounded, void *w,
                               bool add) GD_CHECKED;
/* f32 to (+)= bf16 from */
gd_status gdi_cuda_widen(gd_device *d, const void *from, void *to, int64_t n, bool add) GD_CHECKED;

static inline int64_t gdi_conv_taps(const gdi_conv *c) {
  return c->kernel[0] * c->kernel[1];
}
/* Values of an image of x, and of its map. */
static inline int64_t gdi_conv_x_image(const gdi_conv *c) {
  return c->in[0] * c->in[1] * c->c;
}
static inline int64_t gdi_conv_y_image(const gdi_conv *c) {
  return c->out[0] * c->out[1] * c->o;
}

#ifdef __cplusplus
}
#endif
#endif

/*
 * A convolution of a few images on the calling thread: by oneDNN, else as matrix products over columns (conv.c says which).
 * Images are channels last. Weights are PyTorch's [O, C/groups, kH, kW]; the passes take a packed copy of them.
 */
#ifndef GDI_CPU_CONV_H
#define GDI_CPU_CONV_H

#include "device/conv.h"
#include "device/device.h"

/* The most images that are worth one call: their values stay in the cache between passes. */
enum { GDI_CONV_IMAGES = 8 };

/*
 * Says what computes c, whose type is that of its tensors, and makes it bf16 where that is the type of products and gains. It
 * follows from shape, version of oneDNN and instruction set: no timing, so equal convolutions have equal bits.
 */
void gdi_conv_choose(gdi_conv *c, gd_dtype product);

/* Elements of the weights, or of their gradient, as a pass takes them: equal for any number of images. */
gd_status gdi_conv_packed(const gdi_conv *c, gdi_conv_pass pass, int64_t *elements) GD_CHECKED;
/* From weights in f32 or f64. */
gd_status gdi_conv_pack(const gdi_conv *c, gdi_conv_pass pass, const void *w, void *packed) GD_CHECKED;
/* The gradient as PyTorch lays weights out. */
gd_status gdi_conv_unpack(const gdi_conv *c, const void *packed, void *w) GD_CHECKED;
/* Elements of scratch memory that a call needs. */
int64_t gdi_conv_scratch(const gdi_conv *c);
/* Overwrites y, dx or the packed dw, whichever the pass computes. bias: NULL but in a forward pass of one with bias. */
gd_status gdi_conv_run(const gdi_conv *c, gdi_conv_pass pass, const void *x, const void *packed,
                       const void *bias, const void *y, void *scratch) GD_CHECKED;

/* onednn_conv.c: for f32 and bf16. Of those functions the same, and: does oneDNN have a fast one? Has the CPU bf16 units? */
bool gdi_onednn_has_amx(void);
bool gdi_onednn_conv_has(const gdi_conv *c, gdi_conv_pass pass);
gd_status gdi_onednn_conv_packed(const gdi_conv *c, gdi_conv_pass pass, int64_t *elements) GD_CHECKED;
gd_status gdi_onednn_conv_pack(const gdi_conv *c, gdi_conv_pass pass, const void *w, void *packed) GD_CHECKED;
gd_status gdi_onednn_conv_unpack(const gdi_conv *c, const void *packed, void *w) GD_CHECKED;
gd_status gdi_onednn_conv_run(const gdi_conv *c, gdi_conv_pass pass, const void *x, const void *packed,
                              const void *bias, const void *y) GD_CHECKED;

#endif

/* How oneDNN is told of a convolution. */
#ifndef GDI_CPU_ONEDNN_CONV_H
#define GDI_CPU_ONEDNN_CONV_H

#include "device/cpu/conv.h"
#include "device/cpu/primitive.h"

/* Descriptors of x, w, bias and y; of w as PyTorch has them (plain) or as the primitive likes them. */
typedef struct gdi_conv_descriptors {
  dnnl_memory_desc_t x, w, plain, b, y;
} gdi_conv_descriptors;

void gdi_conv_descriptors_free(gdi_conv_descriptors *d);

/*
 * The description of a pass, and in d->w its layout of weights: the one that full chunks like best, so that all chunks
 * share a packed copy.
 */
dnnl_status_t gdi_conv_description(dnnl_primitive_desc_t *out, gdi_conv_descriptors *d, const gdi_conv *c,
                                   gdi_conv_pass pass, dnnl_engine_t engine);

#endif

/*
 * Convolutions by cuDNN: a plan for each form that is kept, as blas.h has them for products. It is the first one of the
 * heuristic's that is deterministic and keeps the precision; never one that was timed, so equal convolutions have equal
 * bits. Its graph API, for which it knows the notes of its engines (the older one tells tensor cores from others by a hint
 * alone) and fuses bias and relu; images and weights are channels last.
 */
#ifndef GDI_CUDA_CUDNN_H
#define GDI_CUDA_CUDNN_H

#include "device/cuda/conv.h"

/* *out is NULL where the library is absent or not wanted. Errors: GD_ERR_OOM */
gd_status gdi_cudnn_new(gdi_cudnn **out, gd_device *d) GD_CHECKED;
void gdi_cudnn_free(gdi_cudnn *c);
/* ", cuDNN 9.19.0": what decides the bits of convolutions; "" of none. */
const char *gdi_cudnn_describe(const gdi_cudnn *c);

/* Does cuDNN have this pass, as it is? */
gd_status gdi_cudnn_offers(gd_device *d, const gdi_conv_call *v, bool *yes) GD_CHECKED;
/* A pass that it has, of x, w [O, kH, kW, C/groups] and y in the type of operands: the one computed is overwritten, or added to
 * where the call adds and gdi_cuda_conv_in_place(). Takes scratch memory. */
gd_status gdi_cudnn_run(gd_device *d, const gdi_conv_call *v, void *x, void *w, void *y) GD_CHECKED;

#endif

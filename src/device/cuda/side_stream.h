/*
 * Gradients of leaves in streams of their own. Each product of backward hands a gradient on to the record before;
 * the products that make gradients of weights hand on nothing, so they need not come in between, and nor need the
 * sums that make those of biases.
 *
 *   compute     dz2 --- dx2 --- dz1 --- dx1 --- ...  gd_backward() ends
 *                | \             | \                 /
 *   gradients    |  dW2 ---------|- dW1 ----------- /
 *   sums         db2 ----------- db1 -------------
 *
 * What is read there must stay until the backward is over: it lives in the tape's arena, never in scratch.
 */
#ifndef GDI_CUDA_SIDE_STREAM_H
#define GDI_CUDA_SIDE_STREAM_H

#include "device/cuda/cuda.h"

gd_status gdi_side_stream_open(gd_device *d) GD_CHECKED;
void gdi_side_stream_close(gd_device *d);

/*
 * May a record's backward, at work, make the gradient of its input x there? When x is a leaf, and this is the last
 * record that adds to it: earlier ones have added in the compute stream, which is waited for.
 */
bool gdi_side_stream_may(const gd_tensor *x);
/* What is queued in side streams from now on waits for what the compute stream has queued so far. */
gd_status gdi_side_stream_fork(gd_device *d) GD_CHECKED;
/* Kernels, products and scratch memory are that stream's from enter to leave: GDI_STREAM_GRADIENTS, or GDI_STREAM_SUMS,
 * which has no products. */
gd_status gdi_side_stream_enter(gd_device *d, gdi_stream stream) GD_CHECKED;
void gdi_side_stream_leave(gd_device *d);
/* gdi_gpu.gradients */
gd_status gdi_side_stream_join(gd_device *d, gdi_stream stream) GD_CHECKED;

#endif

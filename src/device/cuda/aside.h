/*
 * Gradients of leaves in lanes of their own. Each product of backward hands a gradient on to the record before;
 * the products that make gradients of weights hand on nothing, so they need not come in between, and nor need the
 * sums that make those of biases.
 *
 *   compute     dz2 --- dx2 --- dz1 --- dx1 --- ...  gd_backward() ends
 *                | \             | \                 /
 *   gradients    |  dW2 ---------|- dW1 ----------- /
 *   sums         db2 ----------- db1 -------------
 *
 * What is read there must stay until the pass is over: it lives in the tape's arena, never in scratch.
 */
#ifndef GDI_CUDA_ASIDE_H
#define GDI_CUDA_ASIDE_H

#include "device/cuda/cuda.h"

gd_status gdi_aside_open(gd_device *d) GD_CHECKED;
void gdi_aside_close(gd_device *d);

/*
 * May n's backward, at work, make the gradient of that input there? When it is a leaf's, and n is the last
 * record that adds to it: earlier ones have added in the compute lane, which is waited for.
 */
bool gdi_aside_may(const gd_node *n, int input);
/* What is put aside from now on waits for what the compute lane has queued so far. */
gd_status gdi_aside_fork(gd_device *d) GD_CHECKED;
/* Kernels, products and scratch memory are that lane's from enter to leave: GDI_LANE_GRADIENTS, or GDI_LANE_SUMS,
 * which has no products. */
gd_status gdi_aside_enter(gd_device *d, gdi_lane lane) GD_CHECKED;
void gdi_aside_leave(gd_device *d);
/* gdi_gpu.gradients */
gd_status gdi_aside_join(gd_device *d, gdi_lane lane) GD_CHECKED;

#endif

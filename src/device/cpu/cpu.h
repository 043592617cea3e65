/* The kernel families of the CPU, and what its kernels share. */
#ifndef GDI_CPU_H
#define GDI_CPU_H

#include "device/device.h"
#include "device/cpu/walk.h"

#define GDI_BACKWARD_0(name)
#define GDI_BACKWARD_1(name)                                                                                 \
  gd_status gdi_cpu_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                       \
                                      gd_tensor *const din[], const bool add[]) GD_CHECKED;
#define GDI_FAMILY(name, differentiable)                                                                     \
  gd_status gdi_cpu_##name##_forward(gd_device *d, gd_node *n) GD_CHECKED;                                   \
  GDI_BACKWARD_##differentiable(name)
#include "device/families.def"

/*
 * A gradient that `loop` computes in the full shape of operand[1..n-1] goes to `to`, which may have been
 * broadcast: then it is formed aside and summed over what was repeated, in f64. The loop's argument is a
 * bool: add.
 */
gd_status gdi_broadcast_gradient(gd_device *d, gdi_loop loop, int n, gdi_operand operand[], gd_tensor *to,
                                 bool add) GD_CHECKED;

/* Copy elements of `bytes` each to a contiguous array of `shape` from one with the given strides (in
 * elements). */
void gdi_cpu_gather(gd_device *d, size_t bytes, int ndim, const int64_t shape[], const int64_t stride[],
                    void *to, const void *from);

/* Memory of one kernel call: the caller marks d->scratch before and releases it after. */
gd_status gdi_scratch(gd_device *d, int64_t n, size_t element_bytes, void **out) GD_CHECKED;

/* ceiling.c */
gd_status gdi_cpu_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, bool needs_dx,
                                double *seconds) GD_CHECKED;

#endif

/* What kernels of the CPU share. */
#ifndef GDI_OPS_CPU_H
#define GDI_OPS_CPU_H

#include "device/cpu/cpu.h"
#include "ops/cpu/walk.h"
#include "ops/ops.h"

/*
 * A gradient that `loop` computes in the full shape of operand[1..n-1] goes to `to`, which may have been
 * broadcast: then it is formed in scratch memory and summed over what was repeated, in f64. The loop's argument is a
 * bool: add.
 */
gd_status gdi_broadcast_gradient(gd_device *d, gdi_loop loop, int n, gdi_operand operand[], gd_tensor *to,
                                 bool add) GD_CHECKED;

/* Copy elements of `bytes` each to a contiguous array of `shape` from one with the given strides (in
 * elements). */
void gdi_cpu_gather(gd_device *d, size_t bytes, int ndim, const int64_t shape[], const int64_t stride[],
                    void *to, const void *from);

/* Element i of an f32 or f64 tensor. */
static inline double gdi_value_at(const gd_tensor *t, int64_t i) {
  return gdi_is_f64(t->dtype) ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

static inline void gdi_put_at(gd_tensor *t, int64_t i, double value) {
  if (gdi_is_f64(t->dtype))
    ((double *)t->data)[i] = value;
  else
    ((float *)t->data)[i] = (float)value;
}

#endif

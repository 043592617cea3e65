/* The kernels around the products of an affine layer. Everything is row-major, without gaps. */
#ifndef GDI_CUDA_ACTIVATION_H
#define GDI_CUDA_ACTIVATION_H

#include "device/cuda/cuda.h"
#include "ops/linear.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * z += b, y = act(z). z [B,O], y [B,O] of `type`, may be the same memory; b [O] or NULL. rounded [B,O]: y,
 * f32, in bf16 too, where a product that is queued next finds it; or NULL
 */
gd_status gdi_cuda_activate(gd_device *d, gd_dtype type, gd_activation act, void *z, const void *b, void *y,
                            uint16_t *rounded, int64_t B, int64_t O) GD_CHECKED;

/*
 * dz = dy act'(z) and db = sum of dz over the rows, in f64 and in an order that follows from B alone.
 * y, z [B,O] of `type`; dy, dz [B,O] of dy_type, dz_type, which are `type` or bf16, dy only without activation
 * and without dz; db [O] of `type`
 */
typedef struct gdi_activation_gradient {
  gd_dtype type, dy_type, dz_type;
  gd_activation act;
  const void *dy, *y, *z; /* z is read for activations that keep it, y for the others */
  void *dz, *db;          /* either may be NULL */
  bool add;               /* to db */
  int64_t B, O;
} gdi_activation_gradient;
/* Takes scratch memory: the caller marks d->scratch before and releases it after. */
gd_status gdi_cuda_activation_gradient(gd_device *d, const gdi_activation_gradient *g) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

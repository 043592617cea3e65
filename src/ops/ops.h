/*
 * The library's operations: their records, gdi_op_<name>, and what shape rules share. An operation is
 *
 *   ops/<name>.c        its record, shape rule and public function; ops/<name>.h its arguments, where it has some
 *   ops/cpu/<name>.c    gdi_cpu_<name>_forward and _backward
 *   ops/cuda/<name>.cu  gdi_cuda_<name>_forward and _backward
 *
 * and a line in ops.def. Element-wise ones and reductions are nothing but a line in elementwise.def.
 */
#ifndef GDI_OPS_H
#define GDI_OPS_H

#include "device/device.h"
#include "gd/op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GDI_DECLARE_FORWARD(name)                                                                            \
  gd_status gdi_cpu_##name##_forward(gd_device *d, gd_node *n) GD_CHECKED;                                   \
  gd_status gdi_cuda_##name##_forward(gd_device *d, gd_node *n) GD_CHECKED;
#define GDI_DECLARE_BACKWARD(name)                                                                           \
  gd_status gdi_cpu_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                       \
                                      gd_tensor *const din[], const bool add[]) GD_CHECKED;                  \
  gd_status gdi_cuda_##name##_backward(gd_device *d, gd_node *n, const gd_tensor *dout,                      \
                                       gd_tensor *const din[], const bool add[]) GD_CHECKED;

#define GDI_OP(name)                                                                                         \
  extern const gd_op gdi_op_##name;                                                                          \
  GDI_DECLARE_FORWARD(name)                                                                                  \
  GDI_DECLARE_BACKWARD(name)
#include "ops/ops.def"

/* A record's kernels, of both devices or of the only one in this build; and of an operation without derivative. */
#ifdef GD_WITH_CUDA
#define GDI_KERNELS(name)                                                                                    \
  {                                                                                                          \
    [GD_CPU] = {gdi_cpu_##name##_forward, gdi_cpu_##name##_backward}, [GD_CUDA] = {                          \
      gdi_cuda_##name##_forward,                                                                             \
      gdi_cuda_##name##_backward                                                                             \
    }                                                                                                        \
  }
#define GDI_KERNELS_WITHOUT_BACKWARD(name)                                                                   \
  {                                                                                                          \
    [GD_CPU] = {gdi_cpu_##name##_forward, NULL}, [GD_CUDA] = { gdi_cuda_##name##_forward, NULL }             \
  }
#else
#define GDI_KERNELS(name)                                                                                    \
  {                                                                                                          \
    [GD_CPU] = { gdi_cpu_##name##_forward, gdi_cpu_##name##_backward }                                       \
  }
#define GDI_KERNELS_WITHOUT_BACKWARD(name)                                                                   \
  {                                                                                                          \
    [GD_CPU] = { gdi_cpu_##name##_forward, NULL }                                                            \
  }
#endif

/* Arguments of the operations that have but a dimension. */
typedef struct gdi_along {
  int dim;
} gdi_along;

/* Arguments of unary operations: the numbers that their line of elementwise.def names. */
typedef struct gdi_numbers {
  double k[2];
} gdi_numbers;

/* ---- shape rules, and what they are made of ---- */

gd_status gdi_shape_same(gd_node *n, gd_op_result *out) GD_CHECKED;      /* of the first input, f32 or f64 */
gd_status gdi_shape_broadcast(gd_node *n, gd_op_result *out) GD_CHECKED; /* of two, f32 or f64 */
gd_status gdi_shape_compare(gd_node *n, gd_op_result *out) GD_CHECKED;   /* of two, as u8 */

gd_status gdi_do_not_fit(const gd_node *n, const gd_tensor *a, const gd_tensor *b) GD_CHECKED;
gd_status gdi_check_float(const gd_node *n, const gd_tensor *x) GD_CHECKED;
gd_status gdi_check_type(const gd_node *n, const char *what, const gd_tensor *x, gd_dtype type) GD_CHECKED;
gd_status gdi_check_same_type(const gd_node *n, const gd_tensor *a, const gd_tensor *b) GD_CHECKED;
/* A dimension of x counted from the end becomes one counted from the front. */
gd_status gdi_check_dim(const gd_node *n, const gd_tensor *x, int *dim) GD_CHECKED;
void gdi_result_like(gd_op_result *out, const gd_tensor *x);
void gdi_result_add_dim(gd_op_result *out, int64_t extent);
/* Widen `out` so that x broadcasts to it; false when they do not fit. */
bool gdi_result_widen(gd_op_result *out, const gd_tensor *x);
/* Of inputs `first` and the one after it. */
gd_status gdi_result_broadcast(const gd_node *n, int first, gd_op_result *out) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

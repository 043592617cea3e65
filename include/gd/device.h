/** @file device.h  Where tensors live and kernels run. */
#ifndef GD_DEVICE_H
#define GD_DEVICE_H

#include "gd/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gd_device_kind { GD_CPU, GD_CUDA } gd_device_kind;
enum { GD_DEVICE_KINDS = GD_CUDA + 1 };
/** "cpu", "cuda" */
GD_API const char *gd_device_kind_name(gd_device_kind kind);

/** Operand type of matrix products; sums, weights and everything else stay in the tensors' type. */
typedef enum gd_matmul_type {
  GD_MATMUL_NATIVE, /**< the tensors' own type */
  GD_MATMUL_BF16,   /**< f32 tensors: operands rounded to bf16, sums in f32 */
  GD_MATMUL_TF32,   /**< GPU only */
} gd_matmul_type;

typedef struct gd_device gd_device;

typedef struct gd_device_options {
  gd_device_kind kind;
  int index;   /**< which GPU */
  int threads; /**< CPU threads of this rank, >= 1; the bits of results do not depend on it */
  gd_matmul_type matmul;
} gd_device_options;

/**
 * `options`: NULL for the CPU with one thread.
 * Owner:  caller; gd_device_close() after every tensor, tape and module on it is gone.
 * Errors: GD_ERR_GPU (no such GPU, or built without CUDA), GD_ERR_USAGE, GD_ERR_OOM
 */
GD_API gd_status gd_device_open(gd_device **out, const gd_device_options *options) GD_CHECKED;
GD_API void gd_device_close(gd_device *d);
/** GPUs that this process can use; 0 without a driver, and in a build without CUDA. */
GD_API int gd_device_gpus(void);
GD_API gd_device_kind gd_device_kind_of(const gd_device *d);
GD_API int gd_device_threads(const gd_device *d);
/**
 * Everything about the device that decides the bits of results, for checkpoints and messages:
 * "AMD EPYC ..., oneDNN 2.6.3 (avx512_core_bf16), ...", "NVIDIA H200, cuBLASLt 13.0, ...".
 */
GD_API const char *gd_device_describe(const gd_device *d);

#ifdef __cplusplus
}
#endif
#endif

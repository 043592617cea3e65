/*
 * What a device is to the engine: memory, moving it, threads or streams, and the libraries that multiply matrices.
 * It knows no operations: their kernels (src/ops) use it. Tensors are contiguous and row-major.
 */
#ifndef GDI_DEVICE_H
#define GDI_DEVICE_H

#include "base/arena.h"
#include "gd/tensor.h"
#include "gd/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Callbacks from inside a kernel, on the thread that called it; NULL: none. `completed`: the gradient of an input
 * is complete although the kernel still runs. `pause`: between pieces of work; must be cheap and may not
 * start a kernel.
 */
typedef struct gdi_listener {
  void (*completed)(void *user, gd_node *n, int input);
  void (*pause)(void *user);
  void *completed_user, *pause_user;
} gdi_listener;

struct gd_device {
  gd_device_kind kind;
  int index, threads;
  gd_matmul_type matmul;
  gdi_memory memory;
  gd_arena *scratch; /* memory of one kernel call: mark, use, release */
  gdi_listener listener;
  char description[192];
  char address[32];          /* PCI address of a GPU: equal for ranks that share one */
  char *one;                 /* the number 1: see gdi_one() */
  void *impl;                /* private to the device */
  const struct gdi_gpu *gpu; /* functions of GPUs only (gpu.h); NULL on a CPU */
  /* Ordered with kernels; uploads and downloads return when the host memory may be reused. */
  gd_status (*upload)(gd_device *d, void *to, const void *from_host, size_t bytes);
  gd_status (*download)(gd_device *d, void *to_host, const void *from, size_t bytes);
  gd_status (*copy)(gd_device *d, void *to, const void *from, size_t bytes); /* on the device */
  gd_status (*zero)(gd_device *d, void *to, size_t bytes);
  gd_status (*fill)(gd_device *d, gd_dtype type, void *to, int64_t n, double value);
  gd_status (*accumulate)(gd_device *d, gd_dtype type, void *to, const void *from,
                          int64_t n); /* to += from; f32, f64 */
  void (*close)(gd_device *d);
  /* Seconds of the bare matrix products of an affine layer, of y, dx and dW: the ceiling of a step. */
  gd_status (*layer_seconds)(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, double seconds[3]);
};

/*
 * A tensor whose shape is not checked, over `data` or, when that is NULL, new memory of arena `a`. All
 * tensors are initialised here.
 */
gd_status gdi_tensor_make(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                          const int64_t shape[], void *data) GD_CHECKED;

/*
 * A 1 of f32 or f64 in the device's memory, never to be written: the gradient of a root without a seed. Kernels
 * that have prepared for it tell it by its address.
 */
static inline void *gdi_one(const gd_device *d, gd_dtype type) {
  return type == GD_F64 ? d->one : d->one + sizeof(double);
}
static inline bool gdi_is_one(const gd_device *d, const gd_tensor *t) {
  return t->data == gdi_one(d, t->dtype);
}

/* "[64, 784]" into buf. Returns buf. */
const char *gdi_shape_text(const gd_tensor *t, char *buf, size_t bytes);
enum { GDI_SHAPE_TEXT = 6 * 22 };
const char *gdi_dims_text(int ndim, const int64_t dim[], char buf[GDI_SHAPE_TEXT]);

gd_status gdi_cpu_open(gd_device *d, const gd_device_options *o) GD_CHECKED;
gd_status gdi_cuda_open(gd_device *d, const gd_device_options *o) GD_CHECKED;
int gdi_cuda_count(void); /* GPUs that can be used; 0 without a driver */

#ifdef __cplusplus
}
#endif
#endif

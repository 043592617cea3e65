/**
 * @file tensor.h  Tensors: contiguous, row-major arrays of up to 6 dimensions on a device.
 *
 * A tensor never owns memory: it and its values live in the arena it was made in. Views (reshape, slices of
 * whole leading rows) share the values.
 *
 * Shape letters, in all headers:
 *   B batch rows   I inputs   O outputs   C classes   N samples   ... any further dimensions
 */
#ifndef GD_TENSOR_H
#define GD_TENSOR_H

#include "gd/arena.h"
#include "gd/device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GD_MAX_DIMS 6

/** Which dimension of an image or a signal its channels are, where it is known. */
typedef enum gd_layout { GD_LAYOUT_GUESSED, GD_CHANNELS_FIRST, GD_CHANNELS_LAST } gd_layout;

typedef enum gd_dtype { GD_F32, GD_F64, GD_BF16, GD_I32, GD_I64, GD_U8 } gd_dtype;

GD_API size_t gd_dtype_bytes(gd_dtype d);
GD_API const char *gd_dtype_name(gd_dtype d); /**< "f32" */

typedef struct gd_node gd_node; /* the record of an operation on the tape */

/** How a tensor was made: tells users why it has no gradient. */
typedef enum gd_origin {
  GD_ORIGIN_LEAF,       /**< made from values */
  GD_ORIGIN_RECORDED,   /**< by an operation that is on the tape */
  GD_ORIGIN_DETACHED,   /**< by gd_detach() */
  GD_ORIGIN_UNRECORDED, /**< by an operation while recording was off */
  GD_ORIGIN_CONSTANT,   /**< by an operation none of whose inputs requires a gradient, or that has none */
} gd_origin;

/** Read the fields freely; change them only through functions. */
typedef struct gd_tensor {
  void *data;
  int64_t shape[GD_MAX_DIMS];
  int ndim; /**< 0: a scalar */
  gd_dtype dtype;
  gd_device *device;
  gd_arena *arena;  /**< where it lives, and where its gradient will */
  const char *name; /**< for errors and drawings; may be NULL */
  bool requires_grad;
  bool has_grad; /**< `grad` holds a value since it was last zeroed */
  struct gd_tensor
      *grad;     /**< of a leaf: same shape and type; NULL before the first backward. Of a result it is
                               the engine's own, and may hold anything */
  gd_node *node; /**< the operation that made it; NULL for a leaf */
  gd_origin origin;
  int uses; /**< records that a backward has still to visit before the gradient is complete */
} gd_tensor;

/** A shape argument: gd_tensor_new(&x, arena, dev, GD_F32, GD_SHAPE(5, 3)); GD_SCALAR for no dimensions. */
#define GD_SHAPE(...)                                                                                        \
  ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))), ((const int64_t[]){__VA_ARGS__})
#define GD_SCALAR 0, NULL

/**
 * A tensor with undefined values.
 * Owner:  the arena.
 * Errors: GD_ERR_SHAPE (more than 6 dimensions, a negative extent, a size that overflows), GD_ERR_OOM
 */
GD_API gd_status gd_tensor_new(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                               const int64_t shape[]) GD_CHECKED;
/** The same over memory that the caller keeps (on the tensor's device, aligned to its element). */
GD_API gd_status gd_tensor_over(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                                const int64_t shape[], void *data) GD_CHECKED;

GD_API int64_t gd_numel(const gd_tensor *t);
GD_API size_t gd_tensor_bytes(const gd_tensor *t);

/** Copy n values in or out, converted from or to double; n must be gd_numel(). Waits for the device. */
GD_API gd_status gd_tensor_set(gd_tensor *t, const double *values, int64_t n) GD_CHECKED;
GD_API gd_status gd_tensor_get(const gd_tensor *t, double *values, int64_t n) GD_CHECKED;
/** The value of a tensor of one element; NaN when it has more. */
GD_API double gd_item(const gd_tensor *t);
GD_API gd_status gd_tensor_fill(gd_tensor *t, double value) GD_CHECKED;

/**
 * Turn the gradient of a leaf on or off. It is allocated in the tensor's arena at the first backward.
 * Errors: GD_ERR_NO_GRAD when t is the result of a recorded operation (detach it first), GD_ERR_DTYPE when it
 *         is neither f32 nor f64
 */
GD_API gd_status gd_require_grad(gd_tensor *t, bool on) GD_CHECKED;
/** Forget the gradient: the next backward overwrites it instead of adding. O(1): nothing is written. */
GD_API void gd_zero_grad(gd_tensor *t);
/** "AddBackward", or NULL for a leaf or an unrecorded result. */
GD_API const char *gd_grad_fn(const gd_tensor *t);
/** "f32 [64, 784]" into buf. Returns buf. */
GD_API const char *gd_tensor_describe(const gd_tensor *t, char *buf, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

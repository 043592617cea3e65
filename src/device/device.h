/*
 * What a device is to the engine: memory, and a table of kernels by operation.
 *
 * The graph room decides what is computed: it checks shapes and types, makes the output, and calls a kernel.
 * A kernel only computes. Tensors are contiguous and row-major. `#include "device/ops.def"` gives the
 * operations.
 */
#ifndef GDI_DEVICE_H
#define GDI_DEVICE_H

#include "base/arena.h"
#include "gd/tensor.h"
#include "gd/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gdi_op {
#define GDI_OP(name, prints, shape, family) GDI_OP_##name,
#include "device/ops.def"
  GDI_OPS
} gdi_op;

/*
 * Inputs of operations that do not take plain (x) or (a, b):
 *   where          condition u8, a, b
 *   index_select   x, index i64 [n]
 *   concat         n_in tensors
 *   linear         x, W, b or NULL
 *   cross_entropy  logits, labels i64 [B], class weights [C] or NULL; forward always makes saved[1], the f64
 *                  scalar sum of the weights of the rows that are not ignored
 */

/* Arguments of an operation that are not tensors, with the operations that use them. */
typedef struct gdi_attr {
  double a, b;            /* leaky_relu: slope; clamp: lo, hi; dropout: p */
  uint32_t dims;          /* reductions: bit i set when dimension i is summed over */
  int dim, dim1;          /* softmax, concat, slice, index_select, argmax; transpose: the pair */
  int correction;         /* var */
  gd_dtype type;          /* cast */
  bool keep;              /* reductions: keep the dimension as 1 */
  int64_t start, stop;    /* slice */
  int64_t ignore;         /* cross_entropy: label that does not count */
  gd_activation act;      /* linear */
  gd_rng rng;             /* dropout: the stream of this call */
  int64_t row0;           /* dropout: global index of row 0 */
  const int64_t *step_at; /* dropout on a GPU: NULL, or the step in device memory, << 20 in rng.stream */
} gdi_attr;

/* One application of an operation: what a kernel gets, and what the tape keeps. */
struct gd_node {
  gdi_op op;
  gdi_attr attr;
  int n_in;
  gd_tensor **in; /* optional inputs may be NULL */
  gd_tensor *out;
  gd_tensor *saved[3];     /* made by the kernel's forward for its backward, in gdi_node_temporary() memory */
  gd_arena *arena;         /* the tape's, for `saved` */
  bool recorded;           /* a backward may follow: only then `saved` is needed */
  gd_node *previous;       /* recorded before this one */
  uint64_t backward_id;    /* the backward pass that last reached this node */
  uint64_t dz_backward_id; /* linear: the pass in which out's gradient is that of z: see cuda/linear.c */
};

/* A tensor in the node's arena, for `saved` or as its output: lives as long as the node. */
gd_status gdi_node_temporary(gd_tensor **out, gd_node *n, gd_dtype type, int ndim,
                             const int64_t shape[]) GD_CHECKED;

typedef gd_status (*gdi_forward)(gd_device *d, gd_node *n);
/*
 * dout: gradient of n->out. din[i]: where the gradient of n->in[i] goes, NULL when it is not needed. add[i]:
 * add to din[i] instead of overwriting it.
 */
typedef gd_status (*gdi_backward)(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]);

typedef struct gdi_kernel {
  gdi_forward forward;
  gdi_backward backward; /* NULL: not differentiable */
} gdi_kernel;

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
  const gdi_kernel *const *kernel; /* [GDI_OPS] */
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
  void (*close)(gd_device *d);
  /* Seconds of the bare matrix products of an affine layer, forward and backward: the ceiling of a step. */
  gd_status (*layer_seconds)(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, bool needs_dx,
                             double *seconds);
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

/* "cross_entropy", for messages */
const char *gdi_op_name(gdi_op op);

gd_status gdi_cpu_open(gd_device *d, const gd_device_options *o) GD_CHECKED;
gd_status gdi_cuda_open(gd_device *d, const gd_device_options *o) GD_CHECKED;
int gdi_cuda_count(void); /* GPUs that can be used; 0 without a driver */

#ifdef __cplusplus
}
#endif
#endif

/**
 * @file op.h  What an operation is, and operations of your own.
 *
 * An operation is one record: its name, what it takes, the shape of its result, and for each kind of device a kernel
 * forward and one backward. The library's own (ops.h) are made of nothing else. An example, y = x^3:
 *
 *     static gd_status cube(gd_device *d, gd_node *n) {                  // n->in[0] -> n->out
 *       const double *x = n->in[0]->data;
 *       double *y = n->out->data;
 *       for (int64_t i = 0; i < gd_numel(n->out); i++) y[i] = x[i] * x[i] * x[i];
 *       return GD_OK;
 *     }
 *     static gd_status cube_back(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[], const bool add[]) {
 *       const double *x = n->in[0]->data, *dy = dout->data;
 *       double *dx = din[0]->data;
 *       for (int64_t i = 0; i < gd_numel(dout); i++) dx[i] = (add[0] ? dx[i] : 0) + 3 * x[i] * x[i] * dy[i];
 *       return GD_OK;
 *     }
 *     static const gd_op op_cube = {.name = "cube", .min_in = 1, .max_in = 1, .kernel[GD_CPU] = {cube, cube_back}};
 *     ...
 *     gd_tensor *y = gd_apply(tape, &op_cube, NULL, 1, &x);
 *
 * It takes part in gd_backward(), gd_gradcheck(), drawings and messages as any other. (These kernels take f64 alone: a
 * `shape` that refuses other types, or kernels that look at the type, make them safe.)
 */
#ifndef GD_OP_H
#define GD_OP_H

#include "gd/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gd_op gd_op;

enum { GD_SAVED = 4 };

/** One application of an operation: what a kernel gets, and what the tape keeps. */
struct gd_node {
  const gd_op *op;
  void *params; /**< the node's own copy of what gd_apply() was given; kernels may keep small things there */
  int n_in;
  gd_tensor **in; /**< optional inputs may be NULL */
  gd_tensor *out;
  gd_tensor *saved[GD_SAVED]; /**< what forward keeps for backward: gd_node_temporary(); NULL at first */
  bool recorded;              /**< a backward may follow: only then `saved` is needed */
  /* the engine's own */
  gd_arena *arena;       /* the tape's */
  gd_node *previous;     /* recorded before this one */
  const gd_scope *scope; /* the part of a model that it belongs to; NULL: none */
  uint64_t backward_id;  /* the backward that last reached this node */
};

/** Type and shape of an operation's result. */
typedef struct gd_op_result {
  gd_dtype dtype;
  int ndim;
  int64_t shape[GD_MAX_DIMS];
  void *view; /**< NULL; or where in an input's values the result's are: then no forward kernel runs */
} gd_op_result;

typedef gd_status (*gd_op_forward)(gd_device *d, gd_node *n);
/**
 * dout: gradient of n->out. din[i]: where the gradient of n->in[i] goes, NULL when it is not needed. add[i]: add to
 * din[i] instead of overwriting it; an input that is given twice has one din, and its second share adds.
 */
typedef gd_status (*gd_op_backward)(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                    const bool add[]);

typedef struct gd_kernel {
  gd_op_forward forward;
  gd_op_backward backward; /**< *(optional)* not differentiable where no device has one */
} gd_kernel;

/** What the work of an operation falls into: forward, and the gradients of its first two inputs. */
typedef enum gd_bare { GD_BARE_FORWARD, GD_BARE_DATA, GD_BARE_WEIGHTS, GD_BARES } gd_bare;

/** An operation. Owner: its author, for as long as any tape may hold a result of it: usually static. */
struct gd_op {
  const char *name; /**< "matmul": in messages and drawings */
  const char
      *grad_fn; /**< *(optional)* "MatmulBackward", what gd_grad_fn() says of its results; else the name */
  int min_in, max_in;  /**< inputs; those beyond min_in are optional, and may be NULL */
  size_t params_bytes; /**< of the struct of arguments that are not tensors; 0: there is none */
  /**
   * *(optional)* Check n's inputs and params and say what the result is. May complete the params, which are n's own copy: a
   * dimension counted from the end becomes one from the front. NULL: the result is like the first input.
   */
  gd_status (*shape)(gd_node *n, gd_op_result *out);
  gd_kernel kernel[GD_DEVICE_KINDS]; /**< a device without one refuses with GD_ERR_NO_KERNEL */
  /** *(optional)* Floating-point operations of forward, a multiply-add counting as 2: gd_node_flops(). */
  double (*flops)(const gd_node *n);
  /**
   * *(optional)* Seconds that a library takes on d for n's products or convolutions alone, without what stands around them,
   * for `gdtrain bench`; all 0 where that is not known for such a device. NULL: of a matrix product as large as flops().
   */
  gd_status (*bare)(gd_device *d, const gd_node *n, double seconds[GD_BARES]);
  /** *(optional)* What drawings say beside the name: " + relu". */
  void (*describe)(const gd_node *n, char *buf, size_t bytes);
};

/**
 * Apply an operation to n tensors of the tape's device; recorded when an input requires a gradient and recording is on.
 *
 * Owner:  the result is the tape's; `params`, op->params_bytes of them, are copied
 * Errors: NULL, and the tape keeps the error: GD_ERR_USAGE (number of inputs, NULL where an input is needed, another
 *         device or tape), GD_ERR_NO_KERNEL (none for this kind of device), what op->shape or the kernel return
 */
GD_API gd_tensor *gd_apply(gd_tape *t, const gd_op *op, const void *params, int n, gd_tensor *const in[]);
/** The same, returning the node: its `saved` tensors may be further results, without gradients. */
GD_API gd_node *gd_apply_node(gd_tape *t, const gd_op *op, const void *params, int n, gd_tensor *const in[]);

/* ---- for kernels ---- */

/**
 * A tensor with undefined values on the node's device that lives as long as the node, for `saved`.
 * Errors: GD_ERR_OOM
 */
GD_API gd_status gd_node_temporary(gd_tensor **out, gd_node *n, gd_dtype type, int ndim,
                                   const int64_t shape[]) GD_CHECKED;
/** "softmax": n's operation, with what it says of itself: "linear + relu". Returns buf. */
GD_API const char *gd_node_describe(const gd_node *n, char *buf, size_t bytes);
/** Floating-point operations of n's forward; 0 where its operation does not count them. */
GD_API double gd_node_flops(const gd_node *n);

/** Computes the items [lo, hi) on some thread; must not allocate from an arena. */
typedef void (*gd_parallel_body)(void *user, int64_t lo, int64_t hi);
/**
 * body(user, lo, hi) for the chunks [0, grain), [grain, 2 grain) ... of n items on the CPU threads of d; returns when all
 * are done. The chunks do not depend on the number of threads: a body that computes each item by itself gives equal bits
 * on any number. Not to be nested. 16384 elements are a good grain for element-wise work.
 */
GD_API void gd_parallel(gd_device *d, int64_t n, int64_t grain, gd_parallel_body body, void *user);
/** The stream (cudaStream_t) in which a kernel of a GPU must queue its work; NULL on a CPU. */
GD_API void *gd_device_stream(gd_device *d);

#ifdef __cplusplus
}
#endif
#endif

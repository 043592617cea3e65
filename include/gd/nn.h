/** @file nn.h  Modules with named parameters, initialisers, losses, and the flat run of all parameters. */
#ifndef GD_NN_H
#define GD_NN_H

#include "gd/ops.h"
#include "gd/rng.h"
#include "gd/sha256.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- modules ---- */

typedef struct gd_module gd_module;

/** What a kind of module does. A user's own module embeds gd_module as its first member. */
typedef struct gd_module_class {
  const char *name; /**< "Linear" */
  gd_tensor *(*forward)(gd_module *self, gd_tape *t, gd_tensor *x);
  void (*reset)(gd_module *self, uint64_t seed, uint64_t *ordinal); /**< *(optional)* initial values */
  void (*describe)(const gd_module *self, char *buf, size_t bytes); /**< *(optional)* "in=784, out=512" */
} gd_module_class;

typedef struct gd_named {
  char name[96]; /**< as in a PyTorch state_dict: "0.weight" */
  gd_tensor *tensor;
} gd_named;

struct gd_module {
  const gd_module_class *cls;
  gd_device *device;
  gd_dtype dtype;
  bool training;   /**< dropout draws only when set; gd_module_train() */
  gd_arena *arena; /**< holds parameters, buffers and this struct; shared by no other module */
  gd_named *param;
  int n_params; /**< own parameters, without the children's */
  gd_named *buffer;
  int n_buffers; /**< saved with the model, not trained */
  struct gd_child {
    char name[32];
    gd_module *module;
  } * child;
  int n_children;
};

/**
 * An empty module of `bytes` (at least sizeof(gd_module), the rest zeroed) in training mode.
 * Owner: caller, gd_module_free(), until it is given to a parent
 */
GD_API gd_status gd_module_new(gd_module **out, const gd_module_class *cls, size_t bytes, gd_device *d,
                               gd_dtype dtype) GD_CHECKED;
GD_API void gd_module_free(gd_module *m); /**< its children too; NULL is fine */
GD_API gd_status gd_module_add_param(gd_module *m, const char *name, int ndim, const int64_t shape[],
                                     gd_tensor **out) GD_CHECKED;
GD_API gd_status gd_module_add_buffer(gd_module *m, const char *name, gd_dtype type, int ndim,
                                      const int64_t shape[], gd_tensor **out) GD_CHECKED;
/** The child becomes the parent's. */
GD_API gd_status gd_module_add_child(gd_module *m, const char *name, gd_module *child) GD_CHECKED;

GD_API gd_tensor *gd_forward(gd_module *m, gd_tape *t, gd_tensor *x);
GD_API void gd_module_train(gd_module *m, bool training); /**< its children too */
/** PyTorch's default initial values, a pure function of seed: parameter i of the tree draws from stream i. */
GD_API void gd_module_reset(gd_module *m, uint64_t seed);
GD_API void gd_module_zero_grad(gd_module *m);

/** Parameters (buffers) of the whole tree in order of registration; returns how many. NULL list: count. */
GD_API int gd_module_params(const gd_module *m, gd_named *list, int max);
GD_API int gd_module_buffers(const gd_module *m, gd_named *list, int max);
/** "Sequential(\n  (0): Linear(in=784, out=512)\n ..." */
GD_API void gd_module_print(const gd_module *m, FILE *f);

/** y = x W^T + b;  parameters weight [O,I], bias [O];  U(-1/sqrt I, 1/sqrt I) */
GD_API gd_status gd_linear_new(gd_module **out, gd_device *d, gd_dtype dtype, int64_t in, int64_t features,
                               bool bias) GD_CHECKED;
/** relu, tanh, sigmoid, gelu, leaky_relu[:slope], softplus, softmax, log_softmax (over the last dimension);
 * `argument` is the slope of leaky_relu */
GD_API gd_status gd_activation_new(gd_module **out, gd_device *d, gd_dtype dtype, const char *name,
                                   double argument) GD_CHECKED;
GD_API gd_status gd_dropout_new(gd_module **out, gd_device *d, gd_dtype dtype, double p) GD_CHECKED;
/** [B,...] -> [B,I] */
GD_API gd_status gd_flatten_new(gd_module **out, gd_device *d, gd_dtype dtype) GD_CHECKED;
/** Children "0", "1", ... in order; a linear and the activation after it run as one kernel. */
GD_API gd_status gd_sequential_new(gd_module **out, gd_device *d, gd_dtype dtype) GD_CHECKED;
GD_API gd_status gd_sequential_append(gd_module *sequential, gd_module *child) GD_CHECKED;

/**
 * A sequential model from its one-line form, "flatten linear:512 relu dropout:0.2 linear:10".
 * Shapes: `sample` is the shape of one sample; a linear after more than one dimension flattens by itself,
 *         without a child of its own: names count the words.
 *         *outputs (may be NULL) becomes the number of outputs per sample.
 * Errors: GD_ERR_USAGE naming the word and its position
 */
GD_API gd_status gd_model_parse(gd_module **out, const char *spec, int ndim, const int64_t sample[],
                                gd_device *d, gd_dtype dtype, int64_t *outputs) GD_CHECKED;

/* ---- initialisers: values of t from r, independent of threads and ranks ---- */

GD_API void gd_init_uniform(gd_tensor *t, gd_rng r, double lo, double hi);
GD_API void gd_init_normal(gd_tensor *t, gd_rng r, double mean, double std);
GD_API void gd_init_xavier_uniform(gd_tensor *t, gd_rng r, double gain); /**< Glorot and Bengio 2010 */
GD_API void gd_init_xavier_normal(gd_tensor *t, gd_rng r, double gain);
GD_API void gd_init_he_uniform(gd_tensor *t, gd_rng r, double negative_slope); /**< He et al. 2015, fan in */
GD_API void gd_init_he_normal(gd_tensor *t, gd_rng r, double negative_slope);

/* ---- losses ---- */

typedef enum gd_loss_kind { GD_MSE, GD_L1, GD_HUBER, GD_CROSS_ENTROPY, GD_BCE_WITH_LOGITS } gd_loss_kind;
typedef enum gd_reduction { GD_REDUCE_MEAN, GD_REDUCE_SUM } gd_reduction;

/**
 * Loss of a micro-batch as (sum, weight): training divides the summed losses of a step by their summed
 * weights once, in the update.
 *
 * Math:   mse    sum (p - y)^2
 *         l1     sum |p - y|
 *         huber  sum of (p - y)^2 / 2 where |p - y| <= 1, else |p - y| - 1/2
 *         bce_with_logits  sum max(p, 0) - p y + log(1 + e^-|p|)
 *         cross_entropy    gd_cross_entropy_sum()
 *         weight: number of elements; cross_entropy: number of rows that are not ignored
 * Shapes: prediction [B,...], target of the same shape, [B] and [B,1] being equal;
 *         cross_entropy: logits [B,C], labels i64 [B]
 * Owner:  both scalars are the tape's; weight is f64 and not differentiable
 */
typedef struct gd_loss {
  gd_tensor *sum, *weight;
} gd_loss;
GD_API gd_loss gd_loss_of(gd_tape *t, gd_loss_kind kind, gd_tensor *prediction, gd_tensor *target);
GD_API gd_status gd_loss_parse(gd_loss_kind *out, const char *name) GD_CHECKED; /**< "cross_entropy" ... */
GD_API const char *gd_loss_name(gd_loss_kind kind);

/** The same losses as one differentiable scalar. */
GD_API gd_tensor *gd_mse_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r);
GD_API gd_tensor *gd_l1_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, gd_reduction r);
GD_API gd_tensor *gd_huber_loss(gd_tape *t, gd_tensor *prediction, gd_tensor *target, double delta,
                                gd_reduction r);
GD_API gd_tensor *gd_cross_entropy_loss(gd_tape *t, gd_tensor *logits, gd_tensor *labels, gd_reduction r);
GD_API gd_tensor *gd_bce_with_logits_loss(gd_tape *t, gd_tensor *logits, gd_tensor *target, gd_reduction r);

/* ---- all parameters as one flat run ---- */

/**
 * The parameters of a model laid out in one run, in the order in which backward finishes them (last
 * registered first), each aligned to GD_ALIGN bytes; the gaps are zero. Optimizer state and gradients use the
 * same offsets, so an update, a norm or a message is one loop over memory.
 */
typedef struct gd_params {
  gd_module *module;
  gd_device *device;
  gd_dtype dtype;
  int n;             /**< parameters */
  gd_named *item;    /**< in order of offset */
  int64_t *offset;   /**< in elements */
  int64_t elements;  /**< of the run, gaps included, a multiple of 16 */
  int64_t trainable; /**< without the gaps: what users call the number of parameters */
  void *data;        /**< where the parameters are bound now; NULL before gd_params_bind() */
} gd_params;

/**
 * Plan the layout.
 *
 * Owner:  caller; the module must outlive it
 * Errors: GD_ERR_USAGE when the model has no parameters
 */
GD_API gd_status gd_params_new(gd_params **out, gd_module *m) GD_CHECKED;
GD_API void gd_params_free(gd_params *p);
GD_API size_t gd_params_bytes(const gd_params *p); /**< of one run */
/**
 * Move the parameters into `memory` of their device (gd_params_bytes(), aligned to GD_ALIGN, kept by the
 * caller). With `copy` the present values and zeros for the gaps are written there first; without it the
 * memory already holds them, as when ranks share it. NULL moves them back to the module's own memory: with
 * `copy` keeping the present values, else with those the memory had.
 */
GD_API gd_status gd_params_bind(gd_params *p, void *memory, bool copy) GD_CHECKED;
/** Put gradients into `memory` from now on; the next backward overwrites it, as after gd_zero_grad(). */
GD_API void gd_params_bind_grads(gd_params *p, void *memory);
/** After backward: zero the gradients of the parameters that it did not reach. */
GD_API gd_status gd_params_finish_grads(gd_params *p) GD_CHECKED;
/**
 * SHA-256 over all parameters in the order of strcmp() of their names, each as: name and NUL, dtype name
 * ("f32") and NUL, number of dimensions as u64, each extent as u64, the values; all numbers little-endian.
 */
GD_API gd_status gd_params_digest(const gd_params *p, gd_digest *out) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

/** @file module.h  Modules: layers and models with named parameters, buffers and children. */
#ifndef GD_MODULE_H
#define GD_MODULE_H

#include "gd/ops.h"
#include "gd/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif

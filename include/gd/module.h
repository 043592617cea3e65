/**
 * @file module.h  Modules: layers and models with named parameters, buffers and children; and how they are made
 * from trees of words.
 *
 * A kind of module is a record, gd_module_class, in a file of its own. What needs only C fills its first four
 * fields; with the others and one gd_module_register() the layer has a word that models in YAML may use, and help,
 * tables and error messages that come from the record. src/nn/dropout.c and src/nn/linear.c are the examples.
 */
#ifndef GD_MODULE_H
#define GD_MODULE_H

#include "gd/config.h"
#include "gd/ops.h"
#include "gd/rng.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GD_MAX_FIELDS 8 /* inputs or outputs of a module */

typedef struct gd_module gd_module;
typedef struct gd_module_class gd_module_class;
typedef struct gd_build gd_build;
typedef struct gd_child gd_child;

/* ---- modules ---- */

enum { GD_MAX_NAME = 192 }; /**< bytes of a name in the tree, its end included */

/** What the dimensions of a sample mean, where a layer must know it. */
typedef enum gd_axes {
  GD_AXES_PLAIN,    /**< nothing: numbers as the data has them */
  GD_AXES_SEQUENCE, /**< [T, ...]: positions first; a linear works on the last dimension alone */
  GD_AXES_IMAGE, /**< [H, W, C] or [L, C]: channels last in memory, though arguments count N, C, H, W as PyTorch does */
} gd_axes;

/** Type and shape of one sample: without the dimension of the batch. */
typedef struct gd_shape {
  gd_dtype dtype; /**< f32 or f64; i64 for tokens and other indices */
  int ndim;
  int64_t dim[GD_MAX_DIMS - 1];
  gd_axes axes;
  gd_layout layout; /**< GD_AXES_PLAIN: what is known of samples that are images */
} gd_shape;

typedef struct gd_named {
  char name[GD_MAX_NAME]; /**< as in a PyTorch state_dict: "0.weight" */
  gd_tensor *tensor;
  double momentum; /**< of a statistic, above 0; 0: a parameter or a constant */
} gd_named;

struct gd_module {
  const gd_module_class *cls;
  gd_device *device;
  gd_dtype dtype;
  bool training;   /**< dropout draws only when set; gd_module_train() */
  bool drawn;      /**< its class has no reset(), and gd_module_reset() draws its values */
  gd_arena *arena; /**< holds parameters, buffers and this struct; shared by no other module */
  gd_named *param;
  int n_params; /**< own parameters, without the children's */
  gd_named *buffer;
  int n_buffers; /**< saved with the model, not trained: constants and statistics */
  gd_child *child;
  int n_children;
  gd_scope scope;       /**< its name in its parent, and its kind: for drawings and tables */
  gd_shape in, out;     /**< of one sample, where it was built from a tree: of its first input and output */
  const gd_named *tied; /**< while it is built: its parameter of that name is this tensor of another module */
  int64_t
      number; /**< among the modules of the tree that draw, for gd_dropout_numbered(); gd_module_reset() */
};

struct gd_child {
  char name[32];
  gd_module *module;
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
/**
 * A parameter of another module of the tree under a second name: tied weights. It is counted, trained and stored
 * once, under the name that comes first in gd_module_params(); its gradient is the sum over all uses.
 * Errors: GD_ERR_USAGE (the name is taken), GD_ERR_DTYPE (of another device or type)
 */
GD_API gd_status gd_module_share_param(gd_module *m, const char *name, gd_tensor *of) GD_CHECKED;
/** A constant: saved with the model, and not changed by training. */
GD_API gd_status gd_module_add_buffer(gd_module *m, const char *name, gd_dtype type, int ndim,
                                      const int64_t shape[], gd_tensor **out) GD_CHECKED;
/**
 * A buffer that training moves, once a step, towards what it met: the running mean of a batch norm. Forward
 * never writes it: ranks of a host share one copy.
 *
 * Math:   backward of micro-batch k, of n_k samples with value s_k, writes n_k (r - s_k) where the gradient of
 *         the statistic r would go (an operation of its own). The update of the step is
 *         r -= momentum (sum over k) / samples  =  (1 - momentum) r + momentum (mean of s_k over the samples),
 *         without decay, clipping, norms or noise scale
 * Shapes: *out of the module's type, zero; the class's reset() gives other initial values
 * Errors: GD_ERR_USAGE: momentum outside (0, 1], a name that is taken
 */
GD_API gd_status gd_module_add_statistic(gd_module *m, const char *name, double momentum, int ndim,
                                         const int64_t shape[], gd_tensor **out) GD_CHECKED;
/** The child becomes the parent's. */
GD_API gd_status gd_module_add_child(gd_module *m, const char *name, gd_module *child) GD_CHECKED;

/** One tensor through the module; NULL after an error that the tape keeps. */
GD_API gd_tensor *gd_forward(gd_module *m, gd_tape *t, gd_tensor *x);
/**
 * The same for modules with several inputs or outputs: *n tensors at x are replaced by the outputs, whose number is
 * put in *n.
 * Errors: those of the tape; GD_ERR_USAGE when a module of one input is given several
 */
GD_API gd_status gd_forward_n(gd_module *m, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]) GD_CHECKED;
/** x through children `first` to `end` - 1 of m, as a sequential runs its own: a layer may run the one after it too. */
GD_API gd_tensor *gd_forward_children(gd_module *m, gd_tape *t, int first, int end, gd_tensor *x);
/**
 * act(m(x) + residual), in one kernel where gd_module_adds(m): of batch norm, and of a sequential that ends with one.
 * act: none or relu
 */
GD_API gd_tensor *gd_forward_added(gd_module *m, gd_tape *t, gd_tensor *x, gd_tensor *residual,
                                   gd_activation act);
GD_API bool gd_module_adds(const gd_module *m);
GD_API void gd_module_train(gd_module *m, bool training); /**< its children too */
/**
 * PyTorch's default initial values, a pure function of seed: parameter i of the tree draws from stream i. A module whose
 * class has no reset() and whose parameters are all zero, as they are made, gets those of a linear layer by shape:
 * weights [O,...] and the biases after them from U(-1/sqrt I, 1/sqrt I), I the elements of a weight's row; a vector before
 * any weight stays zero. Values that it was given before stay.
 * Modules that draw in training are numbered, in the order of the tree.
 */
GD_API void gd_module_reset(gd_module *m, uint64_t seed);
GD_API void gd_module_zero_grad(gd_module *m);

/**
 * Parameters, a shared one under each of its names (buffers; of those the statistics) of the whole tree in order of registration; returns how many.
 * NULL list: count. A name that is too long is "": gd_params_new() refuses it.
 */
GD_API int gd_module_params(const gd_module *m, gd_named *list, int max);
GD_API int gd_module_buffers(const gd_module *m, gd_named *list, int max);
GD_API int gd_module_statistics(const gd_module *m, gd_named *list, int max);
/** "Sequential(\n  (0): Linear(in=784, out=512)\n ..." */
GD_API void gd_module_print(const gd_module *m, FILE *f);

/* ---- layers made from C ---- */

/** y = x W^T + b;  parameters weight [O,I], bias [O];  U(-1/sqrt I, 1/sqrt I) */
GD_API gd_status gd_linear_new(gd_module **out, gd_device *d, gd_dtype dtype, int64_t in, int64_t features,
                               bool bias) GD_CHECKED;
/** relu, relu6, tanh, sigmoid, gelu, leaky_relu[:slope], elu[:alpha], silu, selu, softplus, softmax, log_softmax (over the last
 * dimension); `argument` is the slope of leaky_relu, the alpha of elu */
GD_API gd_status gd_activation_new(gd_module **out, gd_device *d, gd_dtype dtype, const char *name,
                                   double argument) GD_CHECKED;
GD_API gd_status gd_dropout_new(gd_module **out, gd_device *d, gd_dtype dtype, double p) GD_CHECKED;
/** [B,...] -> [B,I] */
GD_API gd_status gd_flatten_new(gd_module **out, gd_device *d, gd_dtype dtype) GD_CHECKED;
/** Children "0", "1", ... in order; a linear and the activation after it run as one kernel. */
GD_API gd_status gd_sequential_new(gd_module **out, gd_device *d, gd_dtype dtype) GD_CHECKED;
GD_API gd_status gd_sequential_append(gd_module *sequential, gd_module *child) GD_CHECKED;

/* ---- kinds of modules ---- */

GD_API int64_t gd_shape_numel(const gd_shape *s); /**< -1 when it overflows */
/** "[28, 28]" into buf. Returns buf. */
GD_API const char *gd_shape_text(const gd_shape *s, char *buf, size_t bytes);
/**
 * Which of `s->dim` PyTorch's dimension `dim` is, counted with the batch as 0, negative ones from the end.
 * Errors: GD_ERR_SHAPE: the batch, or none
 */
GD_API gd_status gd_shape_dim(const gd_shape *s, int64_t dim, int *out) GD_CHECKED;

/** GD_ERR_SHAPE unless all inputs are numbers: what a shape rule begins with. */
GD_API gd_status gd_shape_floats(gd_build *b) GD_CHECKED;

/** What a kind of module is and does. A user's own module embeds gd_module as its first member. */
struct gd_module_class {
  const char *name; /**< "Linear" */
  /** y from x. NULL only where there is forward_n. */
  gd_tensor *(*forward)(gd_module *self, gd_tape *t, gd_tensor *x);
  /** *(optional)* Initial values; parameter i draws from stream *ordinal + i. Runs after the children's. */
  void (*reset)(gd_module *self, uint64_t seed, uint64_t *ordinal);
  void (*describe)(const gd_module *self, char *buf, size_t bytes); /**< *(optional)* "in=784, out=512" */

  /* For models in text: */
  const char *word;    /**< "linear" */
  const char *about;   /**< one line: what it computes */
  const char *example; /**< "linear:10" */
  const gd_arg *args;  /**< *(optional)* ends with a name of NULL */
  size_t bytes;        /**< of the struct that embeds gd_module; 0: gd_module alone */
  /** *(optional)* Check b->in and set b->out, which is b->in otherwise (and must then be floats). */
  gd_status (*shape)(gd_build *b);
  /** *(optional)* Read the arguments, add parameters and children; containers set b->out here. */
  gd_status (*build)(gd_module *self, gd_build *b);

  /** *(optional)* For several inputs or outputs: as gd_forward_n(). */
  gd_status (*forward_n)(gd_module *self, gd_tape *t, int *n, gd_tensor *x[GD_MAX_FIELDS]);
  /** *(optional)* How many of the n modules after it in a sequential it can run in its own kernel. */
  int (*absorbs)(const gd_module *self, const gd_child *next, int n);
  /** With `absorbs`: forward of self and of the n modules at `next`. */
  gd_tensor *(*forward_fused)(gd_module *self, gd_tape *t, gd_tensor *x, const gd_child *next, int n);
  /** *(optional)* act(forward(x) + residual) in one kernel; act: none or relu. */
  gd_tensor *(*forward_added)(gd_module *self, gd_tape *t, gd_tensor *x, gd_tensor *residual,
                              gd_activation act);
  bool (*adds)(const gd_module *self); /**< *(optional)* with forward_added: can this one? */
  gd_activation activation; /**< which activation of gd_linear() it is; 0: none, or as fused_as() says */
  gd_activation (*fused_as)(const gd_module *self); /**< *(optional)* where that depends on its arguments */
  const char *
      not_before; /**< *(optional)* "cross_entropy": losses of logits, which this layer must not be the last before */
  bool in_order; /**< a container whose output is its last child's */
  /** The only layer of a model, it is the model: names of parameters do not begin with its position. */
  bool whole;
  bool draws; /**< forward draws, keyed by the `number` of the module: gd_dropout_numbered() */
};

/**
 * Make a kind of module known to models in text. The record must outlive every model; not while a model is
 * built on another thread.
 * Errors: GD_ERR_USAGE when the record is incomplete or its word is taken
 */
GD_API gd_status gd_module_register(const gd_module_class *cls) GD_CHECKED;
/** The kind of that word, or NULL; kind i of all in the order of registration, NULL behind the last. */
GD_API const gd_module_class *gd_module_class_find(const char *word);
GD_API const gd_module_class *gd_module_class_at(int i);

/** The kind of module that makes the output of `m`: of a container in order, its last child's. */
GD_API const gd_module_class *gd_module_last(const gd_module *m);
/** What the records say: of all layers, or the arguments of the one called `name`. Errors: GD_ERR_USAGE: no such layer */
GD_API gd_status gd_layers_manual(FILE *f, const char *name) GD_CHECKED;

/* ---- models from trees ---- */

/** What a module is built from. Fields are for reading, but for `out`. */
struct gd_build {
  gd_device *device;
  gd_dtype dtype; /**< of parameters */
  int n_in, n_out;
  gd_shape in[GD_MAX_FIELDS], out[GD_MAX_FIELDS];
  int64_t
      outputs; /**< what the data want: as many as there are classes, or targets of a sample; 0: not known */
  /* Set by gd_model_build(): */
  const gd_module_class *cls;
  const struct gdi_arg_value *value; /**< gd_arg_i64() ... read it */
  struct gdi_building *all;
};

/**
 * Arguments by name, within their bounds; those that were not given have their default.
 * gd_arg_word(): NULL where a number stands in its place. gd_arg_ints(): returns how many were given; a single one
 * fills all of `out`, as PyTorch's kernel_size=3. gd_arg_tree(): NULL when not given.
 */
GD_API int64_t gd_arg_i64(const gd_build *b, const char *name);
GD_API double gd_arg_f64(const gd_build *b, const char *name);
GD_API bool gd_arg_bool(const gd_build *b, const char *name);
GD_API const char *gd_arg_word(const gd_build *b, const char *name);
GD_API int gd_arg_ints(const gd_build *b, const char *name, int max, int64_t out[]);
GD_API const gd_tree *gd_arg_tree(const gd_build *b, const char *name);

/**
 * A model from a tree: a list of entries, each `word`, `word: main argument` or `word: {argument: value}`.
 * b has device, dtype and the shapes of the inputs; *b's outputs are set.
 *
 * Owner:  caller, gd_module_free(); the tree is needed no more
 * Errors: GD_ERR_USAGE with the place in the text, the path of the layer and what would be right
 */
GD_API gd_status gd_model_build(gd_module **out, const gd_tree *tree, gd_build *b) GD_CHECKED;
/**
 * For build() of containers: make a child of `self` from an entry, or a Sequential from a list, and add it as `name`.
 * *n shapes at io are its inputs and become its outputs.
 */
GD_API gd_status gd_build_child(gd_build *b, gd_module *self, const char *name, const gd_tree *tree, int *n,
                                gd_shape io[GD_MAX_FIELDS]) GD_CHECKED;

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

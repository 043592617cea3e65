/* Activations as modules: a record each; gd_linear() takes those in its own kernel that name a gd_activation. */
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "nn/layers.h"

typedef struct activation {
  gd_module base;
  double slope;
  int dim; /* of a tensor with its batch, from the end */
} activation;

/* An activation without arguments, whose word is also its operation's. */
#define PLAIN(op, shown, formula, fused)                                                                     \
  static gd_tensor *op##_forward(gd_module *m, gd_tape *t, gd_tensor *x) {                                   \
    (void)m;                                                                                                 \
    return gd_##op(t, x);                                                                                    \
  }                                                                                                          \
  const gd_module_class gdi_##op##_class = {.name = shown,                                                   \
                                            .word = #op,                                                     \
                                            .about = formula,                                                \
                                            .example = #op,                                                  \
                                            .bytes = sizeof(activation),                                     \
                                            .forward = op##_forward,                                         \
                                            .activation = fused};

PLAIN(relu, "ReLU", "max(x, 0)", GD_ACT_RELU)
PLAIN(tanh, "Tanh", "tanh x", GD_ACT_TANH)
PLAIN(sigmoid, "Sigmoid", "1 / (1 + e^-x)", GD_ACT_SIGMOID)
PLAIN(gelu, "GELU", "x (1 + erf(x / sqrt 2)) / 2", GD_ACT_GELU)
PLAIN(softplus, "Softplus", "log(1 + e^x)", GD_ACT_NONE)

/* ---- with a slope ---- */

static const gd_arg slope_args[] = {
    {"negative_slope", GD_ARG_REAL, "0.01", -1e6, 1e6, NULL, "slope where x < 0"},
    {0},
};

static gd_tensor *leaky_relu_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_leaky_relu(t, x, ((const activation *)m)->slope);
}

static void describe_slope(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "slope=%g", ((const activation *)m)->slope);
}

static gd_status build_slope(gd_module *m, gd_build *b) {
  ((activation *)m)->slope = gd_arg_f64(b, "negative_slope");
  return GD_OK;
}

const gd_module_class gdi_leaky_relu_class = {.name = "LeakyReLU",
                                              .word = "leaky_relu",
                                              .about = "x > 0 ? x : negative_slope x",
                                              .example = "leaky_relu:0.1",
                                              .args = slope_args,
                                              .bytes = sizeof(activation),
                                              .forward = leaky_relu_forward,
                                              .describe = describe_slope,
                                              .build = build_slope};

/* ---- over a dimension ---- */

static const gd_arg dim_args[] = {
    {"dim", GD_ARG_INT, "-1", -GD_MAX_DIMS, GD_MAX_DIMS, NULL, "the dimension that sums to 1"},
    {0},
};

static gd_tensor *softmax_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_softmax(t, x, ((const activation *)m)->dim);
}

static gd_tensor *log_softmax_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_log_softmax(t, x, ((const activation *)m)->dim);
}

static gd_status build_dim(gd_module *m, gd_build *b) {
  activation *a = (activation *)m;
  if (b->in[0].ndim == 0) { /* a number per sample: over the batch, as ever */
    a->dim = -1;
    return GD_OK;
  }
  GD_TRY(gd_shape_dim(&b->in[0], gd_arg_i64(b, "dim"), &a->dim));
  a->dim -= b->in[0].ndim;
  return GD_OK;
}

#define OVER_DIM(op, shown, formula)                                                                         \
  const gd_module_class gdi_##op##_class = {.name = shown,                                                   \
                                            .word = #op,                                                     \
                                            .about = formula,                                                \
                                            .example = #op,                                                  \
                                            .args = dim_args,                                                \
                                            .bytes = sizeof(activation),                                     \
                                            .forward = op##_forward,                                         \
                                            .build = build_dim};

OVER_DIM(softmax, "Softmax", "e^x / sum e^x")
OVER_DIM(log_softmax, "LogSoftmax", "x - log sum e^x")

/* ---- from C, by name ---- */

gd_status gd_activation_new(gd_module **out, gd_device *d, gd_dtype dtype, const char *name,
                            double argument) {
  static const gd_module_class *const all[] = {&gdi_relu_class,    &gdi_tanh_class,       &gdi_sigmoid_class,
                                               &gdi_gelu_class,    &gdi_leaky_relu_class, &gdi_softplus_class,
                                               &gdi_softmax_class, &gdi_log_softmax_class};
  enum { KINDS = sizeof all / sizeof *all };
  const char *words[KINDS + 1] = {0};
  int kind;
  *out = NULL;
  for (int i = 0; i < KINDS; i++) words[i] = all[i]->word;
  GD_TRY(gdi_word_index(&kind, "activation", name, words));
  GD_TRY(gd_module_new(out, all[kind], sizeof(activation), d, dtype));
  activation *a = (activation *)*out;
  a->dim = -1;
  a->slope = argument;
  return GD_OK;
}

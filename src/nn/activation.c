/* Activations as modules: a record each; gd_linear() takes those in its own kernel that name a gd_activation. */
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "nn/layers.h"

typedef struct activation {
  gd_module base;
  double slope; /* or alpha */
  bool by_tanh;
  int dim; /* of a tensor with its batch, from the end */
} activation;

/* An activation without arguments, whose word is also its operation's; further fields of its record may follow. */
#define PLAIN(op, shown, formula, ...)                                                                       \
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
                                            __VA_ARGS__};

/* Logits are any real numbers: a model that ends with one of these cannot put out most of them. */
#define NO_LOGITS .not_before = "cross_entropy bce_with_logits"

PLAIN(relu, "ReLU", "max(x, 0)", .activation = GD_ACT_RELU, NO_LOGITS)
PLAIN(relu6, "ReLU6", "min(max(x, 0), 6)", NO_LOGITS)
PLAIN(tanh, "Tanh", "tanh x", .activation = GD_ACT_TANH, NO_LOGITS)
PLAIN(sigmoid, "Sigmoid", "1 / (1 + e^-x)", .activation = GD_ACT_SIGMOID, NO_LOGITS)
PLAIN(softplus, "Softplus", "log(1 + e^x)", NO_LOGITS)
PLAIN(silu, "SiLU", "x / (1 + e^-x)", )
PLAIN(selu, "SELU", "1.0507 elu(x, 1.67326)", )

/* ---- gelu, exact or by a tanh ---- */

static const gd_arg gelu_args[] = {
    {"approximate", GD_ARG_WORD, "none", 0, 0, "none tanh", "tanh: GPT-2's approximation"},
    {0},
};

static gd_tensor *gelu_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return ((const activation *)m)->by_tanh ? gd_gelu_tanh(t, x) : gd_gelu(t, x);
}

static gd_activation gelu_fused(const gd_module *m) {
  return ((const activation *)m)->by_tanh ? GD_ACT_NONE : GD_ACT_GELU;
}

static gd_status gelu_build(gd_module *m, gd_build *b) {
  ((activation *)m)->by_tanh = strcmp(gd_arg_word(b, "approximate"), "tanh") == 0;
  return GD_OK;
}

static void gelu_describe(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "%s", ((const activation *)m)->by_tanh ? "approximate=tanh" : "");
}

const gd_module_class gdi_gelu_class = {.name = "GELU",
                                        .word = "gelu",
                                        .about = "x (1 + erf(x / sqrt 2)) / 2",
                                        .example = "gelu",
                                        .args = gelu_args,
                                        .bytes = sizeof(activation),
                                        .forward = gelu_forward,
                                        .describe = gelu_describe,
                                        .build = gelu_build,
                                        .fused_as = gelu_fused};

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

static const gd_arg alpha_args[] = {
    {"alpha", GD_ARG_REAL, "1", 0, 1e6, NULL, "-alpha is what it tends to where x < 0"},
    {0},
};

static gd_tensor *elu_forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  return gd_elu(t, x, ((const activation *)m)->slope);
}

static void describe_alpha(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "alpha=%g", ((const activation *)m)->slope);
}

static gd_status build_alpha(gd_module *m, gd_build *b) {
  ((activation *)m)->slope = gd_arg_f64(b, "alpha");
  return GD_OK;
}

const gd_module_class gdi_elu_class = {.name = "ELU",
                                       .word = "elu",
                                       .about = "x > 0 ? x : alpha (e^x - 1)",
                                       .example = "elu",
                                       .args = alpha_args,
                                       .bytes = sizeof(activation),
                                       .forward = elu_forward,
                                       .describe = describe_alpha,
                                       .build = build_alpha};

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

#define OVER_DIM(op, shown, formula, losses)                                                                 \
  const gd_module_class gdi_##op##_class = {.name = shown,                                                   \
                                            .word = #op,                                                     \
                                            .about = formula,                                                \
                                            .example = #op,                                                  \
                                            .args = dim_args,                                                \
                                            .bytes = sizeof(activation),                                     \
                                            .forward = op##_forward,                                         \
                                            .build = build_dim,                                              \
                                            .not_before = losses};

OVER_DIM(softmax, "Softmax", "e^x / sum e^x", "cross_entropy")
OVER_DIM(log_softmax, "LogSoftmax", "x - log sum e^x", NULL)

/* ---- from C, by name ---- */

gd_status gd_activation_new(gd_module **out, gd_device *d, gd_dtype dtype, const char *name,
                            double argument) {
  static const gd_module_class *const all[] = {
      &gdi_relu_class, &gdi_relu6_class,      &gdi_tanh_class,     &gdi_sigmoid_class,
      &gdi_gelu_class, &gdi_leaky_relu_class, &gdi_softplus_class, &gdi_elu_class,
      &gdi_silu_class, &gdi_selu_class,       &gdi_softmax_class,  &gdi_log_softmax_class};
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

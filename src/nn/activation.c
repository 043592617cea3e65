/* Activations as modules. */
#include <stdio.h>

#include "base/words.h"
#include "nn/layers.h"

enum { RELU, TANH, SIGMOID, GELU, LEAKY_RELU, SOFTPLUS, SOFTMAX, LOG_SOFTMAX, KINDS };

const char *const gdi_activation_names[] = {[RELU] = "relu",
                                            [TANH] = "tanh",
                                            [SIGMOID] = "sigmoid",
                                            [GELU] = "gelu",
                                            [LEAKY_RELU] = "leaky_relu",
                                            [SOFTPLUS] = "softplus",
                                            [SOFTMAX] = "softmax",
                                            [LOG_SOFTMAX] = "log_softmax",
                                            [KINDS] = NULL};

typedef struct activation {
  gd_module base;
  int kind;
  double slope;
} activation;

static gd_tensor *forward(gd_module *m, gd_tape *t, gd_tensor *x) {
  const activation *a = (const activation *)m;
  switch (a->kind) {
  case RELU: return gd_relu(t, x);
  case TANH: return gd_tanh(t, x);
  case SIGMOID: return gd_sigmoid(t, x);
  case GELU: return gd_gelu(t, x);
  case LEAKY_RELU: return gd_leaky_relu(t, x, a->slope);
  case SOFTPLUS: return gd_softplus(t, x);
  case SOFTMAX: return gd_softmax(t, x, -1);
  default: return gd_log_softmax(t, x, -1);
  }
}

static void describe_slope(const gd_module *m, char *buf, size_t bytes) {
  snprintf(buf, bytes, "slope=%g", ((const activation *)m)->slope);
}

static const gd_module_class classes[KINDS] = {[RELU] = {"ReLU", forward, NULL, NULL},
                                               [TANH] = {"Tanh", forward, NULL, NULL},
                                               [SIGMOID] = {"Sigmoid", forward, NULL, NULL},
                                               [GELU] = {"GELU", forward, NULL, NULL},
                                               [LEAKY_RELU] = {"LeakyReLU", forward, NULL, describe_slope},
                                               [SOFTPLUS] = {"Softplus", forward, NULL, NULL},
                                               [SOFTMAX] = {"Softmax", forward, NULL, NULL},
                                               [LOG_SOFTMAX] = {"LogSoftmax", forward, NULL, NULL}};

gd_activation gdi_activation_fusable(const gd_module *m) {
  if (m->cls == &classes[RELU]) return GD_ACT_RELU;
  if (m->cls == &classes[TANH]) return GD_ACT_TANH;
  if (m->cls == &classes[SIGMOID]) return GD_ACT_SIGMOID;
  if (m->cls == &classes[GELU]) return GD_ACT_GELU;
  return GD_ACT_NONE;
}

gd_status gd_activation_new(gd_module **out, gd_device *d, gd_dtype dtype, const char *name,
                            double argument) {
  *out = NULL;
  int kind;
  GD_TRY(gdi_word_index(&kind, "activation", name, gdi_activation_names));
  GD_TRY(gd_module_new(out, &classes[kind], sizeof(activation), d, dtype));
  activation *a = (activation *)*out;
  a->kind = kind;
  a->slope = argument;
  return GD_OK;
}

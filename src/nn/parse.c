/* Models from one line of words: "flatten linear:512 relu dropout:0.2 linear:10". */
#include <string.h>

#include "base/words.h"
#include "nn/layers.h"

enum { MAX_WORD = 48, MAX_FEATURES = 1 << 24, MAX_LAYERS = 4096 };

typedef struct parser {
  gd_device *device;
  gd_dtype dtype;
  int ndim;         /* of a sample at this place in the model */
  int64_t features; /* its elements */
} parser;

static const char *const argument_words[] = {"linear", "dropout", "leaky_relu", NULL};

static bool takes_argument(const char *name) {
  for (int i = 0; argument_words[i]; i++)
    if (strcmp(name, argument_words[i]) == 0) return true;
  return false;
}

static gd_status make_linear(parser *p, const gd_setting *argument, gd_module **out) {
  int64_t features;
  GD_TRY(gd_setting_i64(argument, 1, MAX_FEATURES, &features));
  GD_TRY(gd_linear_new(out, p->device, p->dtype, p->features, features, true));
  ((gdi_linear *)*out)->flattens = p->ndim != 1;
  p->ndim = 1;
  p->features = features;
  return GD_OK;
}

/* One layer from its name and the text after its colon, NULL when there is none. */
static gd_status make_layer(parser *p, const char *name, const char *text, gd_module **out) {
  const gd_setting argument = {.key = name, .value = text};
  double x = 0.01; /* the slope of leaky_relu when none is given */
  if (text && !takes_argument(name)) return GD_FAIL(GD_ERR_USAGE, "%s takes no argument", name);
  if (strcmp(name, "linear") == 0) {
    if (!text) return GD_FAIL(GD_ERR_USAGE, "linear needs its number of features, as in linear:10");
    return make_linear(p, &argument, out);
  }
  if (strcmp(name, "dropout") == 0) {
    if (!text) return GD_FAIL(GD_ERR_USAGE, "dropout needs its probability, as in dropout:0.2");
    GD_TRY(gd_setting_f64(&argument, 0, 1, &x));
    return gd_dropout_new(out, p->device, p->dtype, x);
  }
  if (strcmp(name, "flatten") == 0) {
    p->ndim = 1;
    return gd_flatten_new(out, p->device, p->dtype);
  }
  if (text) GD_TRY(gd_setting_f64(&argument, -1e6, 1e6, &x));
  return gd_activation_new(out, p->device, p->dtype, name, x);
}

static gd_status check_known(const char *name) {
  const char *words[32] = {"linear", "dropout", "flatten"};
  for (int i = 0; gdi_activation_names[i]; i++) words[3 + i] = gdi_activation_names[i];
  int ignored;
  return gdi_word_index(&ignored, "layer", name, words);
}

/* One word, "name" or "name:argument", appended to the model. */
static gd_status append_word(parser *p, gd_module *model, const char *word, size_t length) {
  char name[MAX_WORD];
  if (length >= sizeof name) return GD_FAIL(GD_ERR_USAGE, "a word this long is no layer");
  memcpy(name, word, length);
  name[length] = 0;
  char *text = strchr(name, ':');
  if (text) *text++ = 0;
  GD_TRY(check_known(name));
  gd_module *layer;
  GD_TRY(make_layer(p, name, text, &layer));
  gd_status st = gd_sequential_append(model, layer);
  if (st != GD_OK) gd_module_free(layer);
  return st;
}

static gd_status append_words(parser *p, gd_module *model, const char *spec) {
  int n = 0;
  for (const char *at = spec + strspn(spec, " \t\n"); *at; at += strspn(at, " \t\n")) {
    if (n == MAX_LAYERS) return GD_FAIL(GD_ERR_USAGE, "model: more than %d layers", MAX_LAYERS);
    const size_t length = strcspn(at, " \t\n");
    gd_status st = append_word(p, model, at, length);
    n++;
    if (st == GD_ERR_USAGE || st == GD_ERR_SHAPE)
      return GD_FAIL(GD_ERR_USAGE, "model: word %d, '%.*s' at column %d: %s", n,
                     length < 64 ? (int)length : 64, at, (int)(at - spec) + 1, gd_error_last()->message);
    if (st != GD_OK) return st;
    at += length;
  }
  if (n == 0) return GD_FAIL(GD_ERR_USAGE, "model: no layers; an example: linear:512 relu linear:10");
  return GD_OK;
}

gd_status gd_model_parse(gd_module **out, const char *spec, int ndim, const int64_t sample[], gd_device *d,
                         gd_dtype dtype, int64_t *outputs) {
  *out = NULL;
  parser p = {.device = d, .dtype = dtype, .ndim = ndim, .features = 1};
  for (int i = 0; i < ndim; i++)
    if (__builtin_mul_overflow(p.features, sample[i], &p.features))
      return GD_FAIL(GD_ERR_SHAPE, "model: a sample has too many elements");
  gd_module *model;
  GD_TRY(gd_sequential_new(&model, d, dtype));
  gd_status st = append_words(&p, model, spec);
  if (st != GD_OK) {
    gd_module_free(model);
    return st;
  }
  gd_module_reset(model, 0);
  if (outputs) *outputs = p.features;
  *out = model;
  return GD_OK;
}

/* The losses there are, and a loss with its settings. */
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "nn/build.h"
#include "nn/losses.h"

/* ---- the list ---- */

enum { MAX_LOSSES = 64 };

static const gd_loss_class *list[MAX_LOSSES] = {
#define X(name) &gd_##name,
#include "nn/losses.def"
};

const gd_loss_class *gd_loss_at(int i) {
  return i >= 0 && i < MAX_LOSSES ? list[i] : NULL;
}

gd_status gd_loss_find(const gd_loss_class **out, const char *name) {
  const char *names[MAX_LOSSES + 1] = {0};
  int i;
  char word[64];
  name += strspn(name, "[{ "); /* of a tree */
  snprintf(word, sizeof word, "%.*s", (int)strcspn(name, ":"), name);
  for (int k = 0; gd_loss_at(k); k++) names[k] = gd_loss_at(k)->name;
  GD_TRY(gdi_word_index(&i, "loss", word, names));
  *out = list[i];
  return GD_OK;
}

static const struct {
  unsigned bit;
  const char *name, *about;
} settings[] = {
    {GD_SETTING_LABEL_SMOOTHING, "label_smoothing",
     "part of a label's weight that all classes share, from 0 to 1"},
    {GD_SETTING_CLASS_WEIGHTS, "class_weights", "auto (rarer classes weigh more), or one number a class"},
    {GD_SETTING_POS_WEIGHT, "pos_weight", "weight of positives, one number or one an output"},
    {GD_SETTING_HUBER_DELTA, "huber_delta", "where squared error ends"},
    {GD_SETTING_SAMPLE_WEIGHTS, "data.w", "weights of samples, where the data have them"},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

static gd_status check_args(const gd_loss_class *cls) {
  for (const gd_arg *a = cls->args; a && a->name; a++)
    for (int i = 0; i < SETTINGS; i++)
      if (strcmp(a->name, settings[i].name) == 0)
        return GD_FAIL(GD_ERR_USAGE,
                       "loss %.64s: %s is a setting of losses: take it by .settings, or name the argument "
                       "otherwise",
                       cls->name, a->name);
  return GD_OK;
}

gd_status gd_loss_register(const gd_loss_class *cls) {
  if (!cls->name || !gdi_is_word(cls->name) || strcmp(cls->name, "auto") == 0)
    return GD_FAIL(GD_ERR_USAGE, "a loss cannot be named \"%.64s\": letters, digits and _",
                   cls->name ? cls->name : "");
  if (!cls->forward) return GD_FAIL(GD_ERR_USAGE, "loss %.64s: it has no forward", cls->name);
  GD_TRY(check_args(cls));
  for (int i = 0; i < MAX_LOSSES; i++) {
    if (list[i] == cls) return GD_OK;
    if (list[i] && strcmp(list[i]->name, cls->name) == 0)
      return GD_FAIL(GD_ERR_USAGE, "there is a loss \"%.64s\" already: choose another name", cls->name);
    if (list[i]) continue;
    list[i] = cls;
    return GD_OK;
  }
  return GD_FAIL(GD_ERR_USAGE, "loss %.64s: there are %d losses already", cls->name, MAX_LOSSES);
}

static void describe(FILE *f, const gd_loss_class *cls) {
  const bool labels = cls->target & GD_LABELS, numbers = cls->target & GD_NUMBERS;
  fprintf(f, "%s\n  %s\n  targets: %s%s%s\n", cls->name, cls->about ? cls->about : "", labels ? "labels" : "",
          labels && numbers ? " or " : "", numbers ? "numbers" : "");
  for (int i = 0; i < SETTINGS; i++)
    if (cls->settings & settings[i].bit) fprintf(f, "  --%s: %s\n", settings[i].name, settings[i].about);
  for (const gd_arg *a = cls->args; a && a->name; a++)
    fprintf(f, "  %s:%s=...  %s%s%s\n", cls->name, a->name, a->help ? a->help : "",
            a->def ? "; unless given " : "", a->def ? a->def : "");
}

gd_status gd_losses_manual(FILE *f, const char *name) {
  const gd_loss_class *only = NULL;
  if (name) GD_TRY(gd_loss_find(&only, name));
  for (int i = 0; gd_loss_at(i); i++)
    if (!only || only == list[i]) describe(f, list[i]);
  return GD_OK;
}

/* ---- a loss with its settings ---- */

/* Names of the losses that take a setting. */
static void takers(unsigned bit, char *buf, size_t bytes) {
  size_t n = 0;
  *buf = 0;
  for (int i = 0; gd_loss_at(i); i++)
    if (list[i]->settings & bit && n < bytes)
      n += (size_t)snprintf(buf + n, bytes - n, "%s%s", n ? ", " : "", list[i]->name);
}

static gd_status check_taken(const gd_loss_class *cls, const gd_loss_settings *s) {
  const unsigned given = (s->label_smoothing != 0 ? GD_SETTING_LABEL_SMOOTHING : 0u) |
                         (s->classes ? GD_SETTING_CLASS_WEIGHTS : 0u) |
                         (s->positives ? GD_SETTING_POS_WEIGHT : 0u) |
                         (s->huber_delta != 0 && s->huber_delta != 1 ? GD_SETTING_HUBER_DELTA : 0u);
  for (int i = 0; i < SETTINGS; i++) {
    if (!(given & ~cls->settings & settings[i].bit)) continue;
    char by[160];
    takers(settings[i].bit, by, sizeof by);
    return GD_FAIL(GD_ERR_USAGE, "%s: the loss %s does not take it; it is for %s", settings[i].name,
                   cls->name, by);
  }
  return GD_OK;
}

static gd_status check_lengths(const gd_loss_settings *s, int64_t outputs) {
  if (s->classes && outputs && s->classes != outputs)
    return GD_FAIL(GD_ERR_USAGE, "class_weights: %lld numbers for %lld classes", (long long)s->classes,
                   (long long)outputs);
  if (s->positives > 1 && outputs && s->positives != outputs)
    return GD_FAIL(GD_ERR_USAGE, "pos_weight: %lld numbers for %lld outputs; one for all will do",
                   (long long)s->positives, (long long)outputs);
  if (s->label_smoothing < 0 || s->label_smoothing > 1)
    return GD_FAIL(GD_ERR_USAGE, "label_smoothing: %g is not from 0 to 1", s->label_smoothing);
  return GD_OK;
}

static gd_status put(gd_tensor **out, const gd_criterion *c, const double *values, int64_t n) {
  if (n == 0) return GD_OK;
  GD_TRY(gd_tensor_new(out, c->arena, c->device, c->dtype, 1, &n));
  return gd_tensor_set(*out, values, n);
}

/* "focal:gamma=2": what stands behind the name; NULL: nothing. */
static gd_status args_of(const gd_tree **out, gd_arena *a, const char *text) {
  gd_tree *t;
  *out = NULL;
  if (!strchr(text, ':')) return GD_OK;
  GD_TRY(gd_tree_parse(&t, a, text, "loss"));
  if (t->kind == GD_TREE_LIST && t->n == 1) t = t->item[0];
  if (t->kind != GD_TREE_MAP || t->n != 1)
    return GD_FAIL(GD_ERR_USAGE,
                   "loss: \"%.80s\" is not one name with arguments, as in huber or mine:gamma=2", text);
  *out = t->item[0];
  return GD_OK;
}

/* As a layer reads its arguments. */
static gd_status read_args(gd_criterion *c, const char *text) {
  const gd_tree *given;
  static const char *const nothing_else[] = {NULL};
  gd_module_class *kind = gd_arena_zalloc(c->arena, sizeof *kind);
  gd_build *b = gd_arena_zalloc(c->arena, sizeof *b);
  gdi_building *all = gd_arena_zalloc(c->arena, sizeof *all);
  if (!kind || !b || !all) return GD_ERR_OOM;
  kind->word = c->cls->name, kind->args = c->cls->args;
  all->arena = c->arena;
  GD_TRY(args_of(&given, c->arena, text ? text : ""));
  b->cls = kind, b->all = all, b->device = c->device, b->dtype = c->dtype;
  c->args = b;
  gd_status st = gdi_args_read(b, given, nothing_else);
  if (st != GD_ERR_USAGE) return st;
  char cause[300];
  snprintf(cause, sizeof cause, "%.299s", gd_error_last()->message);
  return GD_FAIL(st, "loss: %s (gdtrain --help-losses %s tells what it takes)", cause, c->cls->name);
}

gd_status gd_criterion_new(gd_criterion **out, const gd_loss_class *cls, const gd_loss_settings *s,
                           gd_device *d, gd_dtype dtype, int64_t outputs) {
  static const gd_loss_settings none = {0};
  *out = NULL;
  if (!s) s = &none;
  GD_TRY(check_taken(cls, s));
  GD_TRY(check_lengths(s, outputs));
  gd_criterion *c = calloc(1, sizeof *c);
  if (!c) return GD_FAIL(GD_ERR_OOM, "no memory for a loss");
  *c = (gd_criterion){.cls = cls,
                      .device = d,
                      .dtype = dtype,
                      .label_smoothing = s->label_smoothing,
                      .huber_delta = s->huber_delta != 0 ? s->huber_delta : 1};
  gd_status st = gd_arena_new(&c->arena, "loss");
  if (st == GD_OK) st = read_args(c, s->text);
  if (st == GD_OK) st = put(&c->class_weight, c, s->class_weight, s->classes);
  if (st == GD_OK) st = put(&c->pos_weight, c, s->pos_weight, s->positives);
  if (st == GD_OK) {
    *out = c;
    return GD_OK;
  }
  gd_criterion_free(c);
  return st;
}

void gd_criterion_free(gd_criterion *c) {
  if (!c) return;
  gd_arena_free(c->arena);
  free(c);
}

gd_loss gd_criterion_forward(const gd_criterion *c, gd_tape *t, gd_tensor *const output[], int n,
                             const gd_batch *b) {
  for (int i = 0; i < n; i++)
    if (!output[i]) return (gd_loss){0}; /* the tape has the error */
  gd_loss loss = c->cls->forward(c, t, output, n, b);
  if (loss.sum && !loss.weight && b->x) loss.weight = gdi_weight_of(t, b, b->x->shape[0]);
  return loss;
}

/* ---- weights of samples ---- */

gd_tensor *gdi_weight_of(gd_tape *t, const gd_batch *b, int64_t elements) {
  if (!b->w) return gd_constant(t, GD_F64, (double)elements);
  const double each = (double)elements / (double)b->w->shape[0];
  return gd_mul_scalar(t, gd_sum(t, gd_cast(t, b->w, GD_F64), GD_ALL, false), each);
}

gd_tensor *gdi_weights_like(gd_tape *t, const gd_batch *b, const gd_tensor *x) {
  if (!b->w || !x) return NULL;
  int64_t shape[GD_MAX_DIMS] = {b->w->shape[0]};
  if (x->ndim < 1 || x->shape[0] != shape[0])
    return gd_tape_fail(t,
                        GD_FAIL(GD_ERR_SHAPE, "loss: %lld weights of samples for other than as many losses",
                                (long long)shape[0]));
  for (int i = 1; i < x->ndim; i++) shape[i] = 1;
  return x->ndim == 1 ? b->w : gd_reshape(t, b->w, x->ndim, shape);
}

gd_loss gd_loss_of_elements(gd_tape *t, const gd_batch *b, gd_tensor *each) {
  if (!each) return (gd_loss){0};
  gd_tensor *sum =
      gdi_loss_reduce(t, b->w ? gd_mul(t, each, gdi_weights_like(t, b, each)) : each, GD_REDUCE_SUM);
  return (gd_loss){sum, sum ? gdi_weight_of(t, b, gd_numel(each)) : NULL};
}

gd_loss gd_loss_of(gd_tape *t, const gd_loss_class *cls, gd_tensor *prediction, gd_tensor *target) {
  if (cls->args) {
    gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "loss %s has arguments: gd_criterion_new() reads them", cls->name));
    return (gd_loss){0};
  }
  const gd_criterion c = {.cls = cls, .huber_delta = 1};
  const gd_batch b = gd_batch_of(prediction, target, (gd_range){0, 0});
  return gd_criterion_forward(&c, t, &prediction, 1, &b);
}

/* ---- batches ---- */

gd_batch gd_batch_of(gd_tensor *x, gd_tensor *y, gd_range rows) {
  return (gd_batch){.x = x, .y = y, .rows = rows, .n_fields = 2, .field = {{"x", x, false}, {"y", y, false}}};
}

gd_tensor *gd_batch_get(const gd_batch *b, const char *name) {
  for (int i = 0; i < b->n_fields; i++)
    if (strcmp(b->field[i].name, name) == 0) return b->field[i].tensor;
  return NULL;
}

/*
 * The snapshots of a run as one model: the mean of their probabilities, where the loss takes logits of classes, else
 * of their outputs. It puts out the logarithm of that mean, whose softmax it is: so losses, metrics and predictions
 * need not know that there are several.
 *
 * Source: Huang et al., "Snapshot ensembles", ICLR 2017
 */
#include <string.h>

#include "infer/trained.h"
#include "store/apply.h"

typedef struct ensemble {
  gd_module module;
  bool classes;
} ensemble;

static gd_tensor *forward(gd_module *self, gd_tape *t, gd_tensor *x) {
  const bool classes = ((const ensemble *)self)->classes;
  gd_tensor *sum = NULL;
  for (int i = 0; i < self->n_children; i++) {
    gd_tensor *y = gd_forward(self->child[i].module, t, x);
    if (classes) y = gd_softmax(t, y, -1);
    sum = sum ? gd_add(t, sum, y) : y;
  }
  gd_tensor *mean = gd_mul_scalar(t, sum, 1.0 / self->n_children);
  const double least = 1e-30; /* a class that none believes in: a large loss, not an infinite one */
  return classes ? gd_log(t, gd_add_scalar(t, mean, least)) : mean;
}

static const gd_module_class class = {.name = "Ensemble", .forward = forward};

/* One more member, like the first. */
static gd_status load(gdi_trained *u, const char *path, const gd_use_options *o, gd_module **out) {
  gd_checkpoint c;
  gd_params *params = NULL;
  const char *used;
  GD_TRY(gd_checkpoint_read(&c, path, false));
  gd_status st = strcmp(c.model, u->checkpoint.model) == 0
                     ? gd_checkpoint_choose(&c, o->weights, &used)
                     : GD_FAIL(GD_ERR_CHECKPOINT, "%s: is of another model than the first snapshot", path);
  if (st == GD_OK) st = gdi_trained_model(u, &c, path, o, u->params->dtype, out, &params);
  gd_params_free(params);
  gd_checkpoint_free(&c);
  return st;
}

static gd_status add(gd_module *all, int i, gd_module *member) {
  char name[32];
  snprintf(name, sizeof name, "%d", i);
  return gd_module_add_child(all, name, member);
}

gd_status gdi_ensemble_open(gdi_trained *u, const gd_use_options *o) {
  gd_module *all;
  GD_TRY(gd_module_new(&all, &class, sizeof(ensemble), u->device, u->params->dtype));
  ((ensemble *)all)->classes = u->criterion->cls->classes;
  gd_status st = add(all, 0, u->model);
  if (st != GD_OK) {
    gd_module_free(all);
    return st;
  }
  u->model = all; /* the first is its child now */
  for (int i = 1; i < u->members; i++) {
    gd_module *member = NULL;
    st = load(u, u->member[i], o, &member);
    if (st == GD_OK) st = add(all, i, member);
    if (st != GD_OK) {
      gd_module_free(member);
      return st;
    }
  }
  gd_module_train(all, false);
  return GD_OK;
}

#include "infer/update_statistics.h"

#include <stdlib.h>

#include "infer/model.h"

typedef struct pass {
  gdi_set set;
  gd_order order;
  gd_loader *loader;
  gd_named *statistic;
  int n;
} pass;

/* The samples that were trained on, in the order of the file. */
static gd_status open_samples(pass *p, const gdi_trained *u) {
  const gd_options *o = &u->trained;
  const int64_t n = gd_dataset_info(p->set.data)->n;
  gd_order rest;
  p->order = gd_order_all(n, (uint64_t)o->seed);
  if (o->val_fraction > 0) GD_TRY(gd_order_split(n, o->val_fraction, (uint64_t)o->seed, &p->order, &rest));
  p->order.shuffle = GD_SHUFFLE_NONE;
  const gd_loader_options l = {.order = p->order,
                               .device = u->device,
                               .dtype = u->params->dtype,
                               .max_rows = o->micro_batch,
                               .standardize =
                                   u->checkpoint.standardize.features ? &u->checkpoint.standardize : NULL};
  return gd_loader_new(&p->loader, p->set.data, &l);
}

/* Gradients of statistics alone, which start from 0: a micro-batch of n samples adds -n times its values. */
static gd_status micro_batch(const pass *p, gdi_trained *u, int64_t k, gd_range rows) {
  gd_batch batch;
  gd_tensor *output[GD_MAX_FIELDS];
  GD_TRY(gd_loader_get(p->loader, 0, rows, &batch));
  gd_tape_reset(u->tape);
  gd_tape_draws(u->tape, (uint64_t)u->trained.seed, k, rows.lo, rows.hi - rows.lo);
  gdi_forward(u->model, u->tape, &batch, output);
  gd_tensor *any = gd_sum(u->tape, output[0], GD_ALL, false);
  GD_TRY(gd_tape_status(u->tape));
  return gd_backward(u->tape, any, NULL);
}

static gd_status put_mean(const gd_named *s, int64_t samples) {
  const int64_t n = gd_numel(s->tensor);
  double *values = malloc((size_t)n * sizeof *values);
  if (!values) return GD_FAIL(GD_ERR_OOM, "no memory for statistics");
  gd_status st = gd_tensor_get(s->tensor->grad, values, n);
  for (int64_t i = 0; i < n; i++) values[i] /= -(double)samples;
  if (st == GD_OK) st = gd_tensor_set(s->tensor, values, n);
  free(values);
  return st;
}

static gd_status measure(const pass *p, gdi_trained *u) {
  const int64_t n = p->order.n, micro_batches = (n - 1) / u->trained.micro_batch + 1;
  for (int i = 0; i < p->n; i++) GD_TRY(gd_tensor_fill(p->statistic[i].tensor, 0));
  gd_module_zero_grad(u->model);
  for (int64_t k = 0; k < micro_batches; k++) GD_TRY(micro_batch(p, u, k, gd_share(n, micro_batches, k)));
  for (int i = 0; i < p->n; i++)
    if (p->statistic[i].tensor->has_grad) GD_TRY(put_mean(&p->statistic[i], n));
  return GD_OK;
}

/* Parameters rest; forward is that of training, and is recorded. */
static gd_status measure_alone(const pass *p, gdi_trained *u) {
  const int n = gd_module_params(u->model, NULL, 0);
  gd_named *param = calloc((size_t)n + 1, sizeof *param);
  if (!param) return GD_FAIL(GD_ERR_OOM, "no memory for a list of parameters");
  gd_module_params(u->model, param, n);
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < n; i++) st = gd_require_grad(param[i].tensor, false);
  const bool recording = gd_tape_record(u->tape, true);
  gd_module_train(u->model, true);
  if (st == GD_OK) st = measure(p, u);
  gd_module_train(u->model, false);
  gd_tape_record(u->tape, recording);
  gd_tape_reset(u->tape);
  free(param);
  return st;
}

static gd_status list_statistics(pass *p, const gdi_trained *u) {
  if (u->members > 1)
    return GD_FAIL(GD_ERR_USAGE, "--update-bn is for one checkpoint, not for an ensemble of several");
  p->n = gd_module_statistics(u->model, NULL, 0);
  if (p->n == 0) return GD_FAIL(GD_ERR_USAGE, "--update-bn: the model has no running statistics");
  p->statistic = calloc((size_t)p->n, sizeof *p->statistic);
  if (!p->statistic) return GD_FAIL(GD_ERR_OOM, "no memory for a list of statistics");
  gd_module_statistics(u->model, p->statistic, p->n);
  return GD_OK;
}

gd_status gdi_update_statistics(gdi_trained *u) {
  pass p = {0};
  gdi_set_use use = gdi_use_of(&u->checkpoint);
  use.without_targets = true;
  gd_status st = gd_world_agree(u->world, list_statistics(&p, u));
  if (st == GD_OK) st = gdi_set_open(&p.set, u->world, u->trained.data_train, &u->trained, &use);
  if (st == GD_OK) st = gd_world_agree(u->world, open_samples(&p, u));
  if (st == GD_OK) st = gd_world_agree(u->world, measure_alone(&p, u));
  gd_loader_free(p.loader);
  gdi_set_close(&p.set, u->world);
  free(p.statistic);
  return st;
}

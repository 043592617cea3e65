/* Gradients: against differences of the loss, and the same sum however a batch is cut. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "infer/model.h"
#include "verify/verify.h"

/* ---- against central differences, in f64, each rank on samples of its own */

enum { ROWS = 4, ELEMENTS = 12, ATTEMPTS = 3 };

typedef struct probe {
  gdi_verify *v;
  gd_module *model;
  gd_criterion *criterion; /* in f64 too */
  gd_loader *loader;
  gd_batch batch;
  double scale; /* makes the loss about 1: rounding is judged against that */
} probe;

static gd_tensor *loss_of(gd_tape *t, gd_tensor *const leaves[], int n, void *user) {
  (void)leaves, (void)n;
  const probe *p = user;
  gd_tape_draws(t, (uint64_t)p->v->opt.seed, 0, p->batch.rows.lo, p->batch.rows.hi - p->batch.rows.lo);
  gd_tensor *output[GD_MAX_FIELDS];
  const int outputs = gdi_forward(p->model, t, &p->batch, output);
  gd_loss loss = gd_criterion_forward(p->criterion, t, output, outputs, &p->batch);
  return gd_mul_scalar(t, loss.sum, p->scale);
}

static gd_status look(probe *p, gd_tensor *const leaf[], int n, gd_range rows) {
  const gd_gradcheck_options o = {.rtol = 1e-4, .atol = 1e-6, .max_elements = ELEMENTS};
  gd_tape *t;
  GD_TRY(gd_loader_get(p->loader, 0, rows, &p->batch));
  GD_TRY(gd_tape_new(&t, p->v->job.device));
  p->scale = 1;
  gd_tensor *loss = loss_of(t, leaf, n, p);
  gd_status st = gd_tape_status(t);
  if (st == GD_OK && fabs(gd_item(loss)) > 1e-3) p->scale = 1 / fabs(gd_item(loss));
  gd_tape_free(t);
  return st == GD_OK ? gd_gradcheck(p->v->job.device, loss_of, leaf, n, p, &o) : st;
}

/* Differences across a kink (relu) prove nothing, but are rare: other samples decide. */
static gd_status look_again(probe *p, int n) {
  gd_named *param = calloc((size_t)n, sizeof *param);
  gd_tensor **leaf = calloc((size_t)n, sizeof *leaf);
  gd_status st = param && leaf ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a list of parameters");
  if (st == GD_OK) gd_module_params(p->model, param, n);
  for (int i = 0; st == GD_OK && i < n; i++) leaf[i] = param[i].tensor, leaf[i]->name = param[i].name;
  const int64_t rows = p->v->n < ROWS ? p->v->n : ROWS, places = p->v->n - rows + 1;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    const int64_t at = (gd_world_rank(p->v->world) * ATTEMPTS + attempt) * rows % places;
    if (attempt == 0 ? st == GD_OK : st == GD_ERR_INTERNAL) st = look(p, leaf, n, (gd_range){at, at + rows});
  }
  free(param), free(leaf);
  return st;
}

static gd_status probe_model(probe *p, int *n) {
  gdi_verify *v = p->v;
  const gd_data_info *i = gd_dataset_info(v->job.train.data);
  const gd_loader_options l = {.order = v->job.train_order,
                               .device = v->job.device,
                               .dtype = GD_F64,
                               .max_rows = ROWS,
                               .standardize = &v->job.standardize,
                               .standardize_targets = &v->job.standardize_targets};
  gd_shape output;
  GD_TRY(gdi_job_model(&p->model, v->opt.task, v->opt.model, i, v->job.device, GD_F64, &output));
  gd_module_reset(p->model, (uint64_t)v->opt.seed);
  GD_TRY(gdi_criterion_open(&p->criterion, v->job.criterion->cls, &v->opt, &v->job.class_weights,
                            v->job.device, GD_F64, v->job.outputs));
  GD_TRY(gd_loader_new(&p->loader, v->job.train.data, &l));
  *n = gd_module_params(p->model, NULL, 0);
  return look_again(p, *n);
}

gd_status gdi_check_gradients(gdi_verify *v) {
  probe p = {.v = v};
  int n = 0;
  gd_status st = gd_world_agree(v->world, probe_model(&p, &n));
  gd_loader_free(p.loader);
  gd_criterion_free(p.criterion);
  gd_module_free(p.model);
  if (st == GD_OK)
    return gdi_report(v, "gradients", GD_PASS, "%d parameters, f64, %d elements each, %d samples a rank", n,
                      ELEMENTS, ROWS);
  if (st != GD_ERR_INTERNAL) return st;
  char cause[300];
  snprintf(cause, sizeof cause, "%.299s", gd_error_last()->message);
  gd_error_clear();
  return gdi_report(v, "gradients", GD_FAILED, "%s", cause);
}

/* ---- however a batch is cut */

/*
 * One step of plain gradient descent from the start shows the mean gradient: start - rate g. At this rate, a
 * power of two, the start hardly rounds g.
 */
static gd_options plain(const gd_options *o) {
  gd_options p = *o;
  p.optimizer = "sgd", p.schedule = "constant", p.lr_scale = "none";
  p.lr = 1024;
  p.momentum = p.dampening = p.weight_decay = p.clip_norm = p.clip_value = 0;
  p.nesterov = p.centered = p.amsgrad = p.cycle_momentum = false;
  p.ema = p.swa_every.n = p.warmup.n = 0, p.milestones = "";
  return p;
}

static gd_status open_plain(gdi_verify *v, gdi_job *j, int64_t batch, int64_t micro) {
  gd_options o = plain(&v->opt);
  o.batch_size = batch, o.micro_batch = micro;
  GD_TRY(gdi_trial_open(v, j, v->world, &o));
  gd_module_train(j->model, false); /* dropout depends on where in its batch a sample is */
  return GD_OK;
}

/* Where one step leads from the start. */
static gd_status step_from_start(gdi_verify *v, gdi_job *j, int64_t step, gdi_values *out, double *weight) {
  gd_sync_result r;
  GD_TRY(gd_sync_scatter(j->sync, v->start.array[0], NULL));
  j->step = step;
  GD_TRY(gdi_step_now(j, 0, &r));
  *weight = r.total.weight;
  return gdi_values_take(j, out);
}

static gd_status judge(gdi_verify *v, const char *check, const char *what) {
  if (gd_world_rank(v->world) != 0) return gdi_report(v, check, GD_PASS, "%s", ""); /* rank 0's counts */
  const double apart = gdi_values_distance(&v->job, &v->ours, &v->theirs, &v->start);
  return gdi_report(v, check, apart <= gdi_tolerance(&v->job) ? GD_PASS : GD_FAILED,
                    "%s: gradients differ by %.2g of their size", what, apart);
}

static gd_status check_halves(gdi_verify *v, gdi_job *whole) {
  const int64_t batch = whole->batches.batch, micro = whole->batches.micro;
  if (micro == 1) return gdi_report(v, "micro-batches", GD_SKIPPED, "of one sample cannot be halved");
  gdi_job half = {.world = v->world};
  double weight;
  gd_status st = step_from_start(v, whole, 0, &v->ours, &weight);
  if (st == GD_OK) st = open_plain(v, &half, batch, micro / 2);
  if (st == GD_OK) st = step_from_start(v, &half, 0, &v->theirs, &weight);
  gdi_job_close(&half);
  GD_TRY(st);
  char what[80];
  snprintf(what, sizeof what, "%lld against %lld samples", (long long)micro, (long long)(micro / 2));
  return judge(v, "micro-batches", what);
}

#define ADD(type, to, from, factor, n)                                                                       \
  for (int64_t i_ = 0; i_ < (n); i_++)                                                                       \
  ((type *)(to))[i_] += (type)((factor) * (double)((const type *)(from))[i_])

/* The mean of the batches of an epoch, weighted by what they count, is the gradient of all. */
static gd_status check_full(gdi_verify *v, gdi_job *parts) {
  gdi_job full = {.world = v->world};
  double whole_weight = 1, weight = 0;
  gd_status st = open_plain(v, &full, v->n, parts->batches.micro);
  if (st == GD_OK) st = step_from_start(v, &full, 0, &v->theirs, &whole_weight);
  gdi_job_close(&full);
  GD_TRY(st);
  gdi_values one = {0};
  GD_TRY(gd_world_agree(v->world, gdi_values_new(parts, &one)));
  memset(v->ours.array[0], 0, v->ours.bytes);
  const int64_t n = parts->params->elements;
  for (int64_t s = 0; st == GD_OK && s < parts->batches.per_epoch; s++) {
    st = step_from_start(v, parts, s, &one, &weight);
    if (parts->dtype == GD_F32)
      ADD(float, v->ours.array[0], one.array[0], weight / whole_weight, n);
    else
      ADD(double, v->ours.array[0], one.array[0], weight / whole_weight, n);
  }
  gdi_values_free(&one);
  GD_TRY(st);
  char what[80];
  snprintf(what, sizeof what, "%lld batches against one of %lld", (long long)parts->batches.per_epoch,
           (long long)v->n);
  return judge(v, "batches", what);
}

gd_status gdi_check_micro_batches(gdi_verify *v) {
  gdi_job j = {.world = v->world};
  if (gd_module_statistics(v->job.model, NULL, 0) > 0) {
    static const char why[] =
        "the model has statistics of each micro-batch: cut otherwise, it has other gradients";
    GD_TRY(gdi_report(v, "micro-batches", GD_SKIPPED, "%s", why));
    return gdi_report(v, "batches", GD_SKIPPED, "%s", why);
  }
  if (gd_augment_mixes(v->job.augment)) {
    static const char why[] = "samples of a micro-batch are mixed: cut otherwise, they are others";
    GD_TRY(gdi_report(v, "micro-batches", GD_SKIPPED, "%s", why));
    return gdi_report(v, "batches", GD_SKIPPED, "%s", why);
  }
  gd_status st = open_plain(v, &j, v->opt.batch_size, v->opt.micro_batch);
  if (st == GD_OK) st = check_halves(v, &j);
  if (st == GD_OK) st = check_full(v, &j);
  gdi_job_close(&j);
  return st;
}

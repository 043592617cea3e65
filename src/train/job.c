/* Opening a job: device, data, model, update, in that order; every step of it is agreed on by all ranks. */
#include "train/job.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/words.h"
#include "comm/rank_device.h"
#include "data/loader.h"
#include "device/device.h"
#include "gd/log.h"
#include "gd/version.h"
#include "infer/model.h"
#include "train/gpu_step.h"
#include "train/job_open.h"

/* ---- model ---- */

/* A loss that takes logits: an activation before it, its own too, spoils learning silently. */
static void warn_of_last(const gdi_job *j) {
  const gd_module_class *last = gd_module_last(j->model);
  if (gdi_is_listed(j->criterion->cls->name, last->not_before) && gd_world_rank(j->world) == 0)
    gd_message(GD_LOG_WARN, "%s takes logits, which are any real numbers: end the model without %s",
               j->criterion->cls->name, last->word);
}

/* What a model that begins with a layer of images takes its samples for. */
static void say_images(const gdi_job *j) {
  const gd_module *m = j->model;
  while (m->n_children) m = m->child[0].module;
  const gd_shape *in = &m->in;
  char text[160];
  if (in->layout || in->axes != GD_AXES_PLAIN || in->ndim != 3 || m->out.axes != GD_AXES_IMAGE ||
      gd_world_rank(j->world) > 0)
    return;
  const bool last = in->dim[2] == 1 || in->dim[2] == 3;
  gdi_message_once(
      GD_LOG_INFO,
      "samples %s are taken for images, channels %s: data.layout, or an attribute layout of x, says it",
      gd_shape_text(in, text, sizeof text), last ? "last" : "first");
}

static gd_status build_model(gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  if (j->opt.model->n == 0)
    return GD_FAIL(GD_ERR_USAGE, "no model: give --model \"linear:512 relu linear:%lld\"",
                   (long long)(i->labels ? i->classes : i->targets));
  if (strcmp(j->opt.loss, "auto") == 0) j->opt.loss = i->labels ? "cross_entropy" : "mse";
  const gd_loss_class *loss;
  GD_TRY(gd_loss_find(&loss, j->opt.loss));
  gd_shape output;
  GD_TRY(gdi_job_model(&j->model, j->opt.task, j->opt.model, i, j->device, j->dtype, &output));
  GD_TRY(gdi_targets_fit(loss, i, &output));
  j->outputs = gdi_outputs_of(loss, &output);
  GD_TRY(gdi_weights_fit(loss, i));
  if (loss->binary) GD_TRY(gdi_set_binary(&j->train, loss->name));
  if (loss->binary && j->val.data) GD_TRY(gdi_set_binary(&j->val, loss->name));
  if (j->standardize_targets.features && (loss->predict || loss->any_outputs))
    return GD_FAIL(
        GD_ERR_USAGE,
        "standardize_targets: the loss %s does not take targets of any mean and deviation; leave it "
        "out, or choose mse, l1 or huber",
        loss->name);
  GD_TRY(
      gdi_criterion_open(&j->criterion, loss, &j->opt, &j->class_weights, j->device, j->dtype, j->outputs));
  GD_TRY(gdi_metrics_choose(&j->metrics, j->opt.metrics, j->criterion, i, i->classes, i->class_name,
                            j->outputs));
  gdi_metrics_standardized(&j->metrics, &j->standardize_targets);
  warn_of_last(j);
  say_images(j);
  gd_module_reset(j->model, (uint64_t)j->opt.seed);
  return gd_tape_new(&j->tape, j->device);
}

static gd_status open_loaders(gdi_job *j) {
  gd_loader_options l = {.order = j->train_order,
                         .device = j->device,
                         .dtype = j->dtype,
                         .max_rows = j->batches.micro,
                         .standardize = &j->standardize,
                         .standardize_targets = &j->standardize_targets};
  GD_TRY(gd_augment_new(&j->augment, j->opt.augment, gd_dataset_info(j->train.data), (uint64_t)j->opt.seed));
  if (gd_augment_mixes(j->augment) && !(j->criterion->cls->target & GD_NUMBERS))
    return GD_FAIL(GD_ERR_USAGE,
                   "augment: mixup and cutmix make probabilities of labels, which %s does not take",
                   j->criterion->cls->name);
  l.augment = j->augment;
  GD_TRY(gdi_loader_new(&j->loader, j->train.data, &l, gdi_sent_rows(j)));
  l.augment = NULL;
  if (!j->validates && !j->borrowed) return GD_OK;
  l.order = j->val_order;
  l.max_rows = GDI_EVAL_ROWS;
  return gd_loader_new(&j->val_loader, j->val.data ? j->val.data : j->train.data, &l);
}

/* ---- the whole ---- */

/* Each process writes its own list: restarted runs add files instead of mixing lines. */
static gd_status open_trace(gdi_job *j) {
  if (!j->opt.trace[0]) return GD_OK;
  char path[4200];
  snprintf(path, sizeof path, "%.4000s/samples-%s-%d.csv", j->opt.trace,
           gd_world_hostname(j->world, gd_world_rank(j->world)), (int)getpid());
  j->trace = fopen(path, "w");
  return j->trace ? GD_OK : GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
}

static gd_status begin(gdi_job *j, gd_world *w, const gd_options *o) {
  memset(j, 0, sizeof *j);
  j->world = w;
  j->opt = *o;
  j->lr_factor = 1;
  j->dtype = strcmp(o->precision, "fp64") == 0 ? GD_F64 : GD_F32;
  GD_TRY(gd_world_same(w, "the version of gdtrain", GD_VERSION, sizeof GD_VERSION, GD_VERSION));
  GD_TRY(gdi_same_settings(j));
  GD_TRY(gd_world_agree(w, gd_options_check(o)));
  return gd_world_agree(w, gdi_device_for(&j->device, w, o->device, o->threads, o->precision));
}

static gd_status open_on_data(gdi_job *j, const gdi_known *known) {
  static const gdi_known nothing = {0};
  gd_world *w = j->world;
  if (!known) known = &nothing;
  GD_TRY(gd_world_agree(w, gdi_open_orders(j)));
  GD_TRY(gd_world_agree(w, gdi_open_standardize(j, known)));
  GD_TRY(gd_world_agree(w, gdi_open_class_weights(j, &known->class_weights)));
  GD_TRY(gd_world_agree(w, gdi_gpu_cause(j->device, build_model(j))));
  GD_TRY(gd_world_agree(w, gdi_resolve_batches(j, known->from)));
  GD_TRY(gd_world_agree(w, gdi_resolve_rates(j)));
  GD_TRY(gd_world_agree(w, gdi_gpu_cause(j->device, gdi_open_params(j))));
  GD_TRY(gdi_same_everywhere(j));
  GD_TRY(gdi_same_constants(j));
  GD_TRY(gdi_open_update(j));
  GD_TRY(gd_world_agree(w, open_trace(j)));
  GD_TRY(gd_world_agree(w, gdi_gpu_cause(j->device, open_loaders(j))));
  return gd_world_agree(w, gdi_on_gpu_new(j));
}

gd_status gdi_job_open(gdi_job *j, gd_world *w, const gd_options *o, const gdi_known *known) {
  static const gdi_set_use any = {.part = GD_PART_ANY};
  GD_TRY(begin(j, w, o));
  GD_TRY(gdi_open_data(j, known ? &known->data : &any));
  return open_on_data(j, known);
}

gd_status gdi_job_open_data(gdi_job *j, gd_world *w, const gd_options *o) {
  GD_TRY(begin(j, w, o));
  return gdi_open_data(j, &(gdi_set_use){.part = GD_PART_ANY});
}

gd_status gdi_job_open_on(gdi_job *j, gd_world *w, const gd_options *o, const gdi_job *data,
                          const gdi_known *known) {
  GD_TRY(begin(j, w, o));
  gdi_borrow_data(j, data);
  return open_on_data(j, known);
}

void gdi_job_close(gdi_job *j) {
  if (j->trace) fclose(j->trace);
  gdi_on_gpu_free(j);
  gd_loader_free(j->loader);
  gd_loader_free(j->val_loader);
  gd_augment_free(j->augment);
  gd_sync_free(j->sync);
  gd_tape_free(j->tape);
  gdi_metrics_free(&j->metrics);
  gd_criterion_free(j->criterion);
  gdi_class_weights_free(&j->class_weights);
  gd_params_free(j->params);
  gd_module_free(j->model);
  gd_standardize_free(&j->standardize);
  gd_standardize_free(&j->standardize_targets);
  gd_class_lists_free(&j->class_lists);
  if (!j->borrowed) gdi_set_close(&j->val, j->world), gdi_set_close(&j->train, j->world);
  gd_device_close(j->device);
}

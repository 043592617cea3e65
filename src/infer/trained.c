#include "infer/trained.h"

#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "base/files.h"
#include "comm/rank_device.h"
#include "data/image.h"
#include "infer/model.h"
#include "infer/update_statistics.h"
#include "nn/plugins.h"
#include "gd/log.h"
#include "store/apply.h"

/* As it was trained, or another one, which has no settings of its own. */
static gd_status open_loss(gdi_trained *u, const char *name) {
  const gd_checkpoint *c = &u->checkpoint;
  const bool same = !name || strcmp(name, u->trained.loss) == 0;
  const gd_loss_class *cls;
  GD_TRY(gd_loss_find(&cls, same ? u->trained.loss : name));
  u->outputs = gdi_outputs_of(cls, &u->output);
  if (!same)
    return gd_criterion_new(&u->criterion, cls, &(gd_loss_settings){.text = name}, u->device,
                            u->params->dtype, u->outputs);
  const gdi_class_weights weights = {c->n_class_weights, c->class_weight};
  return gdi_criterion_open(&u->criterion, cls, &u->trained, &weights, u->device, u->params->dtype,
                            u->outputs);
}

/* x, and how many outputs, as the checkpoint knows them; further inputs are those of the source that the data come from. */
static gd_status inputs_of(gd_data_info *out, const gd_checkpoint *c, const char *data) {
  *out = (gd_data_info){.ndim = c->sample_ndim, .targets = c->outputs};
  memcpy(out->sample, c->sample, sizeof c->sample);
  if (!gd_dataset_source_find(data)) return GD_OK;
  gd_dataset *d;
  GD_TRY(gd_dataset_open(&d, data, &(gd_data_options){.without_targets = true}));
  const gd_data_info *i = gd_dataset_info(d);
  out->x_index = i->x_index, out->n_more = i->n_more;
  memcpy(out->more, i->more, sizeof i->more);
  gd_dataset_close(d);
  return GD_OK;
}

static gd_status load_weights(gd_params *p, const gd_checkpoint *c, const char *path) {
  gd_stored *stored;
  int n;
  GD_TRY(gdi_checkpoint_weights(c, &stored, &n));
  gd_status st = gdi_weights_apply(p, stored, n, path);
  free(stored);
  return st;
}

gd_status gdi_trained_model(gdi_trained *u, const gd_checkpoint *c, const char *path, const gd_use_options *o,
                            gd_dtype dtype, gd_module **model, gd_params **params) {
  gd_tree *spec;
  gd_data_info data;
  GD_TRY(inputs_of(&data, c, o->data));
  data.layout = gdi_layout_of(u->trained.layout);
  GD_TRY(gd_tree_parse(&spec, c->arena, c->model, "model"));
  GD_TRY(gdi_job_model(model, o->task, spec, &data, u->device, dtype, &u->output));
  GD_TRY(gd_params_new(params, *model));
  return load_weights(*params, c, path);
}

static gd_status open_model(gdi_trained *u, const char *path, const gd_use_options *o) {
  const gd_checkpoint *c = &u->checkpoint;
  const gd_dtype dtype = c->n_params ? c->param[0].dtype : GD_F32;
  GD_TRY(gdi_plugins_need(c->plugins, path, c->model));
  GD_TRY(gdi_device_for(&u->device, u->world, o->device, o->threads, u->trained.precision));
  GD_TRY(gdi_trained_model(u, c, path, o, dtype, &u->model, &u->params));
  gd_module_train(u->model, false);
  GD_TRY(gd_tape_new(&u->tape, u->device));
  gd_tape_record(u->tape, false);
  return open_loss(u, o->loss);
}

/* The average where one was kept, and it is said: other numbers than those of the training would surprise. */
static gd_status choose_weights(gdi_trained *u, const gd_use_options *o) {
  const char *used;
  GD_TRY(gd_checkpoint_choose(&u->checkpoint, o->weights, &used));
  if (!o->weights && strcmp(used, "trained") != 0 && gd_world_rank(u->world) == 0)
    gd_message(GD_LOG_INFO, "weights: the average %s (--weights trained uses the parameters themselves)",
               used);
  return GD_OK;
}

static gd_status match_data(gdi_trained *u) {
  char text[2][GDI_SHAPE_TEXT];
  const gd_data_info *i = gd_dataset_info(u->set.data);
  const gd_checkpoint *c = &u->checkpoint;
  if (i->ndim != c->sample_ndim || memcmp(i->sample, c->sample, (size_t)i->ndim * sizeof *i->sample) != 0)
    return GD_FAIL(GD_ERR_DATA, "%s: its samples are %s, but the model was trained on %s", i->path,
                   gdi_dims_text(i->ndim, i->sample, text[0]),
                   gdi_dims_text(c->sample_ndim, c->sample, text[1]));
  if (i->x_scale != c->x_scale)
    return GD_FAIL(
        GD_ERR_DATA,
        "%s: values are scaled by %g, but the model was trained with %g: store both sets in the same type",
        i->path, i->x_scale, c->x_scale);
  return c->classes ? gdi_set_match(&u->set, c->classes, c->class_name) : GD_OK;
}

/* What predictions do not ask for. */
static gd_status match_targets(const gdi_trained *u) {
  const gd_data_info *i = gd_dataset_info(u->set.data);
  const gd_loss_class *loss = u->criterion->cls;
  GD_TRY(gdi_weights_fit(loss, i));
  if (!(loss->target & (i->labels ? GD_LABELS : GD_NUMBERS)) ||
      (loss->classes && !i->labels && i->targets == 1))
    return GD_FAIL(GD_ERR_DATA, "%s: %s are %s, but the model's loss, %s, compares with %s: %s", i->path,
                   i->y_name, i->labels ? "classes" : "numbers", loss->name,
                   i->labels ? "numbers" : "classes",
                   i->labels ? "import the data without --classes if they are quantities"
                             : "import the data with --classes if they stand for classes");
  if (!i->labels && i->targets != u->outputs && !loss->any_outputs)
    return GD_FAIL(GD_ERR_DATA,
                   "%s: %s has %lld numbers a sample, but the model %lld outputs: as many are needed as it "
                   "was trained on",
                   i->path, i->y_name, (long long)i->targets, (long long)u->outputs);
  if (loss->binary) GD_TRY(gdi_set_binary(&u->set, loss->name));
  if (i->labels) GD_TRY(gdi_targets_fit(loss, i, &u->output));
  return gdi_set_labelled(&u->set);
}

static gd_status open_loader(gdi_trained *u) {
  u->n = gd_dataset_info(u->set.data)->n;
  gd_loader_options l = {.order = gd_order_all(u->n, 0),
                         .device = u->device,
                         .dtype = u->params->dtype,
                         .max_rows = GDI_EVAL_ROWS,
                         .standardize = &u->checkpoint.standardize,
                         .standardize_targets = &u->checkpoint.standardize_targets};
  l.order.shuffle = GD_SHUFFLE_NONE;
  return gd_loader_new(&u->loader, u->set.data, &l);
}

/* One checkpoint, or all snapshots of a run. */
static gd_status list_members(gdi_trained *u, const char *path, const gd_use_options *o) {
  u->members = 1;
  GD_TRY(gd_arena_new(&u->arena, "snapshots"));
  if (o->ensemble) return gd_checkpoint_snapshots(o->ensemble, u->arena, &u->member, &u->members);
  const char **one = gd_arena_alloc(u->arena, sizeof *one);
  if (!one) return GD_ERR_OOM;
  *one = path;
  u->member = one;
  return GD_OK;
}

gdi_set_use gdi_use_of(const gd_checkpoint *c) {
  return (gdi_set_use){.names = &c->names,
                       .target_type = c->classes > 0 ? GD_TARGET_RATHER_LABELS : GD_TARGET_RATHER_NUMBERS};
}

gd_status gdi_trained_open(gdi_trained *u, gd_world *w, const char *path, const gd_use_options *o,
                           bool targets) {
  memset(u, 0, sizeof *u);
  u->world = w;
  GD_TRY(gd_world_agree(w, list_members(u, path, o)));
  path = u->member[0];
  GD_TRY(gd_world_agree(w, gd_checkpoint_read(&u->checkpoint, path, false)));
  GD_TRY(gd_world_agree(w, gdi_saved_options(&u->trained, &u->checkpoint)));
  GD_TRY(gd_world_agree(w, choose_weights(u, o)));
  GD_TRY(gd_world_agree(w, open_model(u, path, o)));
  if (u->members > 1) GD_TRY(gd_world_agree(w, gdi_ensemble_open(u, o)));
  if (o->x_name) u->trained.x_name = o->x_name;
  if (o->y_name) u->trained.y_name = o->y_name;
  gdi_set_use use = gdi_use_of(&u->checkpoint);
  use.part = GD_PART_TEST, use.without_targets = !targets;
  GD_TRY(gdi_set_open(&u->set, w, o->data, &u->trained, &use));
  GD_TRY(gd_world_agree(w, match_data(u)));
  return gd_world_agree(w, open_loader(u));
}

void gdi_trained_close(gdi_trained *u) {
  gd_loader_free(u->loader);
  gd_criterion_free(u->criterion);
  gd_tape_free(u->tape);
  gd_params_free(u->params);
  gd_module_free(u->model);
  gdi_set_close(&u->set, u->world);
  gd_device_close(u->device);
  gd_options_free(&u->trained);
  gd_checkpoint_free(&u->checkpoint);
  gd_arena_free(u->arena);
}

static gd_status evaluate(gdi_trained *u, const gd_use_options *o, gd_metrics *out) {
  const gd_checkpoint *c = &u->checkpoint;
  gdi_metric_list metrics;
  gd_status st = gdi_metrics_choose(&metrics, o->metrics, u->criterion, gd_dataset_info(u->set.data),
                                    c->classes, c->class_name, u->outputs);
  gdi_metrics_standardized(&metrics, &c->standardize_targets);
  st = gd_world_agree(u->world, st);
  if (st == GD_OK && o->out) st = gd_world_agree(u->world, gdi_folder_make(o->out));
  const gdi_evaluation e = {.world = u->world,
                            .model = u->model,
                            .tape = u->tape,
                            .loader = u->loader,
                            .set = &u->set,
                            .criterion = u->criterion,
                            .n = u->n,
                            .metrics = &metrics,
                            .folder = o->out,
                            .text = o->text};
  if (c->standardize_targets.features && gd_world_rank(u->world) == 0)
    gd_message(GD_LOG_INFO,
               "the loss is of standardised targets, as in training; metrics are in their own unit");
  if (st == GD_OK) st = gdi_evaluate(&e, out);
  gdi_metrics_free(&metrics);
  return st;
}

gd_status gd_evaluate(gd_world *w, const char *checkpoint, const gd_use_options *o, gd_metrics *out) {
  gdi_trained u;
  gd_status st = gdi_trained_open(&u, w, checkpoint, o, true);
  if (st == GD_OK) st = gd_world_agree(w, match_targets(&u));
  if (st == GD_OK && o->update_bn) st = gdi_update_statistics(&u);
  if (st == GD_OK) st = evaluate(&u, o, out);
  gdi_trained_close(&u);
  return st;
}

/* From a checkpoint to a job: settings, what must not have changed, parameters, state and position. */
#include "train/resume.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/words.h"
#include "device/device.h"
#include "gd/log.h"
#include "nn/plugins.h"
#include "store/apply.h"
#include "store/checkpoint.h"

/* ---- the checkpoint and its settings ---- */

gd_status gdi_resume_read(gd_checkpoint *c, gd_world *w, const char *path) {
  GD_TRY(gd_world_agree(w, gd_checkpoint_read(c, path, gd_world_rank(w) != 0)));
  char plugin[80]; /* another of the same name is among what must not have changed */
  const bool missing = gdi_plugins_compare(c->plugins, plugin, sizeof plugin) == GDI_PLUGINS_MISSING;
  return gd_world_agree(w, missing ? gdi_plugins_need(c->plugins, path, c->model) : GD_OK);
}

/* Lengths that are the run's own follow it, see refuse_changes(); of fractions only where that is agreed to. */
static const char follows[] = "schedule.t0 schedule.total",
                  follows_changed[] = "schedule.t0 schedule.total schedule.run";

gd_status gdi_resume_options(gd_options *o, const gd_checkpoint *c, char found_out[GDI_FOUND_OUT]) {
  static const char *const places[] = {"model", "data.train", "data.val"};
  gd_options saved;
  char *save, given[GDI_FOUND_OUT];
  GD_TRY(gdi_saved_options(&saved, c));
  gd_status st = GD_OK;
  for (size_t i = 0; st == GD_OK && i < sizeof places / sizeof *places; i++)
    st = gd_options_adopt(o, &saved, places[i]);
  gdi_options_found_out(o, given);
  found_out[0] = 0;
  for (char *key = strtok_r(given, " ", &save); st == GD_OK && key; key = strtok_r(NULL, " ", &save)) {
    const bool was = gdi_is_listed(key, c->found_out);
    if (was) sprintf(found_out + strlen(found_out), "%s%s", *found_out ? " " : "", key);
    if (!was || !gdi_is_listed(key, o->resume_changed ? follows_changed : follows))
      st = gd_options_adopt(o, &saved, key);
  }
  gd_options_free(&saved);
  return st;
}

/* Outputs belong to classes in their order: others are other data, whatever else may change. Columns were matched. */
static gd_status refuse_classes(const gdi_job *j, const gd_checkpoint *c, const char *path) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  for (int64_t k = 0; i->class_name && c->class_name && k < i->classes && k < c->classes; k++)
    if (strcmp(i->class_name[k], c->class_name[k]) != 0)
      return GD_FAIL(
          GD_ERR_DATA,
          "%s: its class %lld is \"%s\", but %.150s was trained on data whose class %lld is \"%s\": "
          "begin a run of its own, with --init for the weights",
          i->path, (long long)k, i->class_name[k], path, (long long)k, c->class_name[k]);
  return GD_OK;
}

/* Where the rate follows the length of the run, and that is another: what keeps it as it was. */
static void tell_length(const gdi_job *j, const gd_checkpoint *c, const gd_options *saved, char *buf,
                        size_t bytes) {
  const bool sgdr = j->schedule.kind == GD_SGDR;
  const char *key = sgdr ? "schedule.t0" : "schedule.total";
  char was[80], is[80];
  gd_length_print(sgdr ? saved->t0 : saved->total, false, was, sizeof was);
  gd_length_print(sgdr ? j->opt.t0 : j->opt.total, false, is, sizeof is);
  *buf = 0;
  if (gdi_is_listed(key, c->found_out) && gdi_is_listed(key, j->found_out) && strcmp(was, is) != 0)
    snprintf(buf, bytes, ", because schedule %s is as long as the run (--%s %s keeps the rate as it was)",
             j->opt.schedule, key, was);
}

static void tell_position(const gdi_job *j, const gd_checkpoint *c) {
  const gdi_step_plan next = gdi_batches_step(&j->batches, c->step);
  const int64_t again = (c->epoch - next.epoch) * j->batches.n + c->rows - next.rows.lo;
  gd_message(
      GD_LOG_INFO,
      "the samples that were seen are kept, in other batches: epoch %lld goes on at sample %lld of %lld",
      (long long)next.epoch, (long long)next.rows.lo, (long long)j->batches.n);
  if (again > 0)
    gd_message(GD_LOG_INFO, "%lld samples before it come again: no batch begins where they end",
               (long long)again);
}

static gd_status refuse_changes(const gdi_job *j, const gd_checkpoint *c, const char *path) {
  char differences[400], hint[200];
  gd_options saved;
  GD_TRY(gdi_saved_options(&saved, c));
  const int64_t eval_every = saved.eval_every;
  const bool other_batches = saved.batch_size != j->opt.batch_size || saved.drop_last != j->opt.drop_last;
  int n = gd_options_differ(&saved, &j->opt, differences, sizeof differences);
  tell_length(j, c, &saved, hint, sizeof hint);
  gd_options_free(&saved);
  if (n == 0 && strcmp(c->data_digest, j->data_digest) != 0)
    n = snprintf(differences, sizeof differences, "the training data") > 0;
  if (n == 0 && strcmp(c->machine, gd_device_describe(j->device)) != 0)
    n = snprintf(differences, sizeof differences, "machine: %.150s -> %.150s", c->machine,
                 gd_device_describe(j->device)) > 0;
  char plugin[80];
  if (n == 0 && gdi_plugins_compare(c->plugins, plugin, sizeof plugin) != GDI_PLUGINS_SAME)
    n = snprintf(differences, sizeof differences, "the plug-in %s", plugin) > 0;
  if (n == 0 && j->schedule.kind == GD_REDUCE_ON_PLATEAU && eval_every != j->opt.eval_every)
    n = snprintf(differences, sizeof differences, "eval_every: %lld -> %lld, which %s follows",
                 (long long)eval_every, (long long)j->opt.eval_every, j->opt.schedule) > 0;
  if (n == 0) return GD_OK;
  if (!j->opt.resume_changed)
    return GD_FAIL(
        GD_ERR_USAGE,
        "%.150s was trained with other settings, so the result would not be that of one run: %.250s%s; "
        "--resume-changed resumes all the same",
        path, differences, hint);
  if (gd_world_rank(j->world) == 0)
    gd_message(GD_LOG_WARN, "resuming although this differs: %s", differences);
  if (gd_world_rank(j->world) == 0 && other_batches) tell_position(j, c);
  return GD_OK;
}

/* ---- the whole state ---- */

/* Lays arrays of a checkpoint out as tensors first .. last-1 of the run are: rank 0 then scatters it. */
static gd_status lay_out(const gd_params *p, int first, int last, const gd_stored *stored, int n, void *run,
                         const char *path) {
  for (int i = first; i < last; i++) {
    const gd_stored *from = NULL;
    GD_TRY(gdi_stored_find(&p->item[i], stored, n, path, &from));
    if (from->dtype != p->dtype)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s", path, from->name, gd_dtype_name(from->dtype));
    memcpy((char *)run + (size_t)p->offset[i] * gd_dtype_bytes(p->dtype), from->data,
           gd_tensor_bytes(p->item[i].tensor));
  }
  return GD_OK;
}

/* The state of that name in every parameter; a checkpoint holds its states in the order of their names. */
static gd_status lay_out_state(const gdi_job *j, const gd_checkpoint *c, const char *name, void *run,
                               const char *path) {
  for (int s = 0; s < c->n_states; s++)
    if (strcmp(c->state_name[s], name) == 0)
      return lay_out(j->params, 0, j->params->n_trained, c->state[s], c->n_params, run, path);
  if (gdi_is_average(name)) /* --resume-changed: the average begins here */
    return lay_out(j->params, 0, j->params->n_trained, c->param, c->n_params, run, path);
  return GD_FAIL(
      GD_ERR_CHECKPOINT,
      "%.300s: no %s, which %s needs: to go on from its weights alone, begin a new run with --init %.300s "
      "instead of --resume",
      path, name, j->opt.optimizer, path);
}

/* Without an average, which may be new or be given up (--resume-changed). */
static int states_of_rule(const gd_checkpoint *c) {
  int n = 0;
  for (int s = 0; s < c->n_states; s++) n += !gdi_is_average(c->state_name[s]);
  return n;
}

static gd_status lay_out_all(const gdi_job *j, const gd_checkpoint *c, char *memory, void *runs[],
                             const char *path) {
  const size_t bytes = gd_params_bytes(j->params);
  const int states = gd_optim_states(&j->optim);
  GD_TRY(refuse_classes(j, c, path));
  GD_TRY(refuse_changes(j, c, path));
  if (!memory) return GD_FAIL(GD_ERR_OOM, "no memory to resume");
  if (states_of_rule(c) != states - (gd_optim_average_state(&j->optim) >= 0))
    return GD_FAIL(GD_ERR_CHECKPOINT,
                   "%.300s: its optimizer state is not that of %s: to go on from its weights alone, begin a "
                   "new run with "
                   "--init %.300s instead of --resume",
                   path, j->opt.optimizer, path);
  runs[0] = memory;
  const gd_params *p = j->params;
  GD_TRY(lay_out(p, 0, p->n_trained, c->param, c->n_params, memory, path));
  GD_TRY(lay_out(p, p->n_trained, p->n, c->buffer, c->n_buffers, memory, path));
  for (int i = 0; i < states; i++) {
    runs[1 + i] = memory + (size_t)(1 + i) * bytes;
    GD_TRY(lay_out_state(j, c, gd_optim_state_name(&j->optim, i), runs[1 + i], path));
    if (i == gd_optim_average_state(&j->optim)) /* it goes with the present statistics */
      GD_TRY(lay_out(p, p->n_trained, p->n, c->buffer, c->n_buffers, runs[1 + i], path));
  }
  return GD_OK;
}

/* A constant, or a frozen parameter, from rank 0's checkpoint to the models of all ranks. Collective. */
static gd_status spread(gdi_job *j, const gd_named *item, const gd_stored *stored, int n, const char *path) {
  gd_tensor *t = item->tensor;
  const size_t bytes = gd_tensor_bytes(t);
  const gd_stored *from = NULL;
  void *host = malloc(bytes);
  gd_status st = host ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for %s", item->name);
  if (st == GD_OK && gd_world_rank(j->world) == 0) st = gdi_stored_find(item, stored, n, path, &from);
  if (st == GD_OK && from && from->dtype != t->dtype)
    st = GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s", path, from->name, gd_dtype_name(from->dtype));
  if (st == GD_OK && from) memcpy(host, from->data, bytes);
  st = gd_world_agree(j->world, st);
  if (st == GD_OK) st = gd_world_bcast(j->world, host, bytes, 0);
  if (st == GD_OK) st = gd_world_agree(j->world, t->device->upload(t->device, t->data, host, bytes));
  free(host);
  return st;
}

static gd_status spread_constants(gdi_job *j, const gd_checkpoint *c, const char *path) {
  const gd_params *p = j->params;
  gd_stored *stored;
  int n;
  gd_status st = gd_world_agree(j->world, gdi_checkpoint_weights(c, &stored, &n));
  for (int i = 0; st == GD_OK && i < p->n_constants; i++) st = spread(j, &p->constant[i], stored, n, path);
  for (int i = 0; st == GD_OK && i < p->n_frozen; i++) st = spread(j, &p->frozen[i], stored, n, path);
  free(stored);
  return st;
}

gd_status gdi_resume_apply(gdi_job *j, const gd_checkpoint *c, const char *path) {
  void *runs[1 + GD_OPTIM_MAX_STATES] = {0};
  const bool root = gd_world_rank(j->world) == 0;
  char *memory = root ? calloc((size_t)(1 + gd_optim_states(&j->optim)), gd_params_bytes(j->params)) : NULL;
  gd_status st = gd_world_agree(j->world, root ? lay_out_all(j, c, memory, runs, path) : GD_OK);
  if (st == GD_OK) st = gd_sync_scatter(j->sync, runs[0], (const void *const *)(runs + 1));
  free(memory);
  if (st == GD_OK) st = spread_constants(j, c, path);
  if (st == GD_OK) j->step = c->step;
  if (st == GD_OK) gd_sync_set_updates(j->sync, c->step - c->skipped);
  if (GDI_FAULT("shuffle_on_resume")) /* the order starts again */
    j->step -= gdi_batches_position(&j->batches, j->step) % j->batches.per_epoch;
  return st;
}

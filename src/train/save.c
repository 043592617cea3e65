#include "train/save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "device/convert.h"
#include "device/device.h"
#include "gd/log.h"
#include "gd/version.h"

static bool writes(const gdi_saver *s) {
  return gd_world_rank(s->job->world) == 0;
}

/* ---- the snapshot ---- */

/* The parameters' names and shapes over a run of values in layout order. */
static gd_stored *describe(gdi_saver *s, void *run) {
  const gd_params *p = s->job->params;
  gd_stored *list = gd_arena_zalloc(s->arena, (size_t)p->n * sizeof *list);
  for (int i = 0; list && i < p->n; i++) {
    const gd_tensor *t = p->item[i].tensor;
    snprintf(list[i].name, sizeof list[i].name, "%s", p->item[i].name);
    list[i].dtype = t->dtype, list[i].ndim = t->ndim;
    memcpy(list[i].shape, t->shape, sizeof t->shape);
    list[i].data = (char *)run + (size_t)p->offset[i] * gd_dtype_bytes(p->dtype);
  }
  return list;
}

static gd_status make_snapshot(gdi_saver *s) {
  gdi_job *j = s->job;
  const size_t bytes = gd_params_bytes(j->params);
  const int states = gd_optim_states(&j->optim);
  s->params = gd_arena_zalloc(s->arena, bytes);
  s->c.n_params = j->params->n, s->c.n_states = states;
  s->c.state_name = gd_arena_zalloc(s->arena, sizeof *s->c.state_name * GD_OPTIM_MAX_STATES);
  s->c.state = gd_arena_zalloc(s->arena, sizeof *s->c.state * GD_OPTIM_MAX_STATES);
  if (!s->params || !s->c.state_name || !s->c.state) return GD_ERR_OOM;
  s->c.param = describe(s, s->params);
  if (!s->c.param) return GD_ERR_OOM;
  for (int i = 0; i < states; i++) {
    s->states[i] = gd_arena_zalloc(s->arena, bytes);
    if (!s->states[i] || !(s->c.state[i] = describe(s, s->states[i]))) return GD_ERR_OOM;
    snprintf(s->c.state_name[i], sizeof *s->c.state_name, "%s", gd_optim_state_name(&j->optim, i));
  }
  return GD_OK;
}

static gd_status describe_run(gdi_saver *s) {
  gdi_job *j = s->job;
  const gd_data_info *info = gd_dataset_info(j->train.data);
  char *config = NULL;
  size_t bytes = 0;
  FILE *f = open_memstream(&config, &bytes);
  if (!f) return GD_FAIL(GD_ERR_OOM, "no memory for a checkpoint");
  gd_options_print(&j->opt, f);
  fclose(f);
  s->c.config = gd_arena_alloc(s->arena, bytes + 1);
  if (s->c.config) memcpy(s->c.config, config, bytes + 1);
  free(config);
  if (!s->c.config) return GD_ERR_OOM;
  s->c.model = (char *)j->opt.model;
  s->c.seed = (uint64_t)j->opt.seed;
  s->c.outputs = j->outputs;
  s->c.sample_ndim = info->ndim;
  memcpy(s->c.sample, info->sample, sizeof info->sample);
  s->c.x_scale = info->x_scale;
  s->c.classes = info->classes, s->c.class_name = info->class_name;
  s->c.standardize = j->standardize;
  memcpy(s->c.data_digest, j->data_digest, sizeof s->c.data_digest);
  snprintf(s->c.machine, sizeof s->c.machine, "%s", gd_device_describe(j->device));
  snprintf(s->c.version, sizeof s->c.version, "%s", GD_VERSION);
  return GD_OK;
}

static gd_status open_on_rank_0(gdi_saver *s) {
  GD_TRY(gd_arena_new(&s->arena, "snapshot"));
  GD_TRY(make_snapshot(s));
  GD_TRY(describe_run(s));
  return gd_writer_new(&s->writer);
}

gd_status gdi_saver_open(gdi_saver *s, gdi_job *j, const char *run) {
  memset(s, 0, sizeof *s);
  s->job = j;
  s->saved_step = -1;
  snprintf(s->folder, sizeof s->folder, "%.4080s/checkpoints", run);
  return gd_world_agree(j->world, writes(s) ? open_on_rank_0(s) : GD_OK);
}

void gdi_saver_close(gdi_saver *s) {
  gd_writer_free(s->writer);
  gd_arena_free(s->arena);
  s->writer = NULL, s->arena = NULL;
}

/* ---- saving ---- */

/* best.h5 is a second name of the best checkpoint, moved in one step, so that pruning need not know of it. */
static void name_best(const gdi_saver *s) {
  char temporary[4200], best[4200];
  snprintf(temporary, sizeof temporary, "%s/.best.h5.%d", s->folder, (int)getpid());
  snprintf(best, sizeof best, "%s/best.h5", s->folder);
  unlink(temporary);
  if (link(s->path, temporary) != 0 || rename(temporary, best) != 0)
    gd_message(GD_LOG_WARN, "%s could not be named best.h5: %s", s->path, strerror(errno));
  unlink(temporary); /* rename() leaves it when both are the same file already */
}

void gdi_saver_continue(gdi_saver *s, const gd_checkpoint *resumed, const char *path) {
  s->c.best_step = resumed->best_step;
  snprintf(s->path, sizeof s->path, "%.4095s", path);
  const bool here = strncmp(path, s->folder, strlen(s->folder)) == 0;
  if (writes(s) && here && resumed->has_best && resumed->best_step == resumed->step) name_best(s);
  s->path[0] = 0;
}

static gd_status finish_write(gdi_saver *s) {
  if (!s->path[0]) return GD_OK;
  GD_TRY(gd_writer_wait(s->writer));
  if (s->link_best) name_best(s);
  s->link_best = false;
  return gd_checkpoint_prune(s->folder, (int)s->job->opt.checkpoint_keep, NULL);
}

gd_status gdi_saver_wait(gdi_saver *s) {
  return gd_world_agree(s->job->world, writes(s) ? finish_write(s) : GD_OK);
}

static gd_status start_write(gdi_saver *s, bool is_best, const double *best, const gd_measured *m) {
  const gdi_job *j = s->job;
  s->c.step = j->step;
  s->c.epoch = j->step / j->batches.per_epoch;
  s->c.samples = s->c.epoch * j->batches.n + j->step % j->batches.per_epoch * j->batches.batch;
  s->c.measured = *m;
  if (best) s->c.best = *best, s->c.has_best = true;
  if (is_best) s->c.best_step = j->step;
  s->link_best = is_best;
  snprintf(s->path, sizeof s->path, "%s/step-%08lld.h5", s->folder, (long long)j->step);
  return gd_writer_start(s->writer, &s->c, s->path);
}

gd_status gdi_saver_save(gdi_saver *s, bool is_best, const double *best, const gd_measured *m) {
  gdi_job *j = s->job;
  GD_TRY(gd_sync_healthy(j->sync));
  if (writes(s) && finish_write(s) != GD_OK) /* the next one may succeed; the last one must */
    gd_message(GD_LOG_WARN, "checkpoint not written: %s", gd_error_last()->message);
  gd_status st = gd_sync_gather(j->sync, s->params, s->states);
  if (st != GD_OK) return j->on_gpu ? gd_world_fail_alone(j->world, st) : st;
  s->saved_step = j->step;
  return gd_world_agree(j->world, writes(s) ? start_write(s, is_best, best, m) : GD_OK);
}

/* ---- resuming ---- */

gd_status gdi_resume_read(gd_checkpoint *c, gd_world *w, const char *path) {
  return gd_world_agree(w, gd_checkpoint_read(c, path, gd_world_rank(w) != 0));
}

gd_status gdi_options_read(gd_options *out, const char *name, const char *yaml) {
  gd_settings settings;
  GD_TRY(gd_options_new(out));
  gd_status st = gd_settings_read(&settings, name, yaml);
  if (st == GD_OK) {
    st = gd_options_apply(out, &settings);
    gd_settings_free(&settings);
  }
  if (st != GD_OK) gd_options_free(out);
  return st;
}

gd_status gdi_saved_options(gd_options *out, const gd_checkpoint *c) {
  return gdi_options_read(out, "the configuration in the checkpoint", c->config);
}

gd_status gdi_resume_options(gd_options *o, const gd_checkpoint *c) {
  static const char *const automatic[][2] = {{"loss", "auto"},
                                             {"data.shuffle", "auto"},
                                             {"micro_batch", "auto"},
                                             {"schedule.t0", "0"},
                                             {"schedule.total", "0"},
                                             {"model", ""},
                                             {"data.train", ""},
                                             {"data.val", ""},
                                             {"optimizer.lr", "auto"},
                                             {"optimizer.momentum", "auto"},
                                             {"optimizer.weight_decay", "auto"}};
  gd_options saved;
  gd_status st = gdi_saved_options(&saved, c);
  for (size_t i = 0; st == GD_OK && i < sizeof automatic / sizeof *automatic; i++)
    st = gd_options_adopt(o, &saved, automatic[i][0], automatic[i][1]);
  gd_options_free(&saved);
  return st;
}

static gd_status refuse_changes(const gdi_job *j, const gd_checkpoint *c, const char *path) {
  char differences[400];
  gd_options saved;
  GD_TRY(gdi_saved_options(&saved, c));
  int n = gd_options_differ(&saved, &j->opt, differences, sizeof differences);
  gd_options_free(&saved);
  if (n == 0 && strcmp(c->data_digest, j->data_digest) != 0)
    n = snprintf(differences, sizeof differences, "the training data") > 0;
  if (n == 0 && strcmp(c->machine, gd_device_describe(j->device)) != 0)
    n = snprintf(differences, sizeof differences, "machine: %.150s -> %.150s", c->machine,
                 gd_device_describe(j->device)) > 0;
  if (n == 0) return GD_OK;
  if (!j->opt.resume_changed)
    return GD_FAIL(
        GD_ERR_USAGE,
        "%.150s was trained with other settings, so the result would not be that of one run: %.250s; "
        "--resume-changed resumes all the same",
        path, differences);
  if (gd_world_rank(j->world) == 0)
    gd_message(GD_LOG_WARN, "resuming although this differs: %s", differences);
  return GD_OK;
}

/* The stored array that belongs to parameter i. */
static gd_status find(const gd_params *p, int i, const gd_stored *stored, int n, const char *path,
                      const gd_stored **out) {
  const gd_tensor *t = p->item[i].tensor;
  for (int k = 0; k < n; k++) {
    if (strcmp(stored[k].name, p->item[i].name) != 0) continue;
    *out = &stored[k];
    if (stored[k].ndim == t->ndim &&
        memcmp(stored[k].shape, t->shape, (size_t)t->ndim * sizeof *t->shape) == 0)
      return GD_OK;
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s has another shape than the model's", path, p->item[i].name);
  }
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: no array for the model's %s", path, p->item[i].name);
}

static gd_status apply(gd_tensor *t, const gd_stored *from, void *stage, const char *path) {
  if (from->dtype != GD_F32 && from->dtype != GD_F64)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s, weights are f32 or f64", path, from->name,
                   gd_dtype_name(from->dtype));
  gdi_convert(t->dtype, stage, from->dtype, from->data, gd_numel(t));
  return t->device->upload(t->device, t->data, stage, gd_tensor_bytes(t));
}

gd_status gdi_weights_apply(gd_params *p, const gd_stored *stored, int n, const char *path) {
  void *stage = malloc(gd_params_bytes(p));
  gd_status st = stage ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for weights");
  for (int i = 0; st == GD_OK && i < p->n; i++) {
    const gd_stored *from = NULL;
    st = find(p, i, stored, n, path, &from);
    if (st == GD_OK) st = apply(p->item[i].tensor, from, stage, path);
  }
  free(stage);
  return st;
}

/* Lays the arrays of a checkpoint out as the job's parameters are: rank 0 then scatters the run. */
static gd_status lay_out(const gd_params *p, const gd_stored *stored, int n, void *run, const char *path) {
  for (int i = 0; i < p->n; i++) {
    const gd_stored *from = NULL;
    GD_TRY(find(p, i, stored, n, path, &from));
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
    if (strcmp(c->state_name[s], name) == 0) return lay_out(j->params, c->state[s], c->n_params, run, path);
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: no %s, which %s needs", path, name, j->opt.optimizer);
}

static gd_status lay_out_all(const gdi_job *j, const gd_checkpoint *c, char *memory, void *runs[],
                             const char *path) {
  const size_t bytes = gd_params_bytes(j->params);
  const int states = gd_optim_states(&j->optim);
  GD_TRY(refuse_changes(j, c, path));
  if (!memory) return GD_FAIL(GD_ERR_OOM, "no memory to resume");
  if (c->n_states != states)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: the optimizer state is not that of %s", path, j->opt.optimizer);
  runs[0] = memory;
  GD_TRY(lay_out(j->params, c->param, c->n_params, memory, path));
  for (int i = 0; i < states; i++) {
    runs[1 + i] = memory + (size_t)(1 + i) * bytes;
    GD_TRY(lay_out_state(j, c, gd_optim_state_name(&j->optim, i), runs[1 + i], path));
  }
  return GD_OK;
}

gd_status gdi_resume_apply(gdi_job *j, const gd_checkpoint *c, const char *path) {
  void *runs[1 + GD_OPTIM_MAX_STATES] = {0};
  const bool root = gd_world_rank(j->world) == 0;
  char *memory = root ? calloc((size_t)(1 + gd_optim_states(&j->optim)), gd_params_bytes(j->params)) : NULL;
  gd_status st = gd_world_agree(j->world, root ? lay_out_all(j, c, memory, runs, path) : GD_OK);
  if (st == GD_OK) st = gd_sync_scatter(j->sync, runs[0], (const void *const *)(runs + 1));
  free(memory);
  if (st == GD_OK) j->step = c->step;
  if (GDI_FAULT("shuffle_on_resume")) j->step -= j->step % j->batches.per_epoch; /* the order starts again */
  return st;
}

/* Snapshots of a run, written behind training. */
#include "train/checkpointer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "device/device.h"
#include "gd/log.h"
#include "gd/plugin.h"
#include "gd/version.h"
#include "train/job_open.h"

static bool writes(const gdi_checkpointer *s) {
  return gd_world_rank(s->job->world) == 0;
}

/* ---- the snapshot ---- */

static void describe(gd_stored *to, const gd_named *item, void *data) {
  const gd_tensor *t = item->tensor;
  *to = (gd_stored){.dtype = t->dtype, .ndim = t->ndim, .data = data};
  snprintf(to->name, sizeof to->name, "%s", item->name);
  memcpy(to->shape, t->shape, sizeof t->shape);
}

/* Names and shapes of tensors first .. last-1 of the run, over a run of values in layout order. */
static void describe_part(const gd_params *p, int first, int last, void *run, gd_stored *list) {
  for (int i = first; i < last; i++)
    describe(&list[i - first], &p->item[i], (char *)run + (size_t)p->offset[i] * gd_dtype_bytes(p->dtype));
}

static gd_stored *parameters(gdi_checkpointer *s, void *run) {
  const gd_params *p = s->job->params;
  gd_stored *list = gd_arena_zalloc(s->arena, (size_t)p->n_trained * sizeof *list);
  if (list) describe_part(p, 0, p->n_trained, run, list);
  return list;
}

/* What does not change is copied once. */
static gd_status copy_constant(gdi_checkpointer *s, const gd_named *item, gd_stored *to) {
  const gd_tensor *t = item->tensor;
  void *data = gd_arena_alloc(s->arena, gd_tensor_bytes(t));
  if (!data) return GD_ERR_OOM;
  describe(to, item, data);
  return t->device->download(t->device, data, t->data, gd_tensor_bytes(t));
}

static gd_status buffers(gdi_checkpointer *s) {
  const gd_params *p = s->job->params;
  const int statistics = p->n - p->n_trained;
  s->c.n_buffers = statistics + p->n_constants;
  s->c.buffer = gd_arena_zalloc(s->arena, ((size_t)s->c.n_buffers + 1) * sizeof *s->c.buffer);
  if (!s->c.buffer) return GD_ERR_OOM;
  describe_part(p, p->n_trained, p->n, s->params, s->c.buffer);
  for (int i = 0; i < p->n_constants; i++)
    GD_TRY(copy_constant(s, &p->constant[i], &s->c.buffer[statistics + i]));
  return GD_OK;
}

/* As a reading finds them. */
static int by_place(const void *a, const void *b) {
  const gd_tied *x = a, *y = b;
  const int of = strcmp(x->of, y->of);
  return of ? of : strcmp(x->name, y->name);
}

static gd_status frozen_and_tied(gdi_checkpointer *s) {
  const gd_params *p = s->job->params;
  s->c.n_frozen = p->n_frozen, s->c.n_tied = p->n_aliases;
  s->c.frozen = gd_arena_zalloc(s->arena, ((size_t)p->n_frozen + 1) * sizeof *s->c.frozen);
  s->c.tied = gd_arena_zalloc(s->arena, ((size_t)p->n_aliases + 1) * sizeof *s->c.tied);
  if (!s->c.frozen || !s->c.tied) return GD_ERR_OOM;
  for (int i = 0; i < p->n_frozen; i++) GD_TRY(copy_constant(s, &p->frozen[i], &s->c.frozen[i]));
  for (int i = 0; i < p->n_aliases; i++) {
    memcpy(s->c.tied[i].name, p->alias[i].named.name, GD_MAX_NAME);
    memcpy(s->c.tied[i].of, p->alias[i].of->name, GD_MAX_NAME);
  }
  qsort(s->c.tied, (size_t)p->n_aliases, sizeof *s->c.tied, by_place);
  return GD_OK;
}

static gd_status make_snapshot(gdi_checkpointer *s) {
  gdi_job *j = s->job;
  const size_t bytes = gd_params_bytes(j->params);
  const int states = gd_optim_states(&j->optim);
  s->params = gd_arena_zalloc(s->arena, bytes);
  s->c.n_params = j->params->n_trained, s->c.n_states = states;
  s->c.state_name = gd_arena_zalloc(s->arena, sizeof *s->c.state_name * GD_OPTIM_MAX_STATES);
  s->c.state = gd_arena_zalloc(s->arena, sizeof *s->c.state * GD_OPTIM_MAX_STATES);
  if (!s->params || !s->c.state_name || !s->c.state) return GD_ERR_OOM;
  s->c.param = parameters(s, s->params);
  if (!s->c.param) return GD_ERR_OOM;
  for (int i = 0; i < states; i++) {
    s->states[i] = gd_arena_zalloc(s->arena, bytes);
    if (!s->states[i] || !(s->c.state[i] = parameters(s, s->states[i]))) return GD_ERR_OOM;
    snprintf(s->c.state_name[i], sizeof *s->c.state_name, "%s", gd_optim_state_name(&j->optim, i));
  }
  GD_TRY(frozen_and_tied(s));
  return buffers(s);
}

static gd_status describe_run(gdi_checkpointer *s) {
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
  s->c.found_out = (char *)j->found_out;
  s->c.model = (char *)j->opt.model->text;
  s->c.seed = (uint64_t)j->opt.seed;
  s->c.outputs = j->outputs;
  s->c.sample_ndim = info->ndim;
  memcpy(s->c.sample, info->sample, sizeof info->sample);
  s->c.x_scale = info->x_scale;
  s->c.classes = info->classes, s->c.class_name = info->class_name;
  s->c.names = info->names;
  s->c.standardize = j->standardize;
  s->c.standardize_targets = j->standardize_targets;
  s->c.n_class_weights = j->class_weights.n, s->c.class_weight = j->class_weights.w;
  memcpy(s->c.data_digest, j->data_digest, sizeof s->c.data_digest);
  memcpy(s->c.val_digest, j->val_digest, sizeof s->c.val_digest);
  snprintf(s->c.machine, sizeof s->c.machine, "%s", gd_device_describe(j->device));
  s->c.plugins = (char *)gd_plugins_loaded();
  snprintf(s->c.version, sizeof s->c.version, "%s", GD_VERSION);
  return GD_OK;
}

static gd_status open_on_rank_0(gdi_checkpointer *s) {
  GD_TRY(gd_arena_new(&s->arena, "snapshot"));
  GD_TRY(make_snapshot(s));
  GD_TRY(describe_run(s));
  return gd_writer_new(&s->writer);
}

gd_status gdi_checkpointer_open(gdi_checkpointer *s, gdi_job *j, const char *run) {
  memset(s, 0, sizeof *s);
  s->job = j;
  s->saved_step = -1;
  snprintf(s->folder, sizeof s->folder, "%.4080s/checkpoints", run);
  return gd_world_agree(j->world, writes(s) ? open_on_rank_0(s) : GD_OK);
}

void gdi_checkpointer_close(gdi_checkpointer *s) {
  gd_writer_free(s->writer);
  gd_arena_free(s->arena);
  s->writer = NULL, s->arena = NULL;
}

/* ---- saving ---- */

bool gdi_snapshot_due(const gdi_job *j, int64_t step) {
  return j->opt.snapshots &&
         gd_schedule_restarts(&j->schedule, gdi_batches_position(&j->batches, step), j->batches.per_epoch);
}

/* A second name of a checkpoint, moved in one step, so that pruning need not know of it. */
static void name_too(const gdi_checkpointer *s, const char *name) {
  char temporary[4200];
  snprintf(temporary, sizeof temporary, "%s/.named.h5.%d", s->folder, (int)getpid());
  unlink(temporary);
  if (link(s->path, temporary) != 0 || rename(temporary, name) != 0)
    gd_message(GD_LOG_WARN, "%s could not be named %s: %s", s->path, name, strerror(errno));
  unlink(temporary); /* rename() leaves it when both are the same file already */
}

static void name_best(const gdi_checkpointer *s) {
  char best[4200];
  snprintf(best, sizeof best, "%s/best.h5", s->folder);
  name_too(s, best);
}

static void path_of(gdi_checkpointer *s, int64_t step) {
  snprintf(s->path, sizeof s->path, "%s/step-%08lld.h5", s->folder, (long long)step);
}

static void name_snapshot(const gdi_checkpointer *s) {
  char folder[4300], name[4400];
  snprintf(folder, sizeof folder, "%.*s/snapshots", (int)(strrchr(s->folder, '/') - s->folder), s->folder);
  if (gdi_folder_make(folder) != GD_OK) {
    gd_message(GD_LOG_WARN, "no snapshot of %s: %s", s->path, gd_error_last()->message);
    return;
  }
  snprintf(name, sizeof name, "%s%s", folder, strrchr(s->path, '/'));
  name_too(s, name);
}

void gdi_checkpointer_continue(gdi_checkpointer *s, const gd_checkpoint *resumed) {
  s->c.best_step = resumed->best_step;
  s->saved_step = resumed->step;
  path_of(s, resumed->step);
  if (writes(s) && gdi_snapshot_due(s->job, resumed->step))
    name_snapshot(s); /* killed before it had that name */
}

static gd_status finish_write(gdi_checkpointer *s) {
  if (!s->path[0]) return GD_OK;
  GD_TRY(gd_writer_wait(s->writer));
  if (s->link_best) name_best(s);
  if (s->link_snapshot) name_snapshot(s);
  s->link_best = s->link_snapshot = false;
  return gd_checkpoint_prune(s->folder, (int)s->job->opt.checkpoint_keep);
}

gd_status gdi_checkpointer_wait(gdi_checkpointer *s) {
  return gd_world_agree(s->job->world, writes(s) ? finish_write(s) : GD_OK);
}

static gd_status start_write(gdi_checkpointer *s, bool is_best, const gdi_best *best, const gd_measured *m) {
  const gdi_job *j = s->job;
  const int64_t position = gdi_batches_position(&j->batches, j->step);
  s->c.step = j->step;
  s->c.skipped = j->step - gd_sync_updates(j->sync);
  s->c.epoch = position / j->batches.per_epoch;
  s->c.rows = position % j->batches.per_epoch * j->batches.batch;
  s->c.samples = s->c.epoch * j->batches.n + s->c.rows;
  s->c.measured = *m;
  if (best) s->c.best = best->quality, s->c.best_loss = best->loss, s->c.has_best = true;
  if (is_best) s->c.best_step = j->step;
  s->link_best = is_best, s->link_snapshot = gdi_snapshot_due(j, j->step);
  path_of(s, j->step);
  return gd_writer_start(s->writer, &s->c, s->path);
}

gd_status gdi_checkpointer_save(gdi_checkpointer *s, bool is_best, const gdi_best *best,
                                const gd_measured *m) {
  gdi_job *j = s->job;
  GD_TRY(gd_sync_healthy(j->sync));
  GD_TRY(gdi_same_constants(j));
  if (writes(s) && finish_write(s) != GD_OK) /* the next one may succeed; the last one must */
    gd_message(GD_LOG_WARN, "checkpoint not written: %s", gd_error_last()->message);
  gd_status st = gd_sync_gather(j->sync, s->params, s->states);
  if (st != GD_OK) return j->on_gpu ? gd_world_fail_alone(j->world, st) : st;
  s->saved_step = j->step;
  return gd_world_agree(j->world, writes(s) ? start_write(s, is_best, best, m) : GD_OK);
}

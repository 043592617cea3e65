/* The same steps on all ranks, on rank 0 by itself, and from a checkpoint in between. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/run_log.h"
#include "train/resume.h"
#include "train/checkpointer.h"
#include "verify/verify.h"

/* Every rank's digest of the parameters that it would use next. */
static gd_status check_replicas(gdi_verify *v) {
  const int size = gd_world_size(v->world), rank = gd_world_rank(v->world);
  if (size == 1) return gdi_report(v, "replicas", GD_SKIPPED, "one rank");
  gd_digest *digest = calloc((size_t)size, sizeof *digest);
  gd_status st = digest ? gd_params_digest(v->job.params, &digest[rank])
                        : GD_FAIL(GD_ERR_OOM, "no memory to compare digests");
  st = gd_world_agree(v->world, st);
  if (st == GD_OK) st = gd_world_allgather(v->world, digest, sizeof *digest);
  if (st == GD_OK) {
    int other = 1;
    while (other < size && memcmp(&digest[other], &digest[0], sizeof *digest) == 0) other++;
    char hex[65];
    gd_digest_hex(&digest[0], hex);
    st = other == size
             ? gdi_report(v, "replicas", GD_PASS, "%.16s on %d ranks", hex, size)
             : gdi_report(v, "replicas", GD_FAILED, "rank %d on host %s holds other parameters than rank 0",
                          other, gd_world_hostname(v->world, other));
  }
  free(digest);
  return st;
}

/* All ranks' values in `ours`, those of another way in `theirs`: bits, unless sums have no order. */
static gd_status compare(gdi_verify *v, const char *check, bool bits, const char *what) {
  if (gd_world_rank(v->world) != 0) return gdi_report(v, check, GD_PASS, "%s", ""); /* rank 0's counts */
  const bool equal = gdi_values_equal(&v->ours, &v->theirs);
  const double apart = gdi_values_distance(&v->job, &v->ours, &v->theirs, &v->start);
  const bool held = bits ? equal : apart <= gdi_tolerance(&v->job);
  if (equal) return gdi_report(v, check, GD_PASS, "%s: same bits", what);
  return gdi_report(v, check, held ? GD_PASS : GD_FAILED,
                    "%s: other bits, updates differ by %.2g of their size", what, apart);
}

static gd_status take_both(gdi_verify *v) {
  GD_TRY(gdi_values_take(&v->job, &v->ours));
  return gd_world_agree(v->world,
                        gd_world_rank(v->world) == 0 ? gdi_values_take(&v->alone, &v->theirs) : GD_OK);
}

static gd_status check_alone(gdi_verify *v, const char *check, const char *what) {
  GD_TRY(take_both(v));
  char text[120];
  snprintf(text, sizeof text, "%s, %d rank%s against one alone", what, gd_world_size(v->world),
           gd_world_size(v->world) > 1 ? "s" : "");
  return compare(v, check, strcmp(v->opt.sync, "ordered") == 0, text);
}

/* ---- through a checkpoint */

static gd_status save(gdi_verify *v, const char *folder, char path[4160]) {
  gdi_checkpointer saver;
  gd_status st = gdi_checkpointer_open(&saver, &v->job, folder);
  if (st == GD_OK) st = gdi_checkpointer_save(&saver, false, NULL, &(gd_measured){0});
  if (st == GD_OK) st = gdi_checkpointer_wait(&saver);
  memcpy(path, saver.path, sizeof saver.path);
  gdi_checkpointer_close(&saver);
  GD_TRY(st);
  return gd_world_bcast(v->world, path, 4160, 0);
}

/* The way of `--resume`, to the end of the trial. */
static gd_status resume(gdi_verify *v, gdi_job *j, const char *path) {
  gd_checkpoint c = {0};
  gd_options o = v->opt;
  char found_out[GDI_FOUND_OUT];
  gd_status st = gdi_resume_read(&c, v->world, path);
  if (st == GD_OK) st = gd_world_agree(v->world, gdi_resume_options(&o, &c, found_out));
  if (st == GD_OK) st = gdi_trial_open(v, j, v->world, &o);
  if (st == GD_OK) st = gdi_resume_apply(j, &c, path);
  gd_checkpoint_free(&c);
  return st;
}

static gd_status check_resumed(gdi_verify *v, const char *path) {
  gdi_job resumed = {.world = v->world};
  gd_status st = resume(v, &resumed, path);
  if (st == GD_OK) st = gdi_check_samples(v, &resumed);
  if (st == GD_OK) st = gdi_trial_steps(v, &resumed, NULL, GDI_ALL_STEPS - GDI_EVEN_STEPS);
  if (st == GD_OK) st = gdi_values_take(&resumed, &v->theirs);
  gdi_job_close(&resumed);
  GD_TRY(st);
  return compare(v, "resume", true, "half, checkpoint, half against the whole");
}

/* A folder that all ranks see, for one file. */
static gd_status make_folder(gdi_verify *v, char folder[4096]) {
  char wanted[4000];
  snprintf(wanted, sizeof wanted, "%.3900s/verify-%d", v->opt.out[0] ? v->opt.out : "runs", (int)getpid());
  gd_status st = gd_world_rank(v->world) == 0 ? gdi_record_folder(folder, 4096, wanted, false) : GD_OK;
  return gd_world_agree(v->world, st);
}

static void remove_folder(const char *folder, const char *file) {
  char inner[4200];
  snprintf(inner, sizeof inner, "%s/checkpoints", folder);
  if (file[0]) unlink(file);
  rmdir(inner), rmdir(folder);
}

static gd_status check_epoch_end(gdi_verify *v) {
  if (v->n % v->job.batches.batch == 0)
    return gdi_report(v, "epoch end", GD_SKIPPED, "batches of one sample are never short");
  char what[80];
  snprintf(what, sizeof what, "a batch of %lld after ones of %lld", (long long)(v->n % v->job.batches.batch),
           (long long)v->job.batches.batch);
  return check_alone(v, "epoch end", what);
}

gd_status gdi_check_runs(gdi_verify *v) {
  char folder[4096] = "", path[4160] = "", what[40];
  GD_TRY(gdi_trial_steps(v, &v->job, &v->alone, GDI_EVEN_STEPS));
  GD_TRY(check_replicas(v));
  snprintf(what, sizeof what, "%d steps", GDI_EVEN_STEPS);
  GD_TRY(check_alone(v, "ranks", what));
  GD_TRY(make_folder(v, folder));
  gd_status st = save(v, folder, path);
  if (st == GD_OK) st = gdi_trial_steps(v, &v->job, &v->alone, GDI_ALL_STEPS - GDI_EVEN_STEPS);
  if (st == GD_OK) st = check_epoch_end(v);
  if (st == GD_OK) st = gdi_values_take(&v->job, &v->ours);
  if (st == GD_OK) st = check_resumed(v, path);
  if (gd_world_rank(v->world) == 0) remove_folder(folder, path);
  return st;
}

/* Trials, and the comparison of what they lead to. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "verify/verify.h"

gd_status gdi_trial_open(const gdi_verify *v, gdi_job *j, gd_world *w, const gd_options *o) {
  const gdi_known known = {.standardize = v->job.standardize,
                           .standardize_targets = v->job.standardize_targets,
                           .class_weights = v->job.class_weights};
  GD_TRY(gdi_job_open(j, w, o, &known));
  if (v->n == 0) return GD_OK; /* the first one tells how many there are */
  j->batches.n = v->n;
  j->batches.per_epoch = (v->n + j->batches.batch - 1) / j->batches.batch;
  return GD_OK;
}

/* Ranks that wait for rank 0 agree with it after every step, so that none waits longer than a deadline. */
gd_status gdi_trial_steps(gdi_verify *v, gdi_job *j, gdi_job *alone, int64_t steps) {
  const bool root = gd_world_rank(v->world) == 0;
  gd_sync_result r;
  for (int64_t i = 0; i < steps; i++) GD_TRY(gdi_step_now(j, 0, &r));
  for (int64_t i = 0; alone && i < steps; i++)
    GD_TRY(gd_world_agree(v->world, root ? gdi_step_now(alone, 0, &r) : GD_OK));
  return GD_OK;
}

gd_status gdi_values_new(const gdi_job *j, gdi_values *out) {
  *out = (gdi_values){.arrays = 1 + gd_optim_states(&j->optim), .bytes = gd_params_bytes(j->params)};
  for (int i = 0; i < out->arrays; i++)
    if (!(out->array[i] = calloc(1, out->bytes)))
      return GD_FAIL(GD_ERR_OOM, "no memory to compare %lld parameters", (long long)j->params->trainable);
  return GD_OK;
}

void gdi_values_free(gdi_values *v) {
  for (int i = 0; i < v->arrays; i++) free(v->array[i]);
  *v = (gdi_values){0};
}

gd_status gdi_values_take(gdi_job *j, gdi_values *out) {
  return gd_sync_gather(j->sync, out->array[0], out->array + 1);
}

bool gdi_values_equal(const gdi_values *a, const gdi_values *b) {
  for (int i = 0; i < a->arrays; i++)
    if (memcmp(a->array[i], b->array[i], a->bytes) != 0) return false;
  return true;
}

static double value(gd_dtype t, const void *x, int64_t i) {
  return t == GD_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

double gdi_values_distance(const gdi_job *j, const gdi_values *a, const gdi_values *b,
                           const gdi_values *from) {
  const gd_dtype t = j->dtype;
  double apart = 0, way = 0;
  for (int64_t i = 0; i < j->params->elements; i++) {
    const double x = value(t, a->array[0], i);
    const double d = x - value(t, b->array[0], i), w = x - value(t, from->array[0], i);
    apart += d * d, way += w * w;
  }
  return apart == 0 ? 0 : sqrt(apart / way);
}

double gdi_tolerance(const gdi_job *j) {
  if (j->dtype == GD_F64) return 1e-8;
  return strcmp(j->opt.precision, "fp32") == 0 ? 1e-3 : 2e-2;
}

gd_status gdi_report(gdi_verify *v, const char *check, gd_outcome outcome, const char *figure, ...) {
  gd_check c = {.outcome = outcome};
  va_list args;
  va_start(args, figure);
  snprintf(c.name, sizeof c.name, "%s", check);
  vsnprintf(c.figure, sizeof c.figure, figure, args);
  va_end(args);
  GD_TRY(gd_world_bcast(v->world, &c, sizeof c, 0));
  if (c.outcome == GD_FAILED) {
    const size_t n = strlen(v->failed);
    snprintf(v->failed + n, sizeof v->failed - n, "%s%s", n ? ", " : "", c.name);
  }
  if (v->done) v->done(v->user, &c);
  return GD_OK;
}

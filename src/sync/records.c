/*
 * Before anything is summed every rank learns every micro-batch's record, and what every rank asks for. The
 * message that tells it is also the sign that all gradients are ready. Rank r's part of it is
 * [flags, nonfinite, finding of the audit, record of each of its micro-batches].
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sync/audit.h"

enum { FLAGS, NONFINITE, FINDING, HEAD = FINDING + GDI_FINDING };

gd_status gdi_records_new(gd_sync *s) {
  const int64_t K = s->o.max_micro_batches;
  const size_t ranks = (size_t)gd_world_size(s->world), numbers = (size_t)K * GDI_RECORD;
  s->message = calloc(ranks * HEAD + numbers, sizeof *s->message);
  s->record = calloc(numbers, sizeof *s->record);
  s->part = calloc(ranks, sizeof *s->part);
  if (!s->message || !s->record || !s->part)
    return GD_FAIL(GD_ERR_OOM, "no memory for the records of %lld micro-batches", (long long)K);
  return GD_OK;
}

void gdi_records_free(gd_sync *s) {
  free(s->message), free(s->record), free(s->part);
}

/* Where rank r's part starts, in numbers. */
static int64_t part_start(const gd_sync *s, int r) {
  return (int64_t)r * HEAD + gd_share(s->K, gd_world_size(s->world), r).lo * GDI_RECORD;
}

static gd_step_stats total(const gd_sync *s) {
  double sum[GDI_RECORD];
  for (int i = 0; i < GDI_RECORD; i++) sum[i] = gd_tree_sum(s->record + i, s->K, GDI_RECORD);
  gd_step_stats r;
  memcpy(&r, sum, sizeof r);
  return r;
}

/* Which micro-batch was it? */
static gd_status tell_nonfinite(const gd_sync *s, const gd_sync_step *step, const gd_step_stats *sum) {
  int64_t k = 0;
  while (k < s->K - 1 && isfinite(s->record[k * GDI_RECORD]) && isfinite(s->record[k * GDI_RECORD + 1])) k++;
  return GD_FAIL(
      GD_ERR_NONFINITE,
      "the loss of step %lld is not finite (sum %g, weight %g; first in micro-batch %lld of %lld, on rank "
      "%lld; learning rate %g)",
      (long long)step->step + 1, sum->loss_sum, sum->weight, (long long)k, (long long)s->K,
      (long long)gd_share_owner(s->K, gd_world_size(s->world), k), step->lr);
}

gd_status gdi_records_exchange(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) {
  const int size = gd_world_size(s->world), rank = gd_world_rank(s->world);
  for (int r = 0; r < size; r++) {
    int64_t end = r + 1 < size ? part_start(s, r + 1) : size * HEAD + s->K * GDI_RECORD;
    s->part[r] = (gd_range){part_start(s, r) * (int64_t)sizeof(double), end * (int64_t)sizeof(double)};
  }
  double *mine = s->message + part_start(s, rank);
  mine[FLAGS] = step->flags, mine[NONFINITE] = s->nonfinite;
  if (s->audit) memcpy(mine + FINDING, s->audit->finding[rank], sizeof *s->audit->finding);
  memcpy(mine + HEAD, s->record + s->run.lo * GDI_RECORD,
         (size_t)(s->run.hi - s->run.lo) * sizeof(gd_step_stats));
  GD_TRY(gd_world_allgatherv(s->world, s->message, s->part));
  int nonfinite = -1;
  for (int r = 0; r < size; r++) {
    const double *part = s->message + part_start(s, r);
    const gd_range run = gd_share(s->K, size, r);
    out->flags |= (uint32_t)part[FLAGS];
    if (s->audit) memcpy(s->audit->finding[r], part + FINDING, sizeof *s->audit->finding);
    if (part[NONFINITE] != 0 && nonfinite < 0) nonfinite = r;
    memcpy(s->record + run.lo * GDI_RECORD, part + HEAD, (size_t)(run.hi - run.lo) * sizeof(gd_step_stats));
  }
  out->total = total(s);
  for (int64_t k = 0; k < s->K; k++) out->micro_batches += s->record[k * GDI_RECORD + 1] > 0;
  if (s->audit) GD_TRY(gdi_audit_judge(s, step->step));
  s->nonfinite = nonfinite >= 0;
  if (s->nonfinite) {
    out->stopped_at = step->step - 1;
    return GD_FAIL(GD_ERR_NONFINITE,
                   "a gradient or parameter was not finite in the update of step %lld (seen by rank %d)",
                   (long long)step->step, nonfinite);
  }
  if (!isfinite(out->total.loss_sum) || !isfinite(out->total.weight))
    return tell_nonfinite(s, step, &out->total);
  return GD_OK;
}

/* Injected faults of a step: wrong shares of the batch, which gd_verify() must notice (base/fault.h). */
#include "base/fault.h"
#include "train/job.h"

double gdi_injected_factor(const gdi_job *j, const gdi_step_plan *plan, gd_range rows) {
  if (GDI_FAULT("missing_micro_batch") && rows.hi == plan->rows.hi) return 0;
  if (!GDI_FAULT("average_rank_means")) return 1;
  const int ranks = gd_world_size(j->world);
  const gd_range run = gd_share(plan->K, ranks, gd_world_rank(j->world));
  const int64_t own =
      gdi_batches_micro(&j->batches, plan, run.hi - 1).hi - gdi_batches_micro(&j->batches, plan, run.lo).lo;
  return (double)(plan->rows.hi - plan->rows.lo) / (double)(ranks * own);
}

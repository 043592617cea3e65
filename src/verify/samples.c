/* Is every sample of an epoch visited exactly once? */
#include <stdlib.h>

#include "verify/verify.h"

/* A set of samples as a sum that does not depend on their order: another set has another one. */
typedef struct visits {
  uint64_t sum;
  int64_t count;
} visits;

static void visit(visits *v, const gd_order *o, int64_t epoch, gd_range rows) {
  for (int64_t i = rows.lo; i < rows.hi; i++) {
    uint64_t x = (uint64_t)gd_order_at(o, epoch, i) + 1; /* SplitMix64's finaliser */
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    v->sum += x ^ x >> 31;
    v->count++;
  }
}

/* What this rank's micro-batches of steps lo .. hi-1 hold. */
static void visit_steps(visits *v, const gdi_job *j, const gdi_batches *b, gd_range steps) {
  for (int64_t s = steps.lo; s < steps.hi; s++) {
    const gdi_step_plan plan = gdi_batches_step(b, s);
    const gd_range run = gd_share(plan.K, gd_world_size(j->world), gd_world_rank(j->world));
    for (int64_t k = run.lo; k < run.hi; k++)
      visit(v, &j->train_order, plan.epoch, gdi_batches_micro(b, &plan, k));
  }
}

static gd_status add_over_ranks(gd_world *w, visits *v) {
  const int size = gd_world_size(w);
  visits *all = calloc((size_t)size, sizeof *all);
  gd_status st = gd_world_agree(w, all ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to count samples"));
  if (st == GD_OK) all[gd_world_rank(w)] = *v, st = gd_world_allgather(w, all, sizeof *all);
  *v = (visits){0};
  for (int r = 0; st == GD_OK && r < size; r++) v->sum += all[r].sum, v->count += all[r].count;
  free(all);
  return st;
}

static bool same(const visits *a, const visits *b) {
  return a->sum == b->sum && a->count == b->count;
}

/* The part of the set in the order of the file, this rank's share of it. */
static void visit_part(visits *v, const gdi_job *j) {
  gd_order plain = j->train_order;
  plain.shuffle = GD_SHUFFLE_NONE;
  visit(v, &plain, 0, gd_share(plain.n, gd_world_size(j->world), gd_world_rank(j->world)));
}

gd_status gdi_check_samples(gdi_verify *v, const gdi_job *resumed) {
  const gdi_job *j = &v->job;
  if (j->train_order.sampler == GD_SAMPLE_REPLACEMENT)
    return gdi_report(v, "samples", GD_SKIPPED, "drawn with replacement: no sample is promised");
  if (j->train_order.sampler == GD_SAMPLE_BALANCED)
    return gdi_report(v, "samples", GD_SKIPPED, "drawn class by class: not every sample is in an epoch");
  if (j->opt.drop_last)
    return gdi_report(v, "samples", GD_SKIPPED,
                      "drop_last: what does not fill a batch is left out of an epoch");
  visits whole = {0}, expected = {0}, halves = {0}, first = {0};
  visit_steps(&whole, j, &v->whole, (gd_range){0, v->whole.per_epoch});
  visit_part(&expected, j);
  const int64_t per_epoch = j->batches.per_epoch; /* 1 where there is but one sample */
  visit_steps(&halves, j, &j->batches,
              (gd_range){0, per_epoch < GDI_EVEN_STEPS ? per_epoch : GDI_EVEN_STEPS});
  visit_steps(&halves, resumed, &resumed->batches, (gd_range){resumed->step, resumed->batches.per_epoch});
  visit(&first, &j->train_order, 0, gd_share(v->n, gd_world_size(v->world), gd_world_rank(v->world)));
  GD_TRY(add_over_ranks(v->world, &whole));
  GD_TRY(add_over_ranks(v->world, &expected));
  GD_TRY(add_over_ranks(v->world, &halves));
  GD_TRY(add_over_ranks(v->world, &first));
  if (!same(&whole, &expected))
    return gdi_report(v, "samples", GD_FAILED, "an epoch visits %lld samples of %lld, not each once",
                      (long long)whole.count, (long long)expected.count);
  if (!same(&halves, &first))
    return gdi_report(v, "samples", GD_FAILED, "resumed within an epoch: %lld samples of %lld, not each once",
                      (long long)halves.count, (long long)first.count);
  return gdi_report(v, "samples", GD_PASS, "%lld an epoch, each once; with a resume within the epoch too",
                    (long long)whole.count);
}

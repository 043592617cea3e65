#include "train/watch.h"

#include <math.h>

#include "gd/log.h"

gdi_watch gdi_watch_new(const gdi_job *j) {
  return (gdi_watch){.plateau = gd_plateau_new(&j->schedule)};
}

static void lower_rate(gdi_watch *w, const gdi_job *j, double loss) {
  const double before = w->plateau.lr;
  if (gd_plateau_step(&w->plateau, &j->schedule, loss) && gd_world_rank(j->world) == 0)
    gd_message(
        GD_LOG_INFO,
        "the loss of validation has not fallen for %lld validations: rate %g from step %lld on, not %g",
        (long long)j->schedule.patience + 1, w->plateau.lr, (long long)j->step, before);
}

static bool improves(const gdi_watch *w, const gdi_job *j, double measure) {
  if (!w->has_best) return !isnan(measure);
  return gdi_quality_better(&j->metrics, measure, w->best) && fabs(measure - w->best) > j->opt.stop_delta;
}

bool gdi_watch_validation(gdi_watch *w, const gdi_job *j, const gd_metrics *found) {
  const double measure = gdi_quality(&j->metrics, found);
  if (j->schedule.kind == GD_REDUCE_ON_PLATEAU) lower_rate(w, j, found->loss);
  if (j->opt.stop_patience == 0) return false;
  w->bad++;
  if (improves(w, j, measure)) w->has_best = true, w->best = measure, w->bad = 0;
  if (w->bad < j->opt.stop_patience) return false;
  if (gd_world_rank(j->world) == 0)
    gd_message(GD_LOG_INFO, "early stop after step %lld: %lld validations without an improvement",
               (long long)j->step, (long long)w->bad);
  return true;
}

gd_watched gdi_watch_stored(const gdi_watch *w) {
  return (gd_watched){.kept = true,
                      .lr = w->plateau.lr,
                      .lr_best = w->plateau.best,
                      .lr_bad = (double)w->plateau.bad,
                      .lr_cooling = (double)w->plateau.cooling,
                      .stop_best = w->has_best ? w->best : __builtin_nan(""),
                      .stop_bad = (double)w->bad};
}

gdi_watch gdi_watch_continued(const gdi_job *j, const gd_watched *s) {
  if (!s->kept) return gdi_watch_new(j);
  return (gdi_watch){.plateau = {s->lr, s->lr_best, (int64_t)s->lr_bad, (int64_t)s->lr_cooling},
                     .has_best = s->stop_best == s->stop_best,
                     .best = s->stop_best,
                     .bad = (int64_t)s->stop_bad};
}

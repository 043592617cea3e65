/* Which runs a study consists of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/study.h"

static int largest_first(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

gd_status gdi_study_batches(int64_t *list, int *n, const char *text, int64_t samples) {
  char buf[1024];
  const bool usual = !text;
  if (usual) text = "full,4096,512,64,8";
  if (strlen(text) >= sizeof buf) return GD_FAIL(GD_ERR_USAGE, "batch_sizes: the list is too long");
  strcpy(buf, text);
  *n = 0;
  for (char *save, *word = strtok_r(buf, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
    int64_t v = samples;
    if (*n == GDI_STUDY_MAX_BATCHES)
      return GD_FAIL(GD_ERR_USAGE, "batch_sizes: more than %d", GDI_STUDY_MAX_BATCHES);
    if (strcmp(word, "full") != 0)
      GD_TRY(gd_setting_i64(&(gd_setting){.key = "batch_sizes", .value = word}, 1,
                            usual ? INT64_MAX : samples, &v));
    if (v <= samples) list[(*n)++] = v;
  }
  qsort(list, (size_t)*n, sizeof *list, largest_first);
  int kept = 0;
  for (int i = 0; i < *n; i++)
    if (i == 0 || list[i] != list[i - 1]) list[kept++] = list[i];
  *n = kept;
  return kept ? GD_OK : GD_FAIL(GD_ERR_USAGE, "batch_sizes: give some, as in --batch-sizes full,512,64,8");
}

/* Four digits are enough for a rate, and its name is then short and exact. */
static double rounded(double v) {
  char text[32];
  snprintf(text, sizeof text, "%.4g", v);
  return strtod(text, NULL);
}

gd_status gdi_study_grid(double *list, int *n, const char *text) {
  double lo, hi;
  int count, used = 0;
  if (sscanf(text, "%lf:%lf:%d%n", &lo, &hi, &count, &used) != 3 || text[used])
    return GD_FAIL(GD_ERR_USAGE, "lr_grid: \"%.60s\" is not LOW:HIGH:NUMBER, as in 0.001:10:9", text);
  if (!(lo > 0 && hi >= lo && hi < 1e9) || count < 1 || count > GDI_STUDY_MAX_RATES ||
      (count == 1) != (lo == hi))
    return GD_FAIL(GD_ERR_USAGE,
                   "lr_grid: \"%.60s\": 0 < LOW < HIGH and 2 to %d rates (or LOW = HIGH and one)", text,
                   GDI_STUDY_MAX_RATES);
  for (int i = 0; i < count; i++)
    list[i] = rounded(count == 1 ? lo : hi * pow(lo / hi, (double)i / (count - 1)));
  *n = count;
  return GD_OK;
}

/* ---- settings of one run */

double gdi_study_rate(const gdi_study *s, int batch, int rate) {
  const double factor = (double)s->batch[batch] / (double)s->base.lr_batch;
  if (!s->scaled) return s->rate[rate];
  if (strcmp(s->base.lr_scale, "linear") == 0) return rounded(s->rate[rate] * factor);
  if (strcmp(s->base.lr_scale, "sqrt") == 0) return rounded(s->rate[rate] * sqrt(factor));
  return s->rate[rate];
}

static gdi_batches batches_of(const gdi_study *s, int batch) {
  gd_options o = s->base;
  o.batch_size = s->batch[batch];
  return gdi_study_batches_of(s->n, &o);
}

int64_t gdi_study_width(const gdi_study *s, int batch) {
  const gdi_batches b = batches_of(s, batch);
  return gdi_batches_max_micro(&b);
}

gd_options gdi_study_options(const gdi_study *s, int batch, int rate, int seed) {
  gd_options o = s->base;
  o.batch_size = s->batch[batch];
  o.micro_batch = batches_of(s, batch).micro;
  o.lr = gdi_study_rate(s, batch, rate);
  o.lr_scale = "none";
  o.seed = s->base.seed + seed;
  o.steps = s->limit[batch];
  o.on_nan = "stop";
  return o;
}

/* ---- all of them */

/* A comparison trains until a target, or until an amount of training, and validates when that tells most. */
static gd_status check_fits(const gd_options *o) {
  const bool timed = strcmp(o->max_time, "0") != 0, plateau = strcmp(o->schedule, "reduce_on_plateau") == 0;
  if (o->stop_patience == 0 && !timed && !plateau && !o->snapshots) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "%s does not fit a comparison, whose runs end at a target: leave it out",
                 o->stop_patience ? "early_stop"
                 : timed          ? "max_time"
                 : plateau        ? "reduce_on_plateau"
                                  : "checkpoint.snapshots");
}

static gd_status plan_targets(gdi_study *s, const gd_compare_options *c) {
  s->metric = c->target_metric ? c->target_metric : &gdi_metric_accuracy;
  s->target = (gdi_target){c->target_loss, c->target_measure, !s->metric->larger_is_better};
  if (isnan(c->target_loss) && isnan(c->target_measure))
    return GD_FAIL(GD_ERR_USAGE,
                   "no target: give --target-loss 0.3, --target-metric accuracy:0.97 or another metric");
  if (c->target_metric) s->base.metrics = c->target_metric->name;
  if (c->seeds < 1 || c->seeds > GDI_STUDY_MAX_SEEDS)
    return GD_FAIL(GD_ERR_USAGE, "seeds: 1 to %d", GDI_STUDY_MAX_SEEDS);
  if (c->max_epochs < 1 && c->max_updates < 1)
    return GD_FAIL(GD_ERR_USAGE, "max_epochs or max_updates must be above 0");
  return GD_OK;
}

static void plan_trials(gdi_study *s) {
  for (int b = 0, i = 0; b < s->batches; b++)
    for (int r = 0; r < s->rates; r++)
      for (int k = 0; k < s->seeds; k++, i++) {
        gdi_trial *t = &s->trial[i];
        *t = (gdi_trial){
            .batch = b, .rate = r, .seed = k, .curve = {.measure = s->metric->name, .diverged = -1}};
        snprintf(t->id, sizeof t->id, "b%lld-lr%.4g-s%lld", (long long)s->batch[b], gdi_study_rate(s, b, r),
                 (long long)(s->base.seed + k));
      }
}

/* All batch sizes are cut alike, as the smallest of them is. */
void gdi_study_hold_micro_batch(gdi_study *s) {
  int64_t micro = s->base.micro_batch;
  for (int b = 0; b < s->batches; b++) {
    gd_options o = s->base;
    o.batch_size = s->batch[b];
    const int64_t m = gdi_micro_batch_held(s->n, &o);
    if (micro == 0 || m < micro) micro = m;
  }
  s->base.micro_batch = micro;
}

gd_status gdi_study_plan(gdi_study *s, const gd_options *o, const gd_compare_options *c, int64_t n) {
  *s = (gdi_study){.base = *o, .what = *c, .n = n, .seeds = (int)c->seeds};
  if (s->what.resolution <= 0) s->what.resolution = 0.03;
  GD_TRY(plan_targets(s, c));
  GD_TRY(check_fits(o));
  GD_TRY(gdi_usual_rates(&s->base));
  GD_TRY(gdi_study_batches(s->batch, &s->batches, c->batch_sizes, n));
  if (c->lr_grid)
    GD_TRY(gdi_study_grid(s->rate, &s->rates, c->lr_grid));
  else
    s->rate[0] = s->base.lr, s->rates = 1, s->scaled = true;
  for (int b = 0; b < s->batches; b++) {
    const int64_t by_epochs = c->max_epochs * batches_of(s, b).per_epoch;
    s->limit[b] = by_epochs > c->max_updates ? by_epochs : c->max_updates;
  }
  s->trials = s->batches * s->rates * s->seeds;
  s->trial = calloc((size_t)s->trials, sizeof *s->trial);
  if (!s->trial) return GD_FAIL(GD_ERR_OOM, "no memory for %d runs", s->trials);
  plan_trials(s);
  return GD_OK;
}

void gdi_study_free(gdi_study *s) {
  for (int i = 0; s->trial && i < s->trials; i++) gdi_curve_clear(&s->trial[i].curve);
  free(s->trial);
  s->trial = NULL;
}

gdi_trial *gdi_study_trial(const gdi_study *s, int batch, int rate, int seed) {
  return &s->trial[(batch * s->rates + rate) * s->seeds + seed];
}

int64_t gdi_study_horizon(const gdi_study *s, int batch, int seed) {
  const int64_t limit = s->limit[batch];
  int64_t best = limit;
  for (int r = 0; r < s->rates; r++) {
    const gdi_curve *c = &gdi_study_trial(s, batch, r, seed)->curve;
    gdi_verdict v = gdi_curve_judge(c, &s->target, limit, limit, s->what.resolution);
    if (v.outcome == GDI_REACHED && v.end->updates < best) best = v.end->updates;
  }
  return 2 * best < limit ? 2 * best : limit;
}

gdi_verdict gdi_study_judge(const gdi_study *s, const gdi_trial *t) {
  return gdi_curve_judge(&t->curve, &s->target, gdi_study_horizon(s, t->batch, t->seed), s->limit[t->batch],
                         s->what.resolution);
}

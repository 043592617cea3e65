#include "infer/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which */

static void append(gdi_metric_list *l, const gd_metric *m) {
  for (int i = 0; i < l->n; i++)
    if (l->metric[i] == m) return;
  if (l->n < GD_MAX_METRICS) l->metric[l->n++] = m;
}

static gd_status append_named(gdi_metric_list *l, const char *name) {
  const gd_metric *m;
  GD_TRY(gd_metric_find(&m, name));
  if (!gd_metric_fits(m, &l->of))
    return GD_FAIL(GD_ERR_USAGE,
                   "metrics: %s does not fit %s, %s and %lld output%s: --help-metrics tells which do", name,
                   l->of.criterion->cls->name, l->of.labels ? "classes" : "numbers", (long long)l->of.outputs,
                   l->of.outputs == 1 ? "" : "s");
  if (l->n == GD_MAX_METRICS) return GD_FAIL(GD_ERR_USAGE, "metrics: at most %d", GD_MAX_METRICS);
  append(l, m);
  return GD_OK;
}

static gd_status append_words(gdi_metric_list *l, const char *words) {
  char *copy = strdup(words), *save;
  gd_status st = copy ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a list of metrics");
  for (char *w = copy ? strtok_r(copy, " ,\t\n", &save) : NULL; st == GD_OK && w;
       w = strtok_r(NULL, " ,\t\n", &save))
    st = append_named(l, w);
  free(copy);
  return st;
}

gd_status gdi_metrics_choose(gdi_metric_list *out, const char *words, const gd_criterion *c,
                             const gd_data_info *i, int64_t classes, char (*name)[GD_MAX_CLASS_NAME],
                             int64_t outputs) {
  *out = (gdi_metric_list){.of = {.criterion = c,
                                  .labels = i->labels,
                                  .classes = i->labels ? classes : 0,
                                  .targets = i->targets,
                                  .pixels = i->labels && i->y_ndim == 2,
                                  .outputs = outputs}};
  if (name && i->labels) {
    out->class_name = calloc((size_t)classes, sizeof *out->class_name);
    if (!out->class_name) return GD_FAIL(GD_ERR_OOM, "no memory for %lld class names", (long long)classes);
    for (int64_t k = 0; k < classes; k++) out->class_name[k] = name[k];
    out->of.class_name = out->class_name;
  }
  for (int k = 0; !words && gd_metric_at(k); k++)
    if (gd_metric_fits(gd_metric_at(k), &out->of)) append(out, gd_metric_at(k));
  const bool given = words && strcmp(words, "auto") != 0;
  if (given) GD_TRY(append_words(out, words));
  if (!given && gd_metric_fits(&gdi_metric_mean_iou, &out->of)) append(out, &gdi_metric_mean_iou);
  if (gd_metric_fits(&gdi_metric_accuracy, &out->of)) append(out, &gdi_metric_accuracy);
  return GD_OK;
}

void gdi_metrics_standardized(gdi_metric_list *l, const gd_standardize *s) {
  if (s->features > 0) l->of.mean = s->mean, l->of.std = s->std;
}

void gdi_metrics_free(gdi_metric_list *l) {
  free(l->class_name);
  *l = (gdi_metric_list){0};
}

gd_metrics gdi_no_metrics(void) {
  return (gd_metrics){.loss = NAN, .accuracy = NAN};
}

/* ---- which is best */

const gd_metric *gdi_metrics_first(const gdi_metric_list *l) {
  for (int i = 0; i < l->n; i++)
    if (!l->metric[i]->table) return l->metric[i];
  return NULL;
}

double gdi_quality(const gdi_metric_list *l, const gd_metrics *m) {
  const gd_metric *first = gdi_metrics_first(l);
  for (int i = 0; i < m->n; i++)
    if (m->measure[i].metric == first) return m->measure[i].value;
  return m->loss;
}

bool gdi_quality_better(const gdi_metric_list *l, double a, double b) {
  const gd_metric *first = gdi_metrics_first(l);
  return first && first->larger_is_better ? a > b : a < b;
}

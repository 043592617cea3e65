/* The metrics there are, and what they get to see. */
#include <string.h>

#include "base/words.h"
#include "nn/metrics.h"

enum { MAX_METRICS = 64 };

static const gd_metric *list[MAX_METRICS] = {
#define X(name) &gdi_metric_##name,
#include "nn/metrics.def"
};

const gd_metric *gd_metric_at(int i) {
  return i >= 0 && i < MAX_METRICS ? list[i] : NULL;
}

gd_status gd_metric_find(const gd_metric **out, const char *name) {
  const char *names[MAX_METRICS + 1] = {0};
  int i;
  for (int k = 0; gd_metric_at(k); k++) names[k] = gd_metric_at(k)->name;
  GD_TRY(gdi_word_index(&i, "metric", name, names));
  *out = list[i];
  return GD_OK;
}

gd_status gd_metric_register(const gd_metric *m) {
  if (!m->name || !gdi_is_word(m->name) || strcmp(m->name, "auto") == 0 || strcmp(m->name, "loss") == 0)
    return GD_FAIL(GD_ERR_USAGE, "a metric cannot be named \"%.64s\": letters, digits and _",
                   m->name ? m->name : "");
  if (!m->count || (m->table && !m->write))
    return GD_FAIL(GD_ERR_USAGE, "metric %s: it has no %s", m->name, m->count ? "write" : "count");
  for (int i = 0; i < MAX_METRICS; i++) {
    if (list[i] == m) return GD_OK;
    if (list[i] && strcmp(list[i]->name, m->name) == 0)
      return GD_FAIL(GD_ERR_USAGE, "there is a metric \"%s\" already: choose another name", m->name);
    if (list[i]) continue;
    list[i] = m;
    return GD_OK;
  }
  return GD_FAIL(GD_ERR_USAGE, "metric %s: there are %d metrics already", m->name, MAX_METRICS);
}

gd_status gd_metrics_manual(FILE *f, const char *name) {
  const gd_metric *only = NULL;
  if (name) GD_TRY(gd_metric_find(&only, name));
  for (int i = 0; gd_metric_at(i); i++) {
    const gd_metric *m = list[i];
    const bool labels = m->target & GD_LABELS, numbers = m->target & GD_NUMBERS;
    if (only && only != m) continue;
    fprintf(f, "%-16s %s (%s%s%s)\n", m->name, m->about ? m->about : "", labels ? "labels" : "",
            labels && numbers ? ", " : "", numbers ? "numbers" : "");
  }
  return GD_OK;
}

/* ---- what fits ---- */

static bool listed(const char *word, const char *words) {
  const size_t n = strlen(word);
  for (const char *at = words; (at = strstr(at, word)); at += n)
    if ((at == words || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
  return false;
}

static bool is_built_in(const gd_metric *m) {
#define X(name)                                                                                              \
  if (m == &gdi_metric_##name) return true;
#include "nn/metrics.def"
  return false;
}

/* A loss lists the built-in metrics that fit it; those of users say themselves what they are for. */
bool gd_metric_fits(const gd_metric *m, const gd_metric_of *of) {
  static const char of_labels[] =
      "accuracy balanced_accuracy top5 precision recall f1 mean_iou auc confusion",
                    of_numbers[] = "mae rmse r2";
  const char *words = of->criterion->cls->metrics;
  if (!words) words = of->labels ? of_labels : of_numbers;
  if (!(m->target & (of->labels ? GD_LABELS : GD_NUMBERS))) return false;
  if (is_built_in(m) && !listed(m->name, words)) return false;
  return !m->fits || m->fits(of);
}

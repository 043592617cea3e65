/* What became of the columns, for a glance: type, missing, least, mean, largest, distinct. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/import.h"

enum { MOST_DISTINCT = 1 << 20 };

/* How many different values; below 0: more than so many. */
static gd_status count_distinct(const double *v, int64_t stride, int64_t n, int64_t *out) {
  int64_t slots = 64, found = 0;
  while (slots < 2 * (n < MOST_DISTINCT ? n : MOST_DISTINCT)) slots *= 2;
  double *set = malloc((size_t)slots * sizeof *set);
  if (!set) return GD_FAIL(GD_ERR_OOM, "no memory to count values");
  for (int64_t i = 0; i < slots; i++) set[i] = NAN;
  for (int64_t i = 0; i < n && found <= MOST_DISTINCT; i++) {
    const double value = v[i * stride] + 0.0; /* one zero */
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int64_t at = (int64_t)(bits * 0x9E3779B97F4A7C15u >> 20) & (slots - 1);
    while (!isnan(set[at]) && set[at] != value) at = (at + 1) & (slots - 1);
    found += isnan(set[at]);
    if (found <= MOST_DISTINCT) set[at] = value;
  }
  free(set);
  *out = found > MOST_DISTINCT ? -MOST_DISTINCT : found;
  return GD_OK;
}

static gd_status measure(gd_column *c, const double *v, int64_t stride, int64_t n) {
  double sum = 0;
  c->min = INFINITY, c->max = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    const double x = v[i * stride];
    c->min = x < c->min ? x : c->min, c->max = x > c->max ? x : c->max;
    sum += x / (double)n;
  }
  c->mean = sum;
  return count_distinct(v, stride, n, &c->distinct);
}

static gd_status summarize(gd_column *c, const gd_table *t, const gdi_import *m, int i) {
  static const char *const use[] = {"feature", "target", "weight", "dropped"};
  static const char *const take[] = {"number", "classes", "one-hot", "index", "date"};
  const gdi_column *k = &m->column[i];
  *c = (gd_column){.missing = k->count[GDI_CELL_MISSING], .min = NAN, .mean = NAN, .max = NAN};
  if (k->name && *k->name)
    snprintf(c->name, sizeof c->name, "%s", k->name);
  else
    snprintf(c->name, sizeof c->name, "%d", i);
  strcpy(c->use, use[k->use]);
  if (k->use == GDI_DROPPED) return GD_OK;
  strcpy(c->type, take[k->take]);
  c->distinct = k->n_words;
  if (k->take != GDI_NUMBER && k->take != GDI_DATE) return GD_OK;
  if (k->use == GDI_WEIGHT) return measure(c, t->w, 1, t->n);
  if (k->use == GDI_TARGET) return measure(c, (const double *)t->y + k->at, t->targets, t->n);
  return measure(c, (const double *)t->x + k->x, t->sample[0], t->n);
}

/* Few whole numbers may be classes: the guess that they are not is said. */
static void tell_of_target(gdi_import *m, const gd_column *c, int i) {
  char text[128];
  if (m->column[i].take != GDI_NUMBER) return;
  const bool few = c->distinct > 0 && c->distinct <= 20 && c->min == floor(c->min) && c->max == floor(c->max);
  gdi_note(m, "%s is the target: numbers%s", gdi_column_text(m, i, text),
           !m->o->target && few ? " (else --target; --classes, if they are classes)"
           : few                ? " (--classes, if they are classes)"
           : m->o->target       ? ""
                                : " (else --target)");
}

gd_status gdi_csv_summarize(gd_table *t, gdi_import *m) {
  t->column = calloc((size_t)m->columns, sizeof *t->column);
  if (!t->column) return GD_FAIL(GD_ERR_OOM, "no memory for %d columns", m->columns);
  t->n_columns = m->columns;
  for (int i = 0; i < m->columns; i++) {
    GD_TRY(summarize(&t->column[i], t, m, i));
    if (m->column[i].use == GDI_TARGET) tell_of_target(m, &t->column[i], i);
  }
  return GD_OK;
}

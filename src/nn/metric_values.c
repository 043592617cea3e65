/* What metrics look at: values in host memory, copied once for all that ask. */
#include <stdlib.h>
#include <string.h>

#include "nn/metrics.h"

void gdi_host_values_reset(gd_host_values *h) {
  h->n = 0;
}

void gdi_host_values_free(gd_host_values *h) {
  for (int i = 0; i < h->max; i++) free(h->copy[i].value);
  free(h->copy);
  *h = (gd_host_values){0};
}

static gd_status make_room(gd_host_values *h) {
  enum { MORE = 4 };
  if (h->n < h->max) return GD_OK;
  struct gdi_host_copy *copy = realloc(h->copy, (size_t)(h->max + MORE) * sizeof *copy);
  if (!copy) return GD_FAIL(GD_ERR_OOM, "no memory for metrics");
  memset(copy + h->max, 0, MORE * sizeof *copy);
  h->copy = copy, h->max += MORE;
  return GD_OK;
}

static void in_their_unit(const gd_metric_of *of, double *v, int64_t n) {
  for (int64_t i = 0; i < n; i++) v[i] = v[i] * of->std[i % of->targets] + of->mean[i % of->targets];
}

gd_status gd_evaluated_values(const gd_evaluated *e, const gd_tensor *t, const double **out) {
  gd_host_values *h = e->host;
  for (int i = 0; i < h->n; i++)
    if (h->copy[i].of == t) {
      *out = h->copy[i].value;
      return GD_OK;
    }
  GD_TRY(make_room(h));
  struct gdi_host_copy *c = &h->copy[h->n];
  const int64_t n = gd_numel(t);
  if (c->room < n) {
    free(c->value);
    c->value = malloc((size_t)n * sizeof *c->value);
    c->room = c->value ? n : 0;
    if (!c->value) return GD_FAIL(GD_ERR_OOM, "no memory for the %lld values of a metric", (long long)n);
  }
  GD_TRY(gd_tensor_get(t, c->value, n));
  if (e->of->mean && (t == e->output[0] || t == e->batch->y)) in_their_unit(e->of, c->value, n);
  c->of = t;
  h->n++;
  *out = c->value;
  return GD_OK;
}

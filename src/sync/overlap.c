/*
 * All-reduce while backward goes on. The run of gradients is cut into buckets at the borders of parameters; a
 * bucket starts as soon as backward has finished it, always in the same order on every rank.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/buckets.h"

struct gdi_overlap {
  int buckets, started;
  gdi_bucket *bucket;
  gd_request **request;
};

gd_status gdi_overlap_new(gd_sync *s) {
  gdi_overlap *x = s->overlap = calloc(1, sizeof *x);
  if (!x) return GD_FAIL(GD_ERR_OOM, "no memory for buckets");
  GD_TRY(gdi_buckets_cut(s, &x->bucket, &x->buckets));
  x->request = calloc((size_t)x->buckets, sizeof *x->request);
  if (!x->request) return GD_FAIL(GD_ERR_OOM, "no memory for %d buckets", x->buckets);
  GD_TRY(gdi_sum_reserve(&s->sum, 1));
  s->sum.n_terms = 1;
  s->sum.term[0] = (gdi_term){{0, 1}, s->gradient_memory.data, 0};
  gdi_sum_compile(&s->sum, (gd_range){0, 1});
  return GD_OK;
}

void gdi_overlap_free(gdi_overlap *x) {
  if (!x) return;
  free(x->bucket), free(x->request);
  free(x);
}

gd_status gdi_overlap_start(gd_sync *s, int params) {
  gdi_overlap *x = s->overlap;
  for (; x->started < x->buckets && x->bucket[x->started].params <= params; x->started++) {
    const gd_range r = x->bucket[x->started].elements;
    void *data = (char *)s->gradient_memory.data + (size_t)r.lo * s->element_bytes;
    GD_TRY(gd_iallreduce(s->world, data, r.hi - r.lo, s->dtype == GD_F64, &x->request[x->started]));
  }
  return GD_OK;
}

gd_status gdi_overlap_start_all(gd_sync *s) {
  if (s->run.lo == s->run.hi) memset(s->gradient_memory.data, 0, gd_params_bytes(s->params));
  return gdi_overlap_start(s, s->params->n);
}

gd_status gdi_overlap_wait(gd_sync *s) {
  gdi_overlap *x = s->overlap;
  x->started = 0;
  return gd_wait(s->world, x->request, x->buckets);
}

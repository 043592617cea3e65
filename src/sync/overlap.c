/*
 * All-reduce while backward goes on. The run of gradients is cut into buckets of one size, so that a large
 * parameter's parts follow each other through the network; a bucket starts as soon as backward has finished
 * it, always in the same order on every rank.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/sync.h"

struct gdi_overlap {
  int buckets, started, waited;
  int64_t bucket_elements;
  gd_request **request; /* [buckets] */
};

gd_status gdi_overlap_new(gd_sync *s) {
  gdi_overlap *x = s->overlap = calloc(1, sizeof *x);
  if (!x) return GD_FAIL(GD_ERR_OOM, "no memory for buckets");
  x->bucket_elements = gdi_bucket_elements(s);
  x->buckets = (int)((s->elements - 1) / x->bucket_elements + 1);
  x->request = calloc((size_t)x->buckets, sizeof *x->request);
  if (!x->request) return GD_FAIL(GD_ERR_OOM, "no memory for %d buckets", x->buckets);
  GD_TRY(gdi_sum_reserve(&s->sum, 1));
  s->sum.n_operands = 1;
  s->sum.operand[0] = (gdi_operand){{0, 1}, s->gradient_memory.data, 0};
  gdi_sum_compile(&s->sum, (gd_range){0, 1});
  return GD_OK;
}

void gdi_overlap_free(gdi_overlap *x) {
  if (!x) return;
  free(x->request);
  free(x);
}

gd_status gdi_overlap_start(gd_sync *s, int64_t end) {
  gdi_overlap *x = s->overlap;
  for (; x->started < x->buckets; x->started++) {
    const int64_t lo = x->started * x->bucket_elements, hi = lo + x->bucket_elements;
    const gd_range r = {lo, hi < s->elements ? hi : s->elements};
    if (r.hi > end) break;
    void *data = (char *)s->gradient_memory.data + (size_t)r.lo * s->element_bytes;
    GD_TRY(gd_iallreduce(s->world, data, r.hi - r.lo, s->dtype == GD_F64, &x->request[x->started]));
  }
  return GD_OK;
}

gd_status gdi_overlap_start_all(gd_sync *s) {
  if (s->run.lo == s->run.hi) memset(s->gradient_memory.data, 0, gd_params_bytes(s->params));
  return gdi_overlap_start(s, s->elements);
}

gd_status gdi_overlap_wait(gd_sync *s, int64_t end) {
  gdi_overlap *x = s->overlap;
  const int first = x->waited, until = (int)((end + x->bucket_elements - 1) / x->bucket_elements);
  if (until <= first) return GD_OK;
  x->waited = until;
  if (until == x->buckets) x->started = x->waited = 0; /* ready for the next step */
  return gd_wait(s->world, x->request + first, until - first);
}

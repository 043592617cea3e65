/*
 * All-reduce while backward goes on. The run of gradients is cut into buckets at the borders of parameters; a
 * bucket starts as soon as backward has finished it, always in the same order on every rank.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/sync.h"

static const size_t default_bucket_bytes = 4 << 20;

struct gdi_overlap {
  int buckets, started;
  gd_range *bucket;    /* [buckets] elements */
  int *of;             /* [params] bucket of each */
  int *members, *left; /* [buckets] parameters, and those that backward has not finished */
  gd_request **request;
  bool last;        /* backward of the last micro-batch: what it finishes is complete */
  int next;         /* where the next parameter to be finished is expected */
  gd_status failed; /* in a hook, which cannot say so */
};

gd_status gdi_overlap_new(gd_sync *s) {
  gdi_overlap *x = s->overlap = calloc(1, sizeof *x);
  if (!x) return GD_FAIL(GD_ERR_OOM, "no memory for buckets");
  const int n = s->params->n;
  x->bucket = calloc((size_t)n, sizeof *x->bucket);
  x->of = calloc((size_t)n, sizeof *x->of);
  x->members = calloc(2 * (size_t)n, sizeof *x->members);
  x->request = calloc((size_t)n, sizeof *x->request);
  if (!x->bucket || !x->of || !x->members || !x->request)
    return GD_FAIL(GD_ERR_OOM, "no memory for %d buckets", n);
  x->left = x->members + n;
  const size_t bytes = s->o.bucket_bytes ? s->o.bucket_bytes : default_bucket_bytes;
  for (int i = 0; i < n; i++) {
    gd_range *b = &x->bucket[x->buckets ? x->buckets - 1 : 0];
    if (i == 0 || (size_t)(s->params->offset[i] - b->lo) * s->element_bytes >= bytes)
      *(b = &x->bucket[x->buckets++]) = (gd_range){s->params->offset[i], 0};
    b->hi = i + 1 < n ? s->params->offset[i + 1] : s->elements;
    x->of[i] = x->buckets - 1;
    x->members[x->of[i]]++;
  }
  GD_TRY(gdi_sum_reserve(&s->sum, 1));
  s->sum.n_terms = 1;
  s->sum.term[0] = (gdi_term){{0, 1}, s->gradient_memory.data, 0};
  gdi_sum_compile(&s->sum, (gd_range){0, 1});
  return GD_OK;
}

void gdi_overlap_free(gdi_overlap *x) {
  if (!x) return;
  free(x->bucket), free(x->of), free(x->members), free(x->request);
  free(x);
}

static void start_bucket(gd_sync *s) {
  gdi_overlap *x = s->overlap;
  const gd_range b = x->bucket[x->started];
  void *data = (char *)s->gradient_memory.data + (size_t)b.lo * s->element_bytes;
  gd_status st = gd_iallreduce(s->world, data, b.hi - b.lo, s->dtype == GD_F64, &x->request[x->started]);
  if (x->failed == GD_OK) x->failed = st;
  x->started++;
}

void gdi_overlap_leaf(gd_sync *s, int64_t k) {
  gdi_overlap *x = s->overlap;
  if (k == s->run.lo) gd_params_bind_grads(s->params, s->gradient_memory.data); /* later ones add to it */
  x->last = k + 1 == s->run.hi;
  x->next = 0;
  memcpy(x->left, x->members, (size_t)x->buckets * sizeof *x->left);
}

void gdi_overlap_ready(void *sync, gd_tensor *leaf) {
  gd_sync *s = sync;
  gdi_overlap *x = s->overlap;
  if (!x->last) return;
  const int n = s->params->n;
  for (int i = 0; i < n; i++) {
    const int p = (x->next + i) % n;
    if (s->params->item[p].tensor != leaf) continue;
    x->left[x->of[p]]--;
    x->next = p + 1;
    break;
  }
  while (x->started < x->buckets && x->left[x->started] == 0) start_bucket(s);
  gd_progress(s->world);
}

void gdi_overlap_leaf_done(gd_sync *s, int64_t k) {
  (void)k;
  s->overlap->last = false;
}

gd_status gdi_overlap_start_all(gd_sync *s) {
  gdi_overlap *x = s->overlap;
  if (s->run.lo == s->run.hi) memset(s->gradient_memory.data, 0, gd_params_bytes(s->params));
  while (x->started < x->buckets) start_bucket(s);
  return x->failed;
}

gd_status gdi_overlap_wait(gd_sync *s) {
  gdi_overlap *x = s->overlap;
  x->started = 0;
  return gd_wait(s->world, x->request, x->buckets);
}

#include "sync/buckets.h"

#include <stdlib.h>

static const size_t default_bytes = 4 << 20;

gd_status gdi_buckets_cut(const gd_sync *s, gdi_bucket **out, int *count) {
  const int n = s->params->n_trained; /* statistics belong to the last one */
  const size_t bytes = s->o.bucket_bytes ? s->o.bucket_bytes : default_bytes;
  gdi_bucket *b = *out = calloc((size_t)n, sizeof *b);
  if (!b) return GD_FAIL(GD_ERR_OOM, "no memory for buckets");
  for (int i = 0; i < n; i++) {
    const int64_t at = s->params->offset[i];
    if (i > 0 && (size_t)(at - b->elements.lo) * s->element_bytes >= bytes) (++b)->elements.lo = at;
    b->elements.hi = i + 1 < n ? s->params->offset[i + 1] : s->elements;
    b->params = i + 1 < n ? i + 1 : s->params->n;
  }
  *count = (int)(b - *out) + 1;
  return GD_OK;
}

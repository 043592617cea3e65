/* The run of gradients in pieces that are sent, or updated, while backward is on its way to the next one. */
#ifndef GDI_SYNC_BUCKETS_H
#define GDI_SYNC_BUCKETS_H

#include "sync/sync.h"

typedef struct gdi_bucket {
  gd_range elements;
  int params; /* at the front of the run, that are finished when it is */
} gdi_bucket;

/* Cut at the borders of parameters, so that each has bucket_bytes or more. Owner of *out: caller; free() */
gd_status gdi_buckets_cut(const gd_sync *s, gdi_bucket **out, int *count) GD_CHECKED;

#endif

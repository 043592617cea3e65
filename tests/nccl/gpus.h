/* What tests of NCCL share: a world, a GPU for each rank, a communicator; where one is missing they are
 * skipped. */
#ifndef GD_TEST_GPUS_H
#define GD_TEST_GPUS_H

#include <stdlib.h>
#include <string.h>

#include "comm/nccl.h"
#include "gd/gd.h"

enum { SKIPPED = 77 };

static gd_device *open_gpu(int index) {
  gd_device *d = NULL;
  gd_status st = gd_device_open(&d, &(gd_device_options){.kind = GD_CUDA, .index = index, .threads = 1});
  if (st != GD_OK) fprintf(stderr, "%s\n", gd_error_last()->message);
  return d;
}

/* GPU n of this rank: its own, as far as there are enough. */
static inline gd_device *open_own_gpu(const gd_world *w) {
  return open_gpu(gd_world_local_rank(w) % gd_device_gpus());
}

static inline void *take(gd_device *d, size_t bytes) {
  return d->memory.take(d->memory.user, bytes);
}
static inline void give(gd_device *d, void *memory) {
  d->memory.give(d->memory.user, memory);
}

/* All that is queued in the stream is done. */
static inline gd_status wait_lane(gdi_nccl *x, gd_device *d, gdi_stream stream) {
  gdi_event *m;
  GD_TRY(d->gpu->event_new(d, &m));
  gd_status st = d->gpu->event_record(d, stream, m);
  if (st == GD_OK) st = gdi_nccl_wait(x, m);
  d->gpu->event_free(d, m);
  return st;
}

#endif

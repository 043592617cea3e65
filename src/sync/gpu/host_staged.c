/*
 * Staged: gradients go down to the windows of the ranks' hosts, and parameters up again, in pieces. While
 * backward goes on what it has finished is copied down, and sent to other hosts as it comes; while slices are
 * updated what is new is copied up.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/gpu/gpu_sync.h"

static const size_t default_bytes = 4 << 20;
static const int64_t ask_ns = 20000; /* between questions whether the GPU is done */

/* ---- memory ---- */

/*
 * A copy to or from memory that is not pinned stops everything else. Linux may refuse to pin files on a disk, where
 * windows are when /dev/shm is too small: then it is slow, and said. Returns the memory, or NULL when not pinned.
 */
static char *pin(const gdi_gpu_sync *b, void *memory, size_t bytes) {
  if (b->gpu->pin(b->device, memory, bytes) == GD_OK) return memory;
  gdi_message_once(
      GD_LOG_WARN,
      "the memory of the exchange cannot be pinned, so copies to and from the GPU take longer (%s): "
      "see that /dev/shm is large enough, or name another folder in memory by GDTRAIN_SHM_DIR",
      gd_error_last()->message);
  gd_error_clear();
  return NULL;
}

static void pin_windows(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  gdi_host_staged *x = &b->staged;
  const bool ordered = s->o.mode == GD_SYNC_ORDERED;
  const size_t bytes = gd_params_bytes(s->params);
  x->pinned_params = pin(b, s->param_memory.data, bytes);
  if (b->buffers == 0) return;
  x->gradients_here = ordered ? gdi_buffer(s, gd_world_rank(s->world), 0) : (char *)s->gradient_memory.data;
  x->pinned_gradients = pin(b, x->gradients_here, (size_t)b->buffers * bytes);
}

/* The ranks whose updates are read from this one's window. */
static gd_range owners(const gd_sync *s) {
  const int rank = gd_world_rank(s->world);
  if (s->o.mode == GD_SYNC_ALLREDUCE) return (gd_range){rank, rank + 1};
  return gd_world_group_ranks(s->world, gd_world_group(s->world, rank));
}

/* Nothing of the slices is on its way up. */
static void begin_up(gd_sync *s) {
  const gd_range all = owners(s);
  for (int64_t r = all.lo; r < all.hi; r++) s->gpu->staged.queued[r - all.lo] = gdi_slice_of(s, (int)r).lo;
}

gd_status gdi_host_staged_new(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  gdi_host_staged *x = &b->staged;
  const gd_range all = owners(s);
  const size_t n = (size_t)(all.hi - all.lo), bytes = s->o.bucket_bytes ? s->o.bucket_bytes : default_bytes;
  x->copy = (int64_t)((bytes + s->element_bytes - 1) / s->element_bytes);
  GD_TRY(gdi_window_new(s, &x->memory, n * sizeof *x->updated));
  x->updated = x->memory.data;
  x->queued = calloc(n, sizeof *x->queued);
  if (!x->queued) return GD_FAIL(GD_ERR_OOM, "no memory for the sync of a GPU");
  begin_up(s);
  GD_TRY(gdi_gpu_sync_pinned(b, (size_t)s->o.max_micro_batches * sizeof(gd_step_stats), &x->records_here));
  pin_windows(s);
  const bool at_once = x->pinned_gradients || b->buffers == 0; /* else each copy stops backward */
  b->early = x->copy < s->elements && at_once && !s->o.no_overlap && !b->single;
  x->announces = b->early && (s->exchange || s->overlap);
  GD_TRY(b->gpu->event_new(b->device, &x->copied));
  GD_TRY(gd_params_bind(s->params, b->params, true));
  if (!s->param_memory.owner) return GD_OK;
  return b->device->download(b->device, s->param_memory.data, b->params, gd_params_bytes(s->params));
}

void gdi_host_staged_free(gd_sync *s) {
  const gdi_gpu_sync *b = s->gpu;
  gdi_host_staged *x = &s->gpu->staged;
  b->gpu->event_free(b->device, x->copied);
  if (x->pinned_params || x->pinned_gradients) (void)b->gpu->wait(b->device); /* copies may be under way */
  if (x->pinned_params) b->gpu->unpin(b->device, x->pinned_params);
  if (x->pinned_gradients) b->gpu->unpin(b->device, x->pinned_gradients);
  if (x->updated) gdi_window_free(s, &x->memory);
  free(x->queued);
}

/* ---- gradients, down ---- */

void gdi_host_staged_begin(gd_sync *s) {
  s->gpu->staged.asked = 0;
  s->gpu->staged.failed = GD_OK;
}

static gd_status fetch(const gd_sync *s, int buffer, gd_range r) {
  const gdi_gpu_sync *b = s->gpu;
  const size_t lo = (size_t)r.lo * s->element_bytes;
  char *here = b->staged.gradients_here + (size_t)buffer * gd_params_bytes(s->params);
  return b->gpu->fetch(b->device, GDI_STREAM_EXCHANGE, here + lo, gdi_gpu_sync_buffer(s, buffer) + lo,
                       gdi_bytes_of(s, r));
}

/* In a thread of CUDA's. */
static void arrived(void *user) {
  gdi_host_staged *x = user;
  atomic_fetch_add_explicit(&x->arrived, 1, memory_order_release);
}

/* In a stream of its own, so that the next copy does not wait for that thread. */
static gd_status announce(gdi_gpu_sync *b) {
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_EXCHANGE, b->staged.copied));
  GD_TRY(b->gpu->after(b->device, GDI_STREAM_HOST, b->staged.copied));
  return b->gpu->then(b->device, GDI_STREAM_HOST, arrived, &b->staged);
}

static gd_status all_announced(gdi_gpu_sync *b) {
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_HOST, b->staged.copied));
  return b->gpu->after(b->device, GDI_STREAM_EXCHANGE, b->staged.copied);
}

/*
 * Pieces of the last micro-batch's gradients that lie before `end`; before the first of them the nodes of earlier
 * micro-batches, to which nothing is added any more.
 */
static gd_status fetch_until(gd_sync *s, int64_t end) {
  gdi_host_staged *x = &s->gpu->staged;
  const int last = gdi_micro_batch_buffer(s, s->run.hi - 1);
  if (end < s->elements) end -= (end - x->asked) % x->copy; /* whole copies; the last one may be short */
  if (x->asked >= end) return GD_OK;
  GD_TRY(gdi_gpu_sync_follow(s->gpu));
  for (int i = 0; x->asked == 0 && i < last; i++) GD_TRY(fetch(s, i, (gd_range){0, s->elements}));
  while (x->asked < end) {
    const gd_range r = {x->asked, x->asked + x->copy < end ? x->asked + x->copy : end};
    GD_TRY(fetch(s, last, r));
    if (x->announces) GD_TRY(announce(s->gpu));
    x->asked = r.hi;
  }
  return GD_OK;
}

void gdi_host_staged_ready(void *sync, gd_tensor *leaf) {
  gd_sync *s = sync;
  gdi_host_staged *x = &s->gpu->staged;
  if (!s->early.last_micro_batch || x->failed != GD_OK) return;
  gdi_grad_ready_finish(s, leaf);
  x->failed = fetch_until(s, gdi_grad_ready_end(s));
}

/* This rank's part of the records. */
static size_t first_record(const gd_sync *s) {
  return (size_t)(s->run.lo * GDI_RECORD);
}
static size_t record_bytes(const gd_sync *s) {
  return (size_t)(s->run.hi - s->run.lo) * sizeof(gd_step_stats);
}

gd_status gdi_host_staged_down(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  const gdi_host_staged *x = &b->staged;
  if (s->run.lo == s->run.hi) return GD_OK;
  GD_TRY(x->failed);
  GD_TRY(fetch_until(s, s->elements));
  if (x->announces) GD_TRY(all_announced(b));
  GD_TRY(gdi_gpu_sync_join(b));
  return b->gpu->fetch(b->device, GDI_STREAM_COMPUTE, x->records_here + first_record(s),
                       b->records + first_record(s), record_bytes(s));
}

/* Pass on what arrives until the GPU is done. It is asked now and then only: that thread needs CUDA's locks. */
static gd_status pass_on(gd_sync *s) {
  const gdi_gpu_sync *b = s->gpu;
  bool over = false;
  for (int64_t passed = 0, ask_at = 0; !over;) {
    const int64_t copies = atomic_load_explicit(&b->staged.arrived, memory_order_acquire);
    const int64_t end = copies * b->staged.copy;
    if (copies > passed) {
      GD_TRY(gdi_grad_ready_send(s, end < s->elements ? end : s->elements));
    } else if (gdi_now_ns() >= ask_at) {
      GD_TRY(b->gpu->reached(b->device, b->ready, &over));
      ask_at = gdi_now_ns() + ask_ns;
    }
    passed = copies;
    gd_progress(s->world);
    sched_yield();
  }
  return GD_OK;
}

gd_status gdi_host_staged_arrive(gd_sync *s) {
  gdi_gpu_sync *b = s->gpu;
  GD_TRY(b->gpu->event_record(b->device, GDI_STREAM_COMPUTE, b->ready));
  if (s->run.lo < s->run.hi && b->staged.announces) GD_TRY(pass_on(s));
  GD_TRY(b->gpu->wait_for(b->device,
                          b->ready)); /* the last step's parameters are up, too: others may change them now */
  atomic_store(&b->staged.arrived, 0); /* of the next step: all that was to be announced is */
  memcpy(s->record + first_record(s), b->staged.records_here + first_record(s), record_bytes(s));
  return GD_OK;
}

/* ---- parameters, up ---- */

static gd_status send(const gd_sync *s, gd_range r) {
  const gdi_gpu_sync *b = s->gpu;
  if (r.lo >= r.hi) return GD_OK;
  return b->gpu->send(b->device, GDI_STREAM_COMPUTE, b->params + (size_t)r.lo * s->element_bytes,
                      gdi_param_at(s, r.lo), gdi_bytes_of(s, r));
}

/* What one of the owners has updated: whole copies, and the end of its slice. */
static gd_status send_updated(const gd_sync *s, int64_t owner) {
  const gdi_host_staged *x = &s->gpu->staged;
  const gd_range slice = gdi_slice_of(s, (int)owner);
  const int64_t i = owner - owners(s).lo, before = x->updates * (slice.hi - slice.lo);
  const int64_t end = slice.lo + atomic_load_explicit(&x->updated[i], memory_order_acquire) - before;
  if (end - x->queued[i] < x->copy && end < slice.hi) return GD_OK;
  GD_TRY(send(s, (gd_range){x->queued[i], end}));
  x->queued[i] = end;
  return GD_OK;
}

/* Others wait for this rank at the end of the update: a GPU that fails is known only then, by gdi_host_staged_up(). */
void gdi_host_staged_updated(gd_sync *s, int64_t end) {
  gdi_host_staged *x = &s->gpu->staged;
  const gd_range all = owners(s), slice = s->slice;
  const int64_t before = x->updates * (slice.hi - slice.lo);
  atomic_store_explicit(&x->updated[gd_world_rank(s->world) - all.lo], before + end - slice.lo,
                        memory_order_release);
  for (int64_t r = all.lo; r < all.hi && x->failed == GD_OK; r++) x->failed = send_updated(s, r);
}

static gd_status round_weights(const gdi_gpu_sync *b) {
  return b->rounded ? b->gpu->round(b->device) : GD_OK;
}

gd_status gdi_host_staged_up(gd_sync *s) {
  gdi_host_staged *x = &s->gpu->staged;
  const gd_range all = owners(s);
  GD_TRY(x->failed);
  for (int64_t r = all.lo; r < all.hi; r++)
    GD_TRY(send(s, (gd_range){x->queued[r - all.lo], gdi_slice_of(s, (int)r).hi}));
  GD_TRY(send(s, (gd_range){0, s->group.lo}));
  GD_TRY(send(s, (gd_range){s->group.hi, s->elements}));
  x->updates++;
  begin_up(s);
  return round_weights(s->gpu);
}

gd_status gdi_host_staged_up_all(gd_sync *s) {
  GD_TRY(send(s, (gd_range){0, s->elements}));
  return round_weights(s->gpu);
}

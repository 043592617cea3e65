/* What is sent while backward goes on: the hook that hears which gradients are complete, and the polls
 * without which messages do not move. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "device/device.h"
#include "autograd/autograd.h"
#include "sync/gpu/gpu_sync.h"

static const int64_t poll_ns = 100000;

gd_status gdi_grad_ready_new(gd_sync *s) {
  s->early.finished = calloc((size_t)s->params->n, sizeof *s->early.finished);
  return s->early.finished ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the sync");
}

void gdi_grad_ready_free(gd_sync *s) {
  gdi_listener *l = &s->params->device->listener;
  if (l->pause_user == s) l->pause = NULL, l->pause_user = NULL;
  free(s->early.finished);
}

void gdi_grad_ready_micro_batch(gd_sync *s, int64_t k) {
  gdi_grad_ready *e = &s->early;
  e->last_micro_batch = k + 1 == s->run.hi; /* what its backward finishes is complete */
  e->front = e->expected[0] = 0;
  e->expected[1] = s->params->n_trained;
  memset(e->finished, 0, (size_t)s->params->n * sizeof *e->finished);
}

/* Leaves come in the order of the run, nearly always, statistics in between: look first where the next ones are
 * expected. */
static int index_of(const gdi_grad_ready *e, const gd_params *p, const gd_tensor *leaf) {
  for (int kind = 0; kind < 2; kind++)
    if (e->expected[kind] < p->n && p->item[e->expected[kind]].tensor == leaf) return e->expected[kind];
  for (int i = 0; i < p->n; i++)
    if (p->item[i].tensor == leaf) return i;
  return -1;
}

void gdi_grad_ready_finish(gd_sync *s, const gd_tensor *leaf) {
  gdi_grad_ready *e = &s->early;
  const int n = s->params->n, i = index_of(e, s->params, leaf);
  if (i >= 0) e->finished[i] = true, e->expected[i >= s->params->n_trained] = i + 1;
  while (e->front < n && e->finished[e->front]) e->front++;
}

int64_t gdi_grad_ready_end(const gd_sync *s) {
  return s->early.front < s->params->n ? s->params->offset[s->early.front] : s->elements;
}

static void keep_failure(gd_sync *s, gd_status st) {
  if (s->failed == GD_OK) s->failed = st;
}

void gdi_grad_ready_micro_batch_done(gd_sync *s, int64_t k) {
  gdi_exchange_mark_ready(s, k, s->elements);
  if (!s->o.no_overlap) keep_failure(s, gdi_exchange_send(s));
}

gd_status gdi_grad_ready_send(gd_sync *s, int64_t end) {
  if (s->overlap) return gdi_overlap_start(s, end);
  if (!s->exchange) return GD_OK;
  gdi_exchange_mark_ready(s, s->run.hi - 1, end);
  return gdi_exchange_send(s);
}

static void on_ready(void *sync, gd_tensor *leaf) {
  gd_sync *s = sync;
  if (!s->early.last_micro_batch) return;
  gdi_grad_ready_finish(s, leaf);
  keep_failure(s, gdi_grad_ready_send(s, gdi_grad_ready_end(s)));
  gd_progress(s->world);
}

static void on_pause(void *sync) {
  gd_sync *s = sync;
  if (!s->early.travelling || gdi_now_ns() < s->early.next_poll_ns) return;
  gd_progress(s->world);
  s->early.next_poll_ns = gdi_now_ns() + poll_ns;
}

void gd_sync_attach(gd_sync *s, gd_tape *t) {
  const gdi_gpu_sync *b = s->gpu;
  if (b) {
    gdi_tape_on_grad_ready(t, !b->early ? NULL : b->resident ? gdi_resident_ready : gdi_host_staged_ready, s);
    return;
  }
  const bool early = !s->o.no_overlap && (s->overlap || s->exchange);
  gd_tape_on_grad_ready(t, early ? on_ready : NULL, s);
  if (!early) return;
  s->params->device->listener.pause = on_pause;
  s->params->device->listener.pause_user = s;
}

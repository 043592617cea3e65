/*
 * Waiting for NCCL, and giving up. Nothing here blocks: the state of the communicator is asked for again and
 * again, against the clock. Where waiting has no end, NCCL's abort is called by a thread of its own, because
 * it can hang as well, and must not be inside of a group of this one.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "comm/nccl_comm.h"

enum { SPIN_NS = 50000, LONGEST_PAUSE_NS = 200000 };

/* The last operation in words. */
static const char *tell(gdi_nccl *x) {
  char *text = x->what;
  const size_t bytes = sizeof x->what;
  const long long n = x->last.n;
  const int gpu = x->device->index, peer = x->last.peer;
  switch (x->last.act) {
  case GDI_NCCL_ACT_START: snprintf(text, bytes, "the start of NCCL on GPU %d", gpu); break;
  case GDI_NCCL_ACT_SUM: snprintf(text, bytes, "NCCL's sum of %lld values on GPU %d", n, gpu); break;
  case GDI_NCCL_ACT_BROADCAST:
    snprintf(text, bytes, "NCCL's broadcast of %lld bytes from rank %d on GPU %d", n, peer, gpu);
    break;
  case GDI_NCCL_ACT_SEND:
    snprintf(text, bytes, "NCCL's send of %lld bytes to rank %d on GPU %d", n, peer, gpu);
    break;
  case GDI_NCCL_ACT_RECEIVE:
    snprintf(text, bytes, "NCCL's receive of %lld bytes from rank %d on GPU %d", n, peer, gpu);
    break;
  case GDI_NCCL_ACT_MEMORY: snprintf(text, bytes, "memory of %lld bytes for NCCL on GPU %d", n, gpu); break;
  case GDI_NCCL_ACT_END: snprintf(text, bytes, "the end of NCCL on GPU %d", gpu); break;
  }
  return text;
}

/* ---- giving up ---- */

static void *abort_comm(void *user) {
  gdi_nccl *x = user;
  (void)x->nccl->CommAbort(x->comm);
  atomic_store(&x->ended, true);
  return NULL;
}

static void end_process(const char *why) {
  dprintf(STDERR_FILENO, "gdtrain: error: %s; NCCL does not let go of it: ending with exit code %d\n", why,
          gd_status_exit_code(GD_ERR_COMM));
  _exit(gd_status_exit_code(GD_ERR_COMM));
}

/*
 * After it the work that hung in the streams is done, if not well. NCCL keeps a communicator, and its abort, until
 * no graph has work of it. They are ended once the abort is under way, for only that ends a replay that hangs.
 */
static void abort_within_grace(gdi_nccl *x) {
  const gd_error cause = *gd_error_last();
  const int64_t until = gdi_now_ns() + (int64_t)(gdi_grace_s(x->world) * 1e9);
  pthread_t thread;
  if (gdi_thread_start(&thread, abort_comm, x, "end NCCL") != GD_OK) end_process(cause.message);
  gdi_watch(&x->world->watchdog, "the end of recorded work");
  x->device->gpu->graphs_end(x->device);
  gdi_unwatch(&x->world->watchdog);
  while (!atomic_load(&x->ended) && gdi_now_ns() < until) nanosleep(&(struct timespec){0, 1000000}, NULL);
  if (!atomic_load(&x->ended)) end_process(cause.message);
  pthread_join(thread, NULL);
  x->comm = NULL;
}

/* After an error of the GPU its context is gone: no call would help, and any may hang. The ranks still hear
 * each other. */
gd_status gdi_nccl_give_up(gdi_nccl *x, gd_status st) {
  gdi_waiting(x->world, false, NULL);
  if (st != GD_ERR_GPU) x->world->broken = true;
  if (!x->lost && x->comm && st != GD_ERR_GPU) abort_within_grace(x);
  x->lost = true;
  (void)x->device->gpu->wait_hook(x->device, NULL, NULL); /* nothing hangs any more */
  return st;
}

static gd_status failed(gdi_nccl *x, unsigned code) {
  const char *detail = x->nccl->GetLastError(x->comm);
  const int length = detail ? (int)strcspn(detail, "\n") : 0;
  return gdi_nccl_give_up(x, GD_FAIL(GD_ERR_COMM, "%s failed: %.100s%s%.*s", tell(x),
                                     x->nccl->GetErrorString(code), length ? ": " : "",
                                     length < 200 ? length : 200, detail ? detail : ""));
}

static gd_status overdue(gdi_nccl *x) {
  gd_world *w = x->world;
  gd_status st = w->size > 1 ? gdi_roll_call(w, tell(x))
                             : GD_FAIL(GD_ERR_COMM, "%s did not finish within %g s", tell(x), w->deadline_s);
  return gdi_nccl_give_up(x, st);
}

/* ---- waiting ---- */

/* Is it done: is the communicator ready, and the mark, if there is one, reached? */
static gd_status look(gdi_nccl *x, gdi_event *m, bool *done) {
  unsigned state = GDI_NCCL_IN_PROGRESS;
  *done = true;
  if (m) {
    gd_status st = x->device->gpu->reached(x->device, m, done);
    if (st != GD_OK) return gdi_nccl_give_up(x, st);
  }
  const unsigned answer = x->nccl->CommGetAsyncError(x->comm, &state);
  if (answer != GDI_NCCL_SUCCESS) return failed(x, answer);
  if (state != GDI_NCCL_SUCCESS && state != GDI_NCCL_IN_PROGRESS) return failed(x, state);
  *done = *done && state == GDI_NCCL_SUCCESS;
  return GD_OK;
}

/* At first not at all, then longer the longer it lasts; messages of MPI move meanwhile. */
static void pause_after(gd_world *w, int64_t waited_ns) {
  if (waited_ns < SPIN_NS && !w->crowded) return;
  const int64_t ns = waited_ns / 8;
  gd_progress(w);
  nanosleep(&(struct timespec){0, ns < LONGEST_PAUSE_NS ? ns : LONGEST_PAUSE_NS}, NULL);
}

static gd_status await(gdi_nccl *x, gdi_event *m) {
  gd_world *w = x->world;
  bool done;
  GD_TRY(look(x, m, &done));
  if (done) return GD_OK;
  gdi_waiting(w, true, tell(x));
  for (const int64_t start = gdi_now_ns(); !done;) {
    const int64_t waited = gdi_now_ns() - start;
    if (waited > (int64_t)(w->deadline_s * 1e9)) return overdue(x);
    pause_after(w, waited);
    GD_TRY(look(x, m, &done));
  }
  gdi_waiting(w, false, NULL);
  return GD_OK;
}

gd_status gdi_nccl_settle(gdi_nccl *x, unsigned answer) {
  gdi_unwatch(&x->world->watchdog);
  if (answer != GDI_NCCL_SUCCESS && answer != GDI_NCCL_IN_PROGRESS) return failed(x, answer);
  return x->grouped ? GD_OK : await(x, NULL);
}

gd_status gdi_nccl_wait(gdi_nccl *x, gdi_event *m) {
  return x->lost ? GD_ERR_COMM : await(x, m);
}

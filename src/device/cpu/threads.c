#include "base/thread.h"
#include "device/cpu/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 2000 }; /* some 50 us before a thread goes to sleep */

typedef struct pool {
  gdi_chunk body;
  void *context;
  int64_t n, grain;

  /*
   * Number of chunks << 32 | next chunk. One atomic add claims a chunk and tells whether there is one. Only a
   * thread that got a chunk may look at the job, which stays as it is until `done` counts that chunk.
   */
  _Alignas(GD_ALIGN) _Atomic uint64_t ticket;
  _Alignas(GD_ALIGN) _Atomic int64_t done;
  _Alignas(GD_ALIGN) _Atomic uint32_t jobs; /* started so far: what sleepers wait for */
  _Atomic bool stop;
  _Atomic int sleepers;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int n_workers;
  pthread_t worker[];
} pool;

static void relax(void) {
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#endif
}

static void tell_pause(const gdi_listener *l) {
  if (l && l->pause) l->pause(l->pause_user);
}

/* `listener`: only for the thread that submitted the job; called after each of its chunks. */
static void work(pool *p, const gdi_listener *listener) {
  for (;;) {
    uint64_t claim = atomic_fetch_add(&p->ticket, 1);
    int64_t chunks = (int64_t)(claim >> 32), i = (int64_t)(claim & UINT32_MAX);
    if (i >= chunks) return;
    int64_t lo = i * p->grain, hi = p->n - lo < p->grain ? p->n : lo + p->grain;
    p->body(p->context, lo, hi);
    atomic_fetch_add(&p->done, 1);
    tell_pause(listener);
  }
}

/* Returns the number of jobs started, once it is no longer `seen`. */
static uint32_t await_job(pool *p, uint32_t seen) {
  for (int i = 0; i < SPINS; i++, relax())
    if (atomic_load(&p->jobs) != seen) return atomic_load(&p->jobs);
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add(&p->sleepers, 1);
  while (atomic_load(&p->jobs) == seen) pthread_cond_wait(&p->wake, &p->lock);
  atomic_fetch_sub(&p->sleepers, 1);
  pthread_mutex_unlock(&p->lock);
  return atomic_load(&p->jobs);
}

static void announce(pool *p) {
  atomic_fetch_add(&p->jobs, 1);
  if (atomic_load(&p->sleepers) == 0) return; /* a thread about to sleep sees the new number first */
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

static void *worker(void *argument) {
  pool *p = argument;
  for (uint32_t seen = 0; !atomic_load(&p->stop);) {
    seen = await_job(p, seen);
    work(p, NULL);
  }
  return NULL;
}

void gdi_parallel(gd_device *d, int64_t n, int64_t grain, gdi_chunk body, void *context) {
  pool *p = d->impl;
  if (!p || n <= grain) {
    for (int64_t lo = 0; lo < n; lo += grain) {
      body(context, lo, n - lo < grain ? n : lo + grain);
      tell_pause(&d->listener);
    }
    return;
  }
  int64_t chunks = (n - 1) / grain + 1;
  p->body = body, p->context = context, p->n = n, p->grain = grain;
  atomic_store(&p->done, 0);
  atomic_store(&p->ticket, (uint64_t)chunks << 32);
  announce(p);
  work(p, &d->listener);
  for (int i = 0; atomic_load(&p->done) < chunks; i++) {
    if (i < SPINS)
      relax();
    else
      sched_yield(); /* who holds the last chunk may be waiting for this core */
  }
}

gd_status gdi_threads_start(gd_device *d) {
  d->impl = NULL;
  if (d->threads <= 1) return GD_OK;
  size_t bytes = sizeof(pool) + (size_t)(d->threads - 1) * sizeof(pthread_t);
  pool *p = aligned_alloc(GD_ALIGN, (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN);
  if (!p) return GD_FAIL(GD_ERR_OOM, "no memory for %d threads", d->threads);
  atomic_init(&p->ticket, 0);
  atomic_init(&p->done, 0);
  atomic_init(&p->jobs, 0);
  atomic_init(&p->stop, false);
  atomic_init(&p->sleepers, 0);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  p->n_workers = 0;
  d->impl = p;
  while (p->n_workers < d->threads - 1) {
    gd_status st = gdi_thread_start(&p->worker[p->n_workers], worker, p, "compute: set fewer --threads");
    if (st != GD_OK) {
      gdi_threads_stop(d);
      return st;
    }
    p->n_workers++;
  }
  return GD_OK;
}

void gdi_threads_stop(gd_device *d) {
  pool *p = d->impl;
  if (!p) return;
  atomic_store(&p->stop, true);
  announce(p);
  for (int i = 0; i < p->n_workers; i++) pthread_join(p->worker[i], NULL);
  pthread_cond_destroy(&p->wake);
  pthread_mutex_destroy(&p->lock);
  free(p);
  d->impl = NULL;
}

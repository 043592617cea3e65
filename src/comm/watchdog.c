/*
 * The last resort against a hang: a thread that calls neither MPI nor anything that can block, and ends the
 * process when the main thread has been inside one wait for too long. Waits have deadlines of their own, so
 * this is for calls that do not come back.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/thread.h"
#include "comm/world.h"

enum { TICK_MS = 100 };

static void *guard(void *user) {
  gdi_watchdog *d = user;
  pthread_mutex_lock(&d->mutex);
  while (!d->stop) {
    int64_t tick = gdi_now_ns() + TICK_MS * 1000000;
    struct timespec until = {tick / 1000000000, tick % 1000000000};
    pthread_cond_timedwait(&d->changed, &d->mutex, &until);
    int64_t expires = atomic_load(&d->expires_ns);
    if (expires == 0 || gdi_now_ns() < expires) continue;
    dprintf(STDERR_FILENO,
            "gdtrain: rank %d on host %s: stuck in %s for more than %.1f s; ending with exit code %d\n",
            d->rank, d->host, atomic_load(&d->what), d->limit_s, gd_status_exit_code(GD_ERR_COMM));
    _exit(gd_status_exit_code(GD_ERR_COMM));
  }
  pthread_mutex_unlock(&d->mutex);
  return NULL;
}

gd_status gdi_watchdog_start(gdi_watchdog *d, double limit_s) {
  d->limit_s = limit_s;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&d->mutex, NULL);
  pthread_cond_init(&d->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  GD_TRY(gdi_thread_start(&d->thread, guard, d, "guard against hangs"));
  d->running = true;
  return GD_OK;
}

void gdi_watchdog_stop(gdi_watchdog *d) {
  if (!d->running) return;
  pthread_mutex_lock(&d->mutex);
  d->stop = true;
  pthread_cond_signal(&d->changed);
  pthread_mutex_unlock(&d->mutex);
  pthread_join(d->thread, NULL);
  pthread_mutex_destroy(&d->mutex);
  pthread_cond_destroy(&d->changed);
  d->running = false;
}

void gdi_watch(gdi_watchdog *d, const char *what) {
  if (!d->running) return;
  atomic_store(&d->what, what);
  atomic_store(&d->expires_ns, gdi_now_ns() + (int64_t)(d->limit_s * 1e9));
}

void gdi_unwatch(gdi_watchdog *d) {
  atomic_store(&d->expires_ns, 0);
}

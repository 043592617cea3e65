/*
 * The barrier of a group: a counter and a generation in shared memory. A waiting rank looks for a moment and
 * then sleeps in the kernel, at once when ranks outnumber cores.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "comm/world.h"

enum { LOOK_NS = 200000, LOOKS = 100 };

static void pause_core(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool passed(gdi_control *c, uint32_t generation) {
  return atomic_load_explicit(&c->generation, memory_order_acquire) == generation;
}

static bool look(gdi_control *c, uint32_t generation) {
  for (int64_t until = gdi_now_ns() + LOOK_NS; gdi_now_ns() < until;)
    for (int i = 0; i < LOOKS; i++, pause_core())
      if (passed(c, generation)) return true;
  return false;
}

static bool sleep_until(gdi_control *c, uint32_t generation, int64_t until_ns) {
  const struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
  atomic_fetch_add(&c->sleepers, 1);
  while (!passed(c, generation)) {
    long failed = syscall(SYS_futex, &c->generation, FUTEX_WAIT_BITSET, generation - 1, &until, NULL,
                          FUTEX_BITSET_MATCH_ANY);
    if (failed && errno == ETIMEDOUT) break;
  }
  atomic_fetch_sub(&c->sleepers, 1);
  return passed(c, generation);
}

/* Which ranks are late? With `excuse` not those that wait for another group: they report its ranks. */
static bool find_missing(gd_world *w, uint32_t generation, bool excuse, bool *missing) {
  bool any = false;
  for (int64_t r = w->mine.lo; r < w->mine.hi; r++) {
    gdi_member *m = &w->control->member[r - w->mine.lo];
    missing[r] = atomic_load(&m->arrived) != generation && !(excuse && atomic_load(&m->in_messages));
    any |= missing[r];
  }
  return any;
}

static gd_status sleep_with_deadline(gd_world *w, uint32_t generation) {
  int64_t until = gdi_now_ns() + (int64_t)(w->deadline_s * 1e9);
  if (sleep_until(w->control, generation, until)) return GD_OK;
  bool *missing = calloc((size_t)w->size, sizeof *missing);
  if (!missing) return GD_FAIL(GD_ERR_OOM, "no memory to tell which rank is missing");
  gd_status st = GD_OK;
  if (find_missing(w, generation, true, missing) ||
      !sleep_until(w->control, generation, until + (int64_t)(2 * gdi_grace_s(w) * 1e9))) {
    if (!find_missing(w, generation, true, missing)) find_missing(w, generation, false, missing);
    st = gdi_lost(w, missing, "a barrier");
  }
  free(missing);
  return st;
}

gd_status gd_group_barrier(gd_world *w) {
  if (w->broken) return GD_ERR_COMM;
  gdi_control *c = w->control;
  if (!c) return GD_OK;
  const uint32_t generation = ++w->epoch, members = (uint32_t)(w->mine.hi - w->mine.lo);
  atomic_store_explicit(&c->member[w->rank - w->mine.lo].arrived, generation, memory_order_relaxed);
  if (atomic_fetch_add(&c->count, 1) + 1 == members) {
    atomic_store(&c->count, 0);
    atomic_store(&c->generation, generation);
    if (atomic_load(&c->sleepers) > 0) syscall(SYS_futex, &c->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return GD_OK;
  }
  if (!w->crowded && look(c, generation)) return GD_OK;
  return sleep_with_deadline(w, generation);
}

gd_status gd_world_barrier(gd_world *w) {
  if (w->groups == 1) return gd_group_barrier(w);
  if (w->broken) return GD_ERR_COMM;
  MPI_Request r;
  GDI_TRY_MPI(w, MPI_Ibarrier(w->comm, &r), "a barrier");
  return gdi_mpi_wait(w, &r, "a barrier");
}

/*
 * The threads of a rank. Work is cut into chunks whose bounds depend on the work alone, never on how many
 * threads there are or which of them takes which: so a kernel that computes each chunk by itself gives equal
 * bits on any number of threads.
 *
 * A small pool of our own instead of OpenMP regions, because it must not burn a core that another rank needs
 * (libgomp's waiting is set by the environment only), and because a job must not wait for a thread that is
 * not running: chunks are claimed one by one, so a late thread finds nothing left and costs nothing.
 */
#ifndef GDI_CPU_THREADS_H
#define GDI_CPU_THREADS_H

#include "device/device.h"

/* A grain for element-wise loops, in elements: well above what it costs to wake a thread. */
enum { GDI_GRAIN = 16384 };

/* Computes the items [lo, hi): one chunk. Runs on any thread, so it must not allocate from an arena. */
typedef void (*gdi_chunk)(void *context, int64_t lo, int64_t hi);

/*
 * body(context, lo, hi) for the chunks [0, grain), [grain, 2 grain) ... of n items; returns when all are
 * done. Work of one chunk, and any work on a device of one thread, is a plain loop. Not to be nested.
 */
void gdi_parallel(gd_device *d, int64_t n, int64_t grain, gdi_chunk body, void *context);

/* The grain that makes chunks of about GDI_GRAIN elements from items of `width` elements each. */
static inline int64_t gdi_row_grain(int64_t width) {
  return width >= GDI_GRAIN ? 1 : width < 1 ? GDI_GRAIN : GDI_GRAIN / width;
}

/* Starts d->threads - 1 threads, kept in d->impl. gdi_cpu_open() calls it, d->close() calls the other. */
gd_status gdi_threads_start(gd_device *d) GD_CHECKED;
void gdi_threads_stop(gd_device *d);

#endif

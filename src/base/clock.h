/* The clock that only goes forward. */
#ifndef GDI_BASE_CLOCK_H
#define GDI_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t gdi_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Seconds, for differences. */
static inline double gdi_now(void) {
  return 1e-9 * (double)gdi_now_ns();
}

#endif

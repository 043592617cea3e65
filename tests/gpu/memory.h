/* A GPU beside a CPU, and arrays in its memory, for tests of kernels without a tape. */
#ifndef GD_GPU_MEMORY_H
#define GD_GPU_MEMORY_H

#include <stdlib.h>
#include <string.h>

#include "device/gpu.h"
#include "gd/gd.h"
#include "normals.h"
#include "test.h"

static gd_device *cpu, *gpu;
static gd_arena *memory, *host; /* of the GPU; of the host */

/* 0; 77, for a test that is skipped, where there is no GPU. */
static int open_gpu(void) {
  gd_device_options o = {.kind = GD_CUDA, .threads = 1};
  if (gd_device_open(&gpu, &o) != GD_OK) {
    fprintf(stderr, "skipped: %s\n", gd_error_last()->message);
    return 77;
  }
  o.kind = GD_CPU;
  if (gd_device_open(&cpu, &o) != GD_OK || gd_arena_new(&host, "test") != GD_OK) return 1;
  return gdi_arena_new_over(&memory, "test on a GPU", &gpu->memory) == GD_OK ? 0 : 1;
}

static void close_gpu(void) {
  gd_arena_free(memory);
  gd_arena_free(host);
  gd_device_close(gpu);
  gd_device_close(cpu);
}

/* Before every test: what the last one made is forgotten. */
static int forget(void **state) {
  (void)state;
  gd_arena_reset(memory);
  gd_arena_reset(host);
  return 0;
}

/* A copy on the GPU. */
static inline void *up(const void *from, size_t bytes) {
  void *to = gd_arena_alloc(memory, bytes + 16);
  assert_non_null(to);
  assert_ok(gpu->upload(gpu, to, from, bytes));
  return to;
}

static inline void down(void *to, const void *from, size_t bytes) {
  assert_ok(gpu->download(gpu, to, from, bytes));
}

/* n normal values of f32 or f64 in memory of the host. */
static inline void *normal(gd_dtype type, uint64_t stream, int64_t n) {
  void *x = gd_arena_alloc(host, (size_t)(n + 1) * sizeof(double));
  const double *v = normals(5, stream, n);
  for (int64_t i = 0; i < n; i++)
    if (type == GD_F64)
      ((double *)x)[i] = v[i];
    else
      ((float *)x)[i] = (float)v[i];
  return x;
}

#endif

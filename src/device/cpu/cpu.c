/* The CPU as a device: host memory. */
#include "device/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

#include "device/convert.h"
#include "device/cpu/gemm.h"
#include "device/cpu/threads.h"

gd_status gdi_scratch(gd_device *d, int64_t n, size_t element_bytes, void **out) {
  *out = gd_arena_alloc(d->scratch, (size_t)n * element_bytes);
  return *out ? GD_OK : GD_ERR_OOM;
}

static gd_status copy(gd_device *d, void *to, const void *from, size_t bytes) {
  (void)d;
  memcpy(to, from, bytes);
  return GD_OK;
}

static gd_status zero(gd_device *d, void *to, size_t bytes) {
  (void)d;
  memset(to, 0, bytes);
  return GD_OK;
}

/* Convert once, then double what is there. */
static gd_status fill(gd_device *d, gd_dtype type, void *to, int64_t n, double value) {
  (void)d;
  const size_t e = gd_dtype_bytes(type), bytes = (size_t)n * e;
  if (n == 0) return GD_OK;
  gdi_convert(type, to, GD_F64, &value, 1);
  for (size_t done = e; done < bytes; done *= 2)
    memcpy((char *)to + done, to, done < bytes - done ? done : bytes - done);
  return GD_OK;
}

typedef struct addition {
  void *to;
  const void *from;
} addition;

#define ADD(type)                                                                                            \
  static void add_##type(void *context, int64_t lo, int64_t hi) {                                            \
    const addition *a = context;                                                                             \
    type *to = a->to;                                                                                        \
    const type *from = a->from;                                                                              \
    for (int64_t i = lo; i < hi; i++) to[i] += from[i];                                                      \
  }
ADD(float)
ADD(double)

static gd_status accumulate(gd_device *d, gd_dtype type, void *to, const void *from, int64_t n) {
  gdi_parallel(d, n, GDI_GRAIN, type == GD_F64 ? add_double : add_float, &(addition){to, from});
  return GD_OK;
}

static void close_cpu(gd_device *d) {
  gdi_threads_stop(d);
  gd_arena_free(d->scratch);
}

/* The processor's own name, as the kernel tells it. */
static void model_name(char *name, size_t bytes) {
  snprintf(name, bytes, "CPU");
  FILE *f = fopen("/proc/cpuinfo", "r");
  if (!f) return;
  for (char line[256]; fgets(line, sizeof line, f);) {
    char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !value) continue;
    value[strcspn(value, "\n")] = 0;
    snprintf(name, bytes, "%s", value + 2);
    break;
  }
  fclose(f);
}

/* Without the number of threads, which does not change the bits. */
static void describe(gd_device *d) {
  char name[64];
  model_name(name, sizeof name);
  snprintf(d->description, sizeof d->description, "%s, %s", name, gdi_gemm_describe());
}

gd_status gdi_cpu_open(gd_device *d, const gd_device_options *o) {
  (void)o;
  d->memory = gdi_host_memory;
  d->upload = d->download = d->copy = copy;
  d->zero = zero;
  d->fill = fill;
  d->accumulate = accumulate;
  d->close = close_cpu;
  d->layer_seconds = gdi_cpu_layer_seconds;
  GD_TRY(gd_arena_new(&d->scratch, "scratch"));
  gd_status st = gdi_threads_start(d);
  if (st == GD_OK)
    describe(d);
  else
    gd_arena_free(d->scratch);
  return st;
}

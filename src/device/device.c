/* Opening and closing devices. */
#include "device/gpu.h"

#include <stdlib.h>

static gd_status make_one(gd_device *d) {
  const struct {
    double f64;
    float f32;
  } one = {1, 1};
  d->one = d->memory.take(d->memory.user, GD_ALIGN); /* the least there is, and enough */
  if (!d->one) return GD_FAIL(GD_ERR_OOM, "no memory for a device");
  return d->upload(d, d->one, &one, sizeof one);
}

gd_status gd_device_open(gd_device **out, const gd_device_options *options) {
  static const gd_device_options usual = {.kind = GD_CPU, .threads = 1};
  *out = NULL;
  if (!options) options = &usual;
  if (options->threads < 1)
    return GD_FAIL(GD_ERR_USAGE, "a device needs at least 1 thread, not %d", options->threads);
#ifndef GD_WITH_CUDA
  if (options->kind != GD_CPU)
    return GD_FAIL(GD_ERR_GPU,
                   "no GPU can be used: this build has no CUDA; configure with -DGD_CUDA=ON where nvcc is");
#endif
  if (options->kind == GD_CPU && options->matmul == GD_MATMUL_TF32)
    return GD_FAIL(GD_ERR_USAGE, "tf32 is a precision of GPUs: use fp32 or bf16 on the CPU");
  gd_device *d = calloc(1, sizeof *d);
  if (!d) return GD_FAIL(GD_ERR_OOM, "no memory for a device");
  d->kind = options->kind;
  d->index = options->index;
  d->threads = options->threads;
  d->matmul = options->matmul;
  gd_status st = GD_OK;
#ifdef GD_WITH_CUDA
  if (options->kind == GD_CUDA) st = gdi_cuda_open(d, options);
#endif
  if (options->kind == GD_CPU) st = gdi_cpu_open(d, options);
  if (st != GD_OK) {
    free(d);
    return st;
  }
  st = make_one(d);
  if (st == GD_OK)
    *out = d;
  else
    gd_device_close(d);
  return st;
}

int gd_device_gpus(void) {
#ifdef GD_WITH_CUDA
  return gdi_cuda_count();
#else
  return 0;
#endif
}

void gd_device_close(gd_device *d) {
  if (!d) return;
  if (d->one) d->memory.give(d->memory.user, d->one);
  d->close(d);
  free(d);
}

gd_status gdi_gpu_cause(gd_device *d, gd_status st) {
  if (st != GD_ERR_OOM || !d->gpu) return st;
  const gd_error oom = *gd_error_last();
  gd_status broken = d->gpu->wait(d);
  return broken != GD_OK ? broken : gd_error_adopt(&oom);
}

const char *gd_device_kind_name(gd_device_kind kind) {
  return kind == GD_CPU ? "cpu" : "cuda";
}
gd_device_kind gd_device_kind_of(const gd_device *d) {
  return d->kind;
}
int gd_device_threads(const gd_device *d) {
  return d->threads;
}
const char *gd_device_describe(const gd_device *d) {
  return d->description;
}

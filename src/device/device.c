/* Opening and closing devices, and the few things about tensors that kernels need too. */
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
  *out = NULL;
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

gd_device_kind gd_device_kind_of(const gd_device *d) {
  return d->kind;
}
int gd_device_threads(const gd_device *d) {
  return d->threads;
}
const char *gd_device_describe(const gd_device *d) {
  return d->description;
}

const char *gdi_op_name(gdi_op op) {
  static const char *const names[GDI_OPS] = {
#define GDI_OP(name, prints, shape, family) [GDI_OP_##name] = #name,
#include "device/ops.def"
  };
  return names[op];
}

gd_status gdi_tensor_make(gd_tensor **out, gd_arena *a, gd_device *d, gd_dtype type, int ndim,
                          const int64_t shape[], void *data) {
  gd_tensor *t = gd_arena_alloc(a, sizeof *t);
  *out = t;
  if (!t) return GD_ERR_OOM;
  *t = (gd_tensor){.data = data, .ndim = ndim, .dtype = type, .device = d, .arena = a};
  for (int i = 0; i < ndim; i++) t->shape[i] = shape[i];
  if (!data) t->data = gdi_arena_beside(a, &d->memory, gd_tensor_bytes(t));
  if (t->data) return GD_OK;
  *out = NULL;
  return GD_ERR_OOM;
}

gd_status gdi_node_temporary(gd_tensor **out, gd_node *n, gd_dtype type, int ndim, const int64_t shape[]) {
  return gdi_tensor_make(out, n->arena, n->in[0]->device, type, ndim, shape, NULL);
}

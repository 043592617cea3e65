/* Parameters and statistics of a model as one flat run of memory. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "device/device.h"
#include "gd/params.h"
#include "gd/partition.h"
#include "nn/params.h"

/* What the public struct does not show. */
typedef struct flat {
  gd_params public;
  gd_arena *arena;
  void **home;      /* [n] where each parameter lived before */
  gd_tensor **grad; /* [n] views into the run of gradients */
} flat;

static int64_t aligned(const gd_params *p, int64_t elements) {
  const int64_t unit = GD_ALIGN / (int64_t)gd_dtype_bytes(p->dtype);
  return (elements + unit - 1) / unit * unit;
}

static gd_status plan(flat *f, const gd_params_options *o) {
  gd_params *p = &f->public;
  GD_TRY(gdi_module_check_names(p->module));
  GD_TRY(gdi_params_list(p, f->arena, o));
  const size_t n = (size_t)p->n;
  p->offset = gd_arena_alloc(f->arena, n * sizeof *p->offset);
  f->home = gd_arena_alloc(f->arena, n * sizeof *f->home);
  f->grad = gd_arena_alloc(f->arena, n * sizeof *f->grad);
  if (!p->offset || !f->home || !f->grad) return GD_ERR_OOM;
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    if (i == p->n_trained) p->elements = (p->elements + GD_BLOCK - 1) / GD_BLOCK * GD_BLOCK;
    f->home[i] = t->data;
    GD_TRY(gd_tensor_over(&f->grad[i], f->arena, t->device, t->dtype, t->ndim, t->shape, t->data));
    p->offset[i] = p->elements;
    p->elements += aligned(p, gd_numel(t));
    if (i < p->n_trained) p->trainable += gd_numel(t);
  }
  p->elements = (p->elements + 15) / 16 * 16;
  p->trained = p->n > p->n_trained ? p->offset[p->n_trained] : p->elements;
  return GD_OK;
}

gd_status gd_params_new_with(gd_params **out, gd_module *m, const gd_params_options *o) {
  *out = NULL;
  flat *f = calloc(1, sizeof *f);
  if (!f) return GD_FAIL(GD_ERR_OOM, "no memory for the list of parameters");
  f->public = (gd_params){.module = m, .device = m->device, .dtype = m->dtype};
  gd_status st = gd_arena_new(&f->arena, "parameter list");
  if (st == GD_OK) st = plan(f, o);
  if (st != GD_OK) {
    gd_params_free(&f->public);
    return st;
  }
  *out = &f->public;
  return GD_OK;
}

gd_status gd_params_new(gd_params **out, gd_module *m) {
  return gd_params_new_with(out, m, &(gd_params_options){0});
}

void gd_params_free(gd_params *p) {
  if (!p) return;
  flat *f = (flat *)p;
  for (int i = 0; f->grad && i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    if (t->grad == f->grad[i]) t->grad = NULL, t->has_grad = false;
  }
  for (int i = 0; i < p->n_frozen; i++)
    if (gd_require_grad(p->frozen[i].tensor, true) != GD_OK) gd_error_clear(); /* it did before */
  gd_arena_free(f->arena);
  free(f);
}

size_t gd_params_bytes(const gd_params *p) {
  return (size_t)p->elements * gd_dtype_bytes(p->dtype);
}

static char *place(const gd_params *p, void *run, int i) {
  return (char *)run + (size_t)p->offset[i] * gd_dtype_bytes(p->dtype);
}

gd_status gd_params_bind(gd_params *p, void *memory, bool copy) {
  const flat *f = (const flat *)p;
  if (memory == p->data) return GD_OK;
  if (memory && copy) GD_TRY(p->device->zero(p->device, memory, gd_params_bytes(p)));
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    void *to = memory ? place(p, memory, i) : f->home[i];
    if (copy) GD_TRY(p->device->copy(p->device, to, t->data, gd_tensor_bytes(t)));
    t->data = to;
  }
  p->data = memory;
  return GD_OK;
}

void gd_params_bind_grads(gd_params *p, void *memory) {
  const flat *f = (const flat *)p;
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    f->grad[i]->data = place(p, memory, i);
    t->grad = f->grad[i];
    t->has_grad = false;
  }
}

gd_status gd_params_finish_grads(gd_params *p) {
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    if (t->has_grad || !t->grad) continue;
    GD_TRY(p->device->zero(p->device, t->grad->data, gd_tensor_bytes(t->grad)));
    t->has_grad = true;
  }
  return GD_OK;
}

/* All parameters of a model as one flat run of memory. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "device/device.h"
#include "gd/nn.h"

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

static gd_status plan(flat *f) {
  gd_params *p = &f->public;
  const size_t n = (size_t)p->n;
  p->item = gd_arena_alloc(f->arena, n * sizeof *p->item);
  p->offset = gd_arena_alloc(f->arena, n * sizeof *p->offset);
  f->home = gd_arena_alloc(f->arena, n * sizeof *f->home);
  f->grad = gd_arena_alloc(f->arena, n * sizeof *f->grad);
  if (!p->item || !p->offset || !f->home || !f->grad) return GD_ERR_OOM;
  gd_module_params(p->module, p->item, p->n);
  for (int i = 0, j = p->n - 1; i < j; i++, j--) { /* backward finishes the last registered first */
    gd_named swap = p->item[i];
    p->item[i] = p->item[j];
    p->item[j] = swap;
  }
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    f->home[i] = t->data;
    GD_TRY(gd_tensor_over(&f->grad[i], f->arena, t->device, t->dtype, t->ndim, t->shape, t->data));
    p->offset[i] = p->elements;
    p->elements += aligned(p, gd_numel(t));
    p->trainable += gd_numel(t);
  }
  p->elements = (p->elements + 15) / 16 * 16;
  return GD_OK;
}

gd_status gd_params_new(gd_params **out, gd_module *m) {
  *out = NULL;
  const int n = gd_module_params(m, NULL, 0);
  if (n == 0) return GD_FAIL(GD_ERR_USAGE, "the model (%s) has no parameters to train", m->cls->name);
  flat *f = calloc(1, sizeof *f);
  if (!f) return GD_FAIL(GD_ERR_OOM, "no memory for the list of parameters");
  f->public = (gd_params){.module = m, .device = m->device, .dtype = m->dtype, .n = n};
  gd_status st = gd_arena_new(&f->arena, "parameter list");
  if (st == GD_OK) st = plan(f);
  if (st != GD_OK) {
    gd_params_free(&f->public);
    return st;
  }
  *out = &f->public;
  return GD_OK;
}

void gd_params_free(gd_params *p) {
  if (!p) return;
  flat *f = (flat *)p;
  for (int i = 0; f->grad && i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    if (t->grad == f->grad[i]) t->grad = NULL, t->has_grad = false;
  }
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

/* ---- the digest ---- */

static int by_name(const void *a, const void *b) {
  return strcmp((*(gd_named *const *)a)->name, (*(gd_named *const *)b)->name);
}

/* Hash the parameters in this order, each copied to `host` first. */
static gd_status hash(gd_sha256 *h, gd_named *const item[], int n, void *host) {
  for (int i = 0; i < n; i++) {
    const gd_tensor *t = item[i]->tensor;
    GD_TRY(t->device->download(t->device, host, t->data, gd_tensor_bytes(t)));
    gdi_sha256_array(h, item[i]->name, t->dtype, t->ndim, t->shape, host);
  }
  return GD_OK;
}

gd_status gd_params_digest(const gd_params *p, gd_digest *out) {
  gd_named **item = malloc((size_t)p->n * sizeof *item);
  void *host = malloc(gd_params_bytes(p));
  gd_status st = item && host ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to hash the parameters");
  if (st == GD_OK) {
    for (int i = 0; i < p->n; i++) item[i] = &p->item[i];
    qsort(item, (size_t)p->n, sizeof *item, by_name);
    gd_sha256 h;
    gd_sha256_init(&h);
    st = hash(&h, item, p->n, host);
    *out = gd_sha256_end(&h);
  }
  free(item);
  free(host);
  return st;
}

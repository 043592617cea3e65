/* All parameters of a model as one flat run of memory. */
#include <stdlib.h>
#include <string.h>

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

void gd_params_bind(gd_params *p, void *memory, bool copy) {
  const flat *f = (const flat *)p;
  if (memory == p->data) return;
  if (memory && copy) memset(memory, 0, gd_params_bytes(p));
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    void *to = memory ? place(p, memory, i) : f->home[i];
    if (copy) memcpy(to, t->data, gd_tensor_bytes(t));
    t->data = to;
  }
  p->data = memory;
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

void gd_params_finish_grads(gd_params *p) {
  for (int i = 0; i < p->n; i++) {
    gd_tensor *t = p->item[i].tensor;
    if (t->has_grad || !t->grad) continue;
    memset(t->grad->data, 0, gd_tensor_bytes(t->grad));
    t->has_grad = true;
  }
}

/* ---- the digest */

static void add_u64(gd_sha256 *h, uint64_t x) {
  uint8_t byte[8];
  for (int i = 0; i < 8; i++) byte[i] = (uint8_t)(x >> 8 * i);
  gd_sha256_add(h, byte, sizeof byte);
}

static gd_status add_values(gd_sha256 *h, const gd_tensor *t) {
  char chunk[16384];
  const size_t bytes = gd_tensor_bytes(t);
  for (size_t lo = 0; lo < bytes; lo += sizeof chunk) {
    const size_t n = bytes - lo < sizeof chunk ? bytes - lo : sizeof chunk;
    GD_TRY(t->device->download(t->device, chunk, (const char *)t->data + lo, n));
    gd_sha256_add(h, chunk, n);
  }
  return GD_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(gd_named *const *)a)->name, (*(gd_named *const *)b)->name);
}

gd_status gd_params_digest(const gd_params *p, gd_digest *out) {
  gd_named **item = malloc((size_t)p->n * sizeof *item);
  if (!item) return GD_FAIL(GD_ERR_OOM, "no memory to sort %d names", p->n);
  for (int i = 0; i < p->n; i++) item[i] = &p->item[i];
  qsort(item, (size_t)p->n, sizeof *item, by_name);
  gd_sha256 h;
  gd_sha256_init(&h);
  gd_status st = GD_OK;
  for (int i = 0; i < p->n && st == GD_OK; i++) {
    const gd_tensor *t = item[i]->tensor;
    const char *type = gd_dtype_name(t->dtype);
    gd_sha256_add(&h, item[i]->name, strlen(item[i]->name) + 1);
    gd_sha256_add(&h, type, strlen(type) + 1);
    add_u64(&h, (uint64_t)t->ndim);
    for (int k = 0; k < t->ndim; k++) add_u64(&h, (uint64_t)t->shape[k]);
    st = add_values(&h, t);
  }
  free(item);
  *out = gd_sha256_end(&h);
  return st;
}

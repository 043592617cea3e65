/* SHA-256 over a model, as gd/params.h says. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "device/device.h"
#include "nn/params.h"

static int by_name(const void *a, const void *b) {
  return strcmp((*(const gd_named *const *)a)->name, (*(const gd_named *const *)b)->name);
}

/* In this order, each copied to the host first. */
static gd_status hash(gd_sha256 *h, const gd_named *const item[], int n) {
  size_t largest = 0;
  for (int i = 0; i < n; i++)
    if (gd_tensor_bytes(item[i]->tensor) > largest) largest = gd_tensor_bytes(item[i]->tensor);
  void *host = malloc(largest + 1);
  gd_status st = host ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to hash the parameters");
  for (int i = 0; st == GD_OK && i < n; i++) {
    const gd_tensor *t = item[i]->tensor;
    st = t->device->download(t->device, host, t->data, gd_tensor_bytes(t));
    if (st == GD_OK) gdi_sha256_array(h, item[i]->name, t->dtype, t->ndim, t->shape, host);
  }
  free(host);
  return st;
}

static gd_status digest(const gd_params *p, bool run, gd_digest *out) {
  const int n = (run ? p->n : 0) + p->n_constants + p->n_frozen;
  const gd_named **item = malloc(((size_t)n + 1) * sizeof *item);
  if (!item) return GD_FAIL(GD_ERR_OOM, "no memory to hash the parameters");
  const gd_named **next = item;
  for (int i = 0; run && i < p->n; i++) *next++ = &p->item[i];
  for (int i = 0; i < p->n_constants; i++) *next++ = &p->constant[i];
  for (int i = 0; i < p->n_frozen; i++) *next++ = &p->frozen[i];
  qsort(item, (size_t)n, sizeof *item, by_name);
  gd_sha256 h;
  gd_sha256_init(&h);
  gd_status st = hash(&h, item, n);
  *out = gd_sha256_end(&h);
  free(item);
  return st;
}

gd_status gd_params_digest(const gd_params *p, gd_digest *out) {
  return digest(p, true, out);
}

gd_status gdi_params_digest_fixed(const gd_params *p, gd_digest *out) {
  return digest(p, false, out);
}

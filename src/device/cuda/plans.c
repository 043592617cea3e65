#include "device/cuda/plans.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

/* FNV-1a over the numbers. */
static uint64_t hash(const gdi_product_form *f) {
  const int64_t *number = (const int64_t *)f;
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < sizeof *f / sizeof *number; i++) h = (h ^ (uint64_t)number[i]) * 0x100000001b3u;
  return h ^ h >> 32;
}

/* Where the plan of f is, or would be. */
static gdi_plan **place(const gdi_plans *t, const gdi_product_form *f) {
  uint64_t mask = (uint64_t)t->slots - 1, i = hash(f) & mask;
  while (t->slot[i] && memcmp(&t->slot[i]->form, f, sizeof *f) != 0) i = (i + 1) & mask;
  return &t->slot[i];
}

gdi_plan *gdi_plans_find(const gdi_plans *t, const gdi_product_form *f) {
  return t->slots ? *place(t, f) : NULL;
}

static gd_status grow(gdi_plans *t) {
  gdi_plans larger = {.slots = t->slots ? 2 * t->slots : FIRST_SLOTS, .used = t->used};
  larger.slot = calloc((size_t)larger.slots, sizeof *larger.slot);
  if (!larger.slot) return GD_FAIL(GD_ERR_OOM, "no memory for the plans of matrix products");
  for (int64_t i = 0; i < t->slots; i++)
    if (t->slot[i]) *place(&larger, &t->slot[i]->form) = t->slot[i];
  free(t->slot);
  *t = larger;
  return GD_OK;
}

gd_status gdi_plans_add(gdi_plans *t, gdi_plan *p) {
  if (2 * (t->used + 1) > t->slots) GD_TRY(grow(t));
  *place(t, &p->form) = p;
  t->used++;
  return GD_OK;
}

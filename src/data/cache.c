#include "data/cache.h"

#include <stdlib.h>

enum { LIMIT_BYTES = 96 << 20 };

/* A slot of memory for one block: x of all its samples, then y. */
typedef struct slot {
  char *y, *x;   /* y first: it is aligned whatever a sample of x measures */
  int64_t block; /* which one it holds; -1: none */
  uint64_t used; /* when, in calls */
} slot;

struct gdi_cache {
  gd_dataset *d;
  int64_t rows; /* samples per block */
  int n_slots;
  slot *slots;
  int32_t *where; /* [blocks] 1 + its slot; 0: not in memory */
  int64_t ahead;
  uint64_t calls;
};

static bool scattered(const gd_order *o) {
  return o->shuffle == GD_SHUFFLE_FULL || o->split || o->sampler != GD_SAMPLE_EPOCH;
}

/* Whole chunks; single samples where they are wanted in no order and the file has no chunks to read whole. */
static int64_t block_rows(const gd_dataset *d, const gd_order *o) {
  if (!scattered(o)) return d->info.block;
  return d->x.chunk_rows > 0 ? d->x.chunk_rows : 1;
}

/* Up to a window of blocks, or two in file order, while half of the memory stays for those in use. */
static int64_t ahead_rows(const gdi_cache *c, const gd_order *o) {
  if (scattered(o)) return 0;
  int64_t wanted = o->shuffle == GD_SHUFFLE_BLOCK ? o->window * o->block : 2 * c->rows;
  int64_t half = c->n_slots / 2 * c->rows;
  return wanted < half ? wanted : half;
}

gd_status gdi_cache_new(gdi_cache **out, gd_dataset *d, const gd_order *o, size_t bytes) {
  gdi_cache *c = *out = calloc(1, sizeof *c);
  if (!c) goto full;
  c->d = d;
  c->rows = block_rows(d, o);
  if (c->rows > d->info.n) c->rows = d->info.n;
  int64_t blocks = (d->info.n + c->rows - 1) / c->rows,
          fit = (int64_t)(bytes ? bytes : LIMIT_BYTES) / (c->rows * (int64_t)(d->x_row + d->y_row));
  if (c->rows == 1) fit = 1; /* no second use to wait for */
  c->n_slots = (int)(fit < 1 ? 1 : fit < blocks ? fit : blocks);
  c->slots = calloc((size_t)c->n_slots, sizeof *c->slots);
  if (c->rows > 1) c->where = calloc((size_t)blocks, sizeof *c->where);
  if (!c->slots || (c->rows > 1 && !c->where)) goto full;
  for (int i = 0; i < c->n_slots; i++) c->slots[i].block = -1;
  c->ahead = ahead_rows(c, o);
  return GD_OK;
full:
  gdi_cache_free(c);
  *out = NULL;
  return GD_FAIL(GD_ERR_OOM, "no memory to stream %s", d->info.path);
}

int64_t gdi_cache_ahead(const gdi_cache *c) {
  return c->ahead;
}

void gdi_cache_free(gdi_cache *c) {
  if (!c) return;
  for (int i = 0; c->slots && i < c->n_slots; i++) free(c->slots[i].y);
  free(c->slots);
  free(c->where);
  free(c);
}

static gd_status load(gdi_cache *c, int64_t block, slot *s) {
  const gd_dataset *d = c->d;
  int64_t lo = block * c->rows, hi = lo + c->rows < d->info.n ? lo + c->rows : d->info.n;
  if (!s->y) {
    s->y = malloc((size_t)c->rows * (d->x_row + d->y_row));
    if (!s->y) return GD_FAIL(GD_ERR_OOM, "no memory to stream %s", d->info.path);
    s->x = s->y + (size_t)c->rows * d->y_row;
  }
  if (s->block >= 0 && c->where) c->where[s->block] = 0;
  s->block = -1;
  GD_TRY(gdi_dataset_read(c->d, lo, hi, s->x, s->y));
  s->block = block;
  if (c->where) c->where[block] = 1 + (int32_t)(s - c->slots);
  return GD_OK;
}

static slot *longest_unused(gdi_cache *c) {
  slot *oldest = c->slots;
  for (int i = 1; i < c->n_slots; i++)
    if (c->slots[i].used < oldest->used) oldest = &c->slots[i];
  return oldest;
}

gd_status gdi_cache_sample(gdi_cache *c, int64_t index, const char **x, const char **y) {
  int64_t block = index / c->rows, row = index % c->rows;
  slot *s = c->where && c->where[block] ? &c->slots[c->where[block] - 1] : NULL;
  if (!s) {
    s = longest_unused(c);
    GD_TRY(load(c, block, s));
  }
  s->used = ++c->calls;
  *x = s->x + (size_t)row * c->d->x_row;
  *y = s->y + (size_t)row * c->d->y_row;
  return GD_OK;
}

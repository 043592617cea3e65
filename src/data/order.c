/*
 * The order of samples.
 *
 * Block shuffle: the blocks are put into slots at random, `window` slots at a time form a window, and samples
 * are permuted inside each window. The one short block gets a random slot of its own, so that every position
 * is computed directly:
 *
 *   position -> window -> position inside it, permuted -> slot -> block -> sample
 */
#include "data/order.h"

#include <math.h>
#include <stdlib.h>

enum { DRAW_SHORT_SLOT = 8 }; /* after the draws of gd_permutation_make() */

gd_order gd_order_all(int64_t n, uint64_t seed) {
  return (gd_order){.n = n, .set_n = n, .seed = seed};
}

gd_status gd_order_split(int64_t n, double val_fraction, uint64_t seed, gd_order *train, gd_order *val) {
  if (!(val_fraction > 0 && val_fraction < 1))
    return GD_FAIL(GD_ERR_USAGE, "val_fraction is %g; it must lie between 0 and 1", val_fraction);
  if (n < 2)
    return GD_FAIL(GD_ERR_USAGE, "%lld sample%s cannot be split in two", (long long)n, n == 1 ? "" : "s");
  int64_t held_out = llround(val_fraction * (double)n);
  if (held_out < 1) held_out = 1;
  if (held_out > n - 1) held_out = n - 1;
  *train = *val = (gd_order){.set_n = n, .split = true, .seed = seed};
  train->n = n - held_out;
  val->n = held_out;
  val->first = train->n;
  return GD_OK;
}

static gd_rng stream(const gd_order *o, int64_t epoch, int64_t window) {
  return gd_rng_stream(o->seed, GD_RNG_SHUFFLE, (uint64_t)epoch ^ (uint64_t)window << 28);
}

gdi_order_epoch gdi_order_at_epoch(const gd_order *o, int64_t epoch) {
  gdi_order_epoch e = {.order = o, .epoch = epoch, .window = -1};
  gd_rng r = stream(o, epoch, 0);
  if (o->split) e.split = gd_permutation_make(gd_rng_stream(o->seed, GD_RNG_SPLIT, 0), o->set_n);
  if (o->sampler == GD_SAMPLE_BALANCED) return e;
  if (o->shuffle == GD_SHUFFLE_BLOCK) {
    int64_t whole = o->n / o->block;
    e.short_rows = o->n % o->block;
    e.short_slot = e.short_rows > 0 ? gd_rng_below(r, DRAW_SHORT_SLOT, whole + 1) : whole;
    e.samples = gd_permutation_make(r, whole);
  } else {
    e.samples = gd_permutation_make(r, o->n);
  }
  return e;
}

/* Cut 0 .. into pieces of `size`, except that the piece with number `odd` is `missing` shorter. */
static int64_t piece_start(int64_t piece, int64_t size, int64_t odd, int64_t missing) {
  return piece * size - (piece > odd ? missing : 0);
}

static int64_t piece_of(int64_t position, int64_t size, int64_t odd, int64_t missing) {
  return position < piece_start(odd + 1, size, odd, missing) ? (position < odd * size ? position / size : odd)
                                                             : (position + missing) / size;
}

static int64_t block_index(gdi_order_epoch *e, int64_t position) {
  const gd_order *o = e->order;
  int64_t block = o->block, window = o->window > 0 ? o->window : 1;
  int64_t odd = e->short_slot, missing = e->short_rows > 0 ? block - e->short_rows : 0;
  int64_t w = piece_of(position, window * block, odd / window, missing);
  int64_t start = piece_start(w, window * block, odd / window, missing);
  if (w != e->window) {
    int64_t end = piece_start(w + 1, window * block, odd / window, missing);
    e->inside = gd_permutation_make(stream(o, e->epoch, w + 1), (end < o->n ? end : o->n) - start);
    e->window = w;
  }
  int64_t p = start + gd_permutation_at(&e->inside, position - start);
  int64_t slot = piece_of(p, block, odd, missing);
  int64_t row = p - piece_start(slot, block, odd, missing);
  int64_t which =
      e->short_rows > 0 && slot == odd ? e->samples.n : gd_permutation_at(&e->samples, slot - (slot > odd));
  return which * block + row;
}

/* Which class a position has is drawn once per group of positions, which has each class once. */
static int64_t balanced(gdi_order_epoch *e, int64_t position) {
  const gd_order *o = e->order;
  const gd_class_lists *l = o->lists;
  const int64_t groups = (o->n + l->classes - 1) / l->classes, in_epoch = position / l->classes;
  const uint64_t group = (uint64_t)(e->epoch * groups + in_epoch);
  if (e->window != in_epoch) {
    e->inside = gd_permutation_make(gd_rng_stream(o->seed, GD_RNG_BALANCE, 2 * group), l->classes);
    e->window = in_epoch;
  }
  const int64_t class = gd_permutation_at(&e->inside, position % l->classes),
                n = l->first[class + 1] - l->first[class];
  const uint64_t pass = group / (uint64_t)n; /* every group before this one took a sample of the class */
  const gd_permutation p =
      gd_permutation_make(gd_rng_stream(o->seed, GD_RNG_BALANCE, 2 * (pass << 24 ^ (uint64_t) class) + 1), n);
  return l->sample[l->first[class] + gd_permutation_at(&p, (int64_t)(group % (uint64_t)n))];
}

int64_t gdi_order_index(gdi_order_epoch *e, int64_t position) {
  const gd_order *o = e->order;
  int64_t i = position;
  if (o->sampler == GD_SAMPLE_BALANCED) return balanced(e, position);
  if (o->sampler == GD_SAMPLE_REPLACEMENT)
    i = gd_rng_below(stream(o, e->epoch, 0), (uint64_t)position, o->n);
  else if (o->shuffle == GD_SHUFFLE_FULL)
    i = gd_permutation_at(&e->samples, position);
  else if (o->shuffle == GD_SHUFFLE_BLOCK)
    i = block_index(e, position);
  return o->split ? gd_permutation_at(&e->split, o->first + i) : i;
}

int64_t gd_order_at(const gd_order *o, int64_t epoch, int64_t position) {
  gdi_order_epoch e = gdi_order_at_epoch(o, epoch);
  return gdi_order_index(&e, position);
}

gd_status gdi_order_mark(const gd_order *part, uint8_t **out) {
  uint8_t *bit = *out = calloc((size_t)part->set_n / 8 + 1, 1);
  if (!bit) return GD_FAIL(GD_ERR_OOM, "no memory to mark %lld samples", (long long)part->set_n);
  gd_order plain = *part;
  plain.sampler = GD_SAMPLE_EPOCH;
  plain.shuffle = GD_SHUFFLE_NONE;
  gdi_order_epoch e = gdi_order_at_epoch(&plain, 0);
  for (int64_t i = 0; i < part->n; i++) {
    int64_t at = gdi_order_index(&e, i);
    bit[at / 8] |= (uint8_t)(1 << at % 8);
  }
  return GD_OK;
}

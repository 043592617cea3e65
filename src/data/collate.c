#include "data/collate.h"

#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "data/mix.h"

gd_status gdi_collator_make(gdi_collator *c, gd_dataset *d, const gd_loader_options *o, int64_t rows) {
  *c = (gdi_collator){.d = d, .o = o, .order.epoch = -1};
  if (d->info.x_index && o->standardize && o->standardize->features > 0)
    return GD_FAIL(GD_ERR_USAGE, "%s: x is an index, which cannot be standardised", d->info.path);
  GD_TRY(gdi_convert_make(&c->x, d->info.x_type, o->dtype, d->features, d->info.x_scale, o->standardize));
  for (int f = 0; f < d->info.n_more; f++) {
    const gd_source_field *m = &d->info.more[f];
    GD_TRY(
        gdi_convert_make(&c->more[f], m->dtype, o->dtype, d->more[f].n, m->scale != 0 ? m->scale : 1, NULL));
  }
  GD_TRY(gdi_convert_make(&c->y, GD_F64, o->dtype, d->info.targets, 1, o->standardize_targets));
  c->picks = malloc((size_t)rows * sizeof *c->picks);
  if (!c->picks) return GD_FAIL(GD_ERR_OOM, "no memory for a batch of %lld", (long long)rows);
  c->targets = d->info.labels ? d->info.classes : d->info.targets;
  if (o->augment) {
    c->room = malloc(gdi_augment_room(o->augment));
    c->moved = malloc(d->y_row);
    if (gd_augment_mixes(o->augment))
      c->unmixed = malloc((size_t)(rows * (d->features + c->targets)) * gd_dtype_bytes(o->dtype));
    if (!c->room || !c->moved || (gd_augment_mixes(o->augment) && !c->unmixed))
      return GD_FAIL(GD_ERR_OOM, "no memory to augment samples");
  }
  if (d->image_at) return gdi_decoding_new(&c->decoding, d, o->augment, gd_device_threads(o->device), rows);
  return d->streamed ? gdi_cache_new(&c->cache, d, &o->order, o->stream_bytes) : GD_OK;
}

void gdi_collator_free(gdi_collator *c) {
  gdi_cache_free(c->cache);
  gdi_decoding_free(c->decoding);
  gdi_convert_free(&c->x);
  gdi_convert_free(&c->y);
  for (int f = 0; f < GD_MAX_FIELDS - 2; f++) gdi_convert_free(&c->more[f]);
  free(c->picks), free(c->room), free(c->moved), free(c->unmixed);
}

static int by_index(const void *a, const void *b) {
  const gdi_pick *p = a, *q = b;
  return (p->index > q->index) - (p->index < q->index);
}

static void choose(gdi_collator *c, int64_t epoch, gd_range rows) {
  if (c->order.epoch != epoch) c->order = gdi_order_at_epoch(&c->o->order, epoch);
  for (int64_t i = 0; i < rows.hi - rows.lo; i++)
    c->picks[i] = (gdi_pick){gdi_order_index(&c->order, rows.lo + i), i};
}

/* As it is wanted: an index stays what it is. */
static void put_field(const gdi_convert *c, bool index, size_t element, const char *from, int64_t row,
                      char *to) {
  const size_t bytes = (size_t)c->n * (index ? sizeof(int64_t) : element);
  if (index)
    memcpy(to + (size_t)row * bytes, from, bytes);
  else
    gdi_convert_row(c, from, to + (size_t)row * bytes);
}

static void put_targets(const gdi_collator *c, int64_t row, const char *from, char *y) {
  const size_t bytes = (size_t)c->targets * gd_dtype_bytes(c->o->dtype);
  if (!c->d->info.labels) {
    gdi_convert_row(&c->y, from, y + (size_t)row * bytes);
  } else if (!c->unmixed) {
    gdi_labels_of_row(c->d, from, (int64_t *)(void *)y + row * c->d->info.targets);
  } else { /* a probability for every class; none where the label is ignored */
    char *to = y + (size_t)row * bytes;
    const int64_t label = gdi_label_at(c->d, from, 0);
    memset(to, 0, bytes);
    if (label < 0) return;
    if (c->o->dtype == GD_F64)
      ((double *)(void *)to)[label] = 1;
    else
      ((float *)(void *)to)[label] = 1;
  }
}

/* A sample as it is learned from; on any thread. */
static void put_sample(void *collator, int64_t row, const char *from_x, const char *from_y) {
  const gdi_collator *c = collator;
  const gd_dataset *d = c->d;
  char *x = c->to_x, *y = c->to_y;
  const size_t e = gd_dtype_bytes(c->o->dtype);
  if (c->as_stored) {
    memcpy(x + (size_t)row * d->x_row, from_x, d->x_row);
    memcpy(y + (size_t)row * (d->y_row + c->drawn), from_y, d->y_row);
    return;
  }
  put_field(&c->x, d->info.x_index, e, from_x, row, x);
  for (int f = 0; f < d->info.n_more; f++)
    put_field(&c->more[f], d->info.more[f].index, e, from_y + d->more[f].offset, row, c->to_more[f]);
  put_targets(c, row, from_y, y);
}

/* As it is, and behind it what a GPU is to do with it. */
static void put_with_draws(gdi_collator *c, gdi_pick pick, const char *from, const char *from_y) {
  const size_t y_row = c->d->y_row;
  char *behind = c->to_y + (size_t)pick.row * (y_row + c->drawn) + y_row;
  put_sample(c, pick.row, from, from_y);
  gdi_augment_tell(c->o->augment, c->order.epoch, pick.index, c->first + pick.row,
                   (gdi_change *)(void *)behind);
}

static void put_row(gdi_collator *c, gdi_pick pick, const char *from, const char *from_y) {
  if (c->drawn) {
    put_with_draws(c, pick, from, from_y);
    return;
  }
  const void *x =
      c->room ? gdi_augment_sample(c->o->augment, c->order.epoch, pick.index, from, c->room) : from;
  if (c->room && gdi_augment_moves_labels(c->o->augment)) {
    from_y = memcpy(c->moved, from_y, c->d->y_row);
    gdi_augment_labels(c->o->augment, c->order.epoch, pick.index, c->d->byte_labels ? GD_U8 : GD_I64,
                       c->moved, c->room);
  }
  put_sample(c, pick.row, x, from_y);
}

/* Rows lie anywhere: the first lines of each are asked for while earlier ones are converted. */
static void prefetch_row(const gd_dataset *d, int64_t index) {
  enum { LINE = 64, MOST = 16 * LINE };
  const char *row = d->loaded_x + (size_t)index * d->x_row;
  for (size_t at = 0; at < d->x_row && at < MOST; at += LINE) __builtin_prefetch(row + at);
}

static void gather_rows(gdi_collator *c, int64_t n) {
  enum { ROWS_AHEAD = 4 };
  const gd_dataset *d = c->d;
  for (int64_t i = 0; i < n; i++) {
    const size_t at = (size_t)c->picks[i].index;
    if (i + ROWS_AHEAD < n) prefetch_row(d, c->picks[i + ROWS_AHEAD].index);
    put_row(c, c->picks[i], d->loaded_x + at * d->x_row, d->loaded_y + at * d->y_row);
  }
}

/* Reading ahead begins behind these rows, and goes as far as the cache can hold; not at all when samples are
 * scattered over the file. */
static void aim_ahead(gdi_collator *c, gd_range rows) {
  const int64_t far = gdi_cache_ahead(c->cache), end = rows.hi + far;
  if (c->ahead < rows.hi || c->ahead > end || far == 0) c->ahead = rows.hi;
  c->ahead_end = end < c->o->order.n ? end : c->o->order.n;
}

/* Forward through the file, each block once. */
static gd_status read_rows(gdi_collator *c, int64_t n) {
  qsort(c->picks, (size_t)n, sizeof *c->picks, by_index);
  if (c->decoding) return gdi_decoding_run(c->decoding, c->order.epoch, c->picks, n, put_sample, c);
  for (int64_t i = 0; i < n; i++) {
    const char *from_x, *from_y;
    GD_TRY(gdi_cache_sample(c->cache, c->picks[i].index, &from_x, &from_y));
    put_row(c, c->picks[i], from_x, from_y);
  }
  return GD_OK;
}

static void mix_rows(const gdi_collator *c, gd_range rows, char *x, char *y) {
  const int64_t n = rows.hi - rows.lo, values = c->d->features;
  gdi_mixing m = {.type = c->o->dtype,
                  .n = n,
                  .values = values,
                  .targets = c->targets,
                  .x = x,
                  .y = y,
                  .was_x = c->unmixed};
  m.was_y = c->unmixed + (size_t)(n * values) * gd_dtype_bytes(m.type);
  gdi_augment_mix(c->o->augment, c->order.epoch, rows.lo, &m);
}

gd_status gdi_collate(gdi_collator *c, int64_t epoch, gd_range rows, char *x, char *y, char *const more[]) {
  c->to_x = x, c->to_y = y, c->to_more = more, c->first = rows.lo;
  choose(c, epoch, rows);
  if (GDI_FAULT_AT("unread", rows.lo))
    return GD_FAIL(GD_ERR_DATA, "%s: injected: samples that cannot be read", c->d->info.path);
  if (c->cache) aim_ahead(c, rows);
  if (c->d->streamed)
    GD_TRY(read_rows(c, rows.hi - rows.lo));
  else
    gather_rows(c, rows.hi - rows.lo);
  if (c->unmixed && !c->as_stored) mix_rows(c, rows, x, y);
  return GD_OK;
}

/* A failure is not reported: it comes again when the sample is asked for. */
bool gdi_collator_ahead(gdi_collator *c) {
  const char *x, *y;
  if (c->ahead >= c->ahead_end) return false;
  return gdi_cache_sample(c->cache, gdi_order_index(&c->order, c->ahead++), &x, &y) == GD_OK;
}

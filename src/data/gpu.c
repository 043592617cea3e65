#include "data/gpu.h"

#include <stdlib.h>

#include "data/order.h"

struct gdi_gpu_set {
  gd_device *device;
  gd_arena *memory;
  const gd_order *order;
  gdi_resident set;
  gdi_batch_input *input; /* of calls that bring their own */
  gdi_batch_input here;
  int64_t epoch; /* of here.order; -1: none */
};

/* ---- a resident set ---- */

gd_status gdi_order_key_at(const gd_order *o, int64_t epoch, gdi_order_key *out) {
  if (o->sampler == GD_SAMPLE_EPOCH && o->shuffle == GD_SHUFFLE_BLOCK)
    return GD_FAIL(GD_ERR_USAGE, "block shuffle is for sets that are read as training goes on");
  const gdi_order_epoch e = gdi_order_at_epoch(o, epoch);
  *out = (gdi_order_key){.kind = o->sampler == GD_SAMPLE_REPLACEMENT ? GDI_ORDER_DRAWN
                                 : o->shuffle == GD_SHUFFLE_FULL     ? GDI_ORDER_PERMUTED
                                                                     : GDI_ORDER_PLAIN,
                         .split = o->split,
                         .n = o->n,
                         .first = o->first,
                         .samples = e.samples,
                         .parts = e.split,
                         .draws = gd_rng_stream(o->seed, GD_RNG_SHUFFLE, (uint64_t)epoch)};
  return GD_OK;
}

static const void *put(gdi_gpu_set *s, const void *from, size_t bytes, gd_status *st) {
  if (*st != GD_OK || !from) return NULL;
  void *to = gd_arena_alloc(s->memory, bytes);
  *st = to ? s->device->upload(s->device, to, from, bytes) : GD_ERR_OOM;
  return to;
}

/* All in one piece: another chunk of an arena would be twice as large as the first, for a few labels. */
static gd_status reserve(gd_arena *a, size_t bytes) {
  enum { PARTS = 5 };
  if (!gd_arena_alloc(a, bytes + PARTS * GD_ALIGN)) return GD_ERR_OOM;
  gd_arena_reset(a);
  return GD_OK;
}

static gd_status fill(gdi_gpu_set *s, const gd_dataset *d, const gdi_convert *x) {
  const size_t n = (size_t)d->info.n, number = x->in_float ? sizeof(float) : sizeof(double);
  gd_status st = reserve(s->memory, n * (d->x_row + d->y_row) + 2 * (size_t)x->n * number + sizeof *s->input);
  s->set = (gdi_resident){.x = put(s, d->held_x, n * d->x_row, &st),
                          .y = put(s, d->held_y, n * d->y_row, &st),
                          .x_type = d->info.x_type,
                          .y_type = d->info.labels ? GD_I64 : GD_F64,
                          .x_n = d->features,
                          .y_n = d->info.targets,
                          .shift = put(s, x->standardizes ? x->shift : NULL, (size_t)x->n * number, &st),
                          .factor = put(s, x->factor, (x->standardizes ? (size_t)x->n : 1) * number, &st),
                          .in_float = x->in_float};
  s->input = gd_arena_alloc(s->memory, sizeof *s->input);
  return st == GD_OK && !s->input ? GD_ERR_OOM : st;
}

/*
 * Steps need memory too. How much is not known yet; a set that leaves less than half its own size is taken to
 * be too large, instead of ending a run that could send its batches.
 */
static bool leaves_enough(const gdi_gpu_set *s) {
  const gdi_memory *m = &s->device->memory;
  void *rest = m->take(m->user, gd_arena_reserved_bytes(s->memory) / 2);
  if (rest) m->give(m->user, rest);
  return rest != NULL;
}

gd_status gdi_gpu_set_new(gdi_gpu_set **out, gd_device *d, const gd_dataset *data, const gdi_convert *x,
                          const gd_order *order) {
  *out = NULL;
  if (!data->held_x || (order->sampler == GD_SAMPLE_EPOCH && order->shuffle == GD_SHUFFLE_BLOCK))
    return GD_OK;
  gdi_gpu_set *s = calloc(1, sizeof *s);
  if (!s) return GD_FAIL(GD_ERR_OOM, "no memory for a set on the GPU");
  *s = (gdi_gpu_set){.device = d, .order = order, .epoch = -1};
  gd_status st = gdi_arena_new_over(&s->memory, "resident set", &d->memory);
  if (st == GD_OK) st = fill(s, data, x);
  if (st == GD_OK && !leaves_enough(s)) st = GD_ERR_OOM;
  if (st == GD_OK) {
    *out = s;
    return GD_OK;
  }
  gdi_gpu_set_free(s);
  if (st != GD_ERR_OOM) return st;
  gd_error_clear(); /* it stays here and is sent batch by batch */
  return GD_OK;
}

void gdi_gpu_set_free(gdi_gpu_set *s) {
  if (!s) return;
  gd_arena_free(s->memory);
  free(s);
}

gd_status gdi_gpu_set_form(gdi_gpu_set *s, const gdi_batch_input *in, int64_t first, int64_t epoch,
                           gd_range rows, gd_tensor *x, gd_tensor *rounded, gd_tensor *y) {
  gd_device *d = s->device;
  if (!in) {
    if (s->epoch != epoch) GD_TRY(gdi_order_key_at(s->order, epoch, &s->here.order));
    s->epoch = epoch;
    s->here.first = first = rows.lo;
    GD_TRY(d->upload(d, s->input, &s->here, sizeof s->here));
  }
  return d->gpu->form_batch(d, &s->set, in ? in : s->input, rows.lo - first, rows.hi - rows.lo, x->dtype,
                            x->data, rounded ? rounded->data : NULL, y->data);
}

/* ---- batches that are formed here ---- */

gd_status gdi_gpu_slot_new(gd_device *d, gdi_gpu_slot *s) {
  GD_TRY(d->gpu->mark_new(d, &s->sent));
  return d->gpu->mark_new(d, &s->used);
}

void gdi_gpu_slot_free(gd_device *d, gdi_gpu_slot *s) {
  d->gpu->mark_free(d, s->sent);
  d->gpu->mark_free(d, s->used);
}

gd_status gdi_gpu_slot_free_to_form(gd_device *d, gdi_gpu_slot *s) {
  return s->was_sent ? d->gpu->wait_for(d, s->sent) : GD_OK;
}

gd_status gdi_gpu_slot_used(gd_device *d, gdi_gpu_slot *s) {
  s->was_used = true;
  return d->gpu->mark(d, GDI_LANE_COMPUTE, s->used);
}

gd_status gdi_gpu_slot_send(gd_device *d, gdi_gpu_slot *s, gd_tensor *x, const void *host_x, size_t x_bytes,
                            gd_tensor *y, const void *host_y, size_t y_bytes) {
  const gdi_gpu *g = d->gpu;
  if (s->was_used) GD_TRY(g->after(d, GDI_LANE_COPY, s->used));
  GD_TRY(g->send(d, GDI_LANE_COPY, x->data, host_x, x_bytes));
  GD_TRY(g->send(d, GDI_LANE_COPY, y->data, host_y, y_bytes));
  GD_TRY(g->mark(d, GDI_LANE_COPY, s->sent));
  s->was_sent = true;
  return g->after(d, GDI_LANE_COMPUTE, s->sent);
}

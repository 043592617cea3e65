#include "data/gpu.h"

#include <stdlib.h>

#include "data/order.h"

/* Samples as stored, in device memory. */
typedef struct samples {
  gd_device *device;
  gd_arena *memory;
  gdi_stored set;
  gdi_batch_input *input; /* of calls that have none in device memory */
} samples;

struct gdi_gpu_set {
  samples on;
  const gd_order *order;
  gdi_batch_input here;
  int64_t epoch; /* of here.order; -1: none */
};

struct gdi_upload {
  samples on;
  gd_arena *pinned;
  int64_t rows; /* of a slot */
  size_t x_row, y_row;
  struct {
    char *x, *y;
    gdi_event *sent, *used; /* the host memory is free again; kernels are done with the device's */
  } slot[2];
};

/* ---- samples in device memory ---- */

/* From host memory; from NULL: without contents yet. */
static void *put(samples *s, const void *from, size_t bytes, gd_status *st) {
  if (*st != GD_OK) return NULL;
  void *to = gd_arena_alloc(s->memory, bytes);
  if (!to) *st = GD_ERR_OOM;
  if (to && from) *st = s->device->upload(s->device, to, from, bytes);
  return to;
}

/* All in one piece: another chunk of an arena would be twice as large as the first, for a few labels. */
static gd_status reserve(gd_arena *a, size_t bytes) {
  enum { PARTS = 7 };
  if (!gd_arena_alloc(a, bytes + PARTS * GD_ALIGN)) return GD_ERR_OOM;
  gd_arena_reset(a);
  return GD_OK;
}

/* Behind a row of y. */
static size_t drawn_bytes(const gdi_changes *c) {
  return (size_t)c->n * sizeof(gdi_change);
}

/* n samples of a set and what scales them; x NULL: room for samples, with what is drawn for each. */
static gd_status fill(samples *s, const gd_dataset *d, const gdi_scaling *by, int64_t n, const char *x,
                      const char *y, gdi_changes changes) {
  const gdi_convert *c = by->x, *t = by->y;
  const size_t rows = (size_t)n, number = c->in_float ? sizeof(float) : sizeof(double);
  const size_t targets = t->standardizes ? (size_t)t->n * sizeof(double) : 0;
  const size_t y_row = d->y_row + drawn_bytes(&changes);
  GD_TRY(gdi_arena_new_over(&s->memory, x ? "resident set" : "samples sent", &s->device->memory));
  gd_status st = reserve(s->memory, rows * (d->x_row + y_row) + 2 * (size_t)c->n * number + 2 * targets +
                                        sizeof *s->input);
  changes.offset = d->y_row;
  s->set = (gdi_stored){.x = put(s, x, rows * d->x_row, &st),
                        .y = put(s, y, rows * y_row, &st),
                        .x_type = d->info.x_type,
                        .y_type = d->byte_labels   ? GD_U8
                                  : d->info.labels ? GD_I64
                                                   : GD_F64,
                        .x_n = d->features,
                        .y_n = d->info.targets,
                        .y_row = y_row,
                        .y_classes = changes.mixes && d->info.labels ? d->info.classes : 0,
                        .n_more = d->info.n_more,
                        .shift = c->standardizes ? put(s, c->shift, (size_t)c->n * number, &st) : NULL,
                        .factor = put(s, c->factor, (c->standardizes ? (size_t)c->n : 1) * number, &st),
                        .in_float = c->in_float,
                        .y_shift = targets ? put(s, t->shift, targets, &st) : NULL,
                        .y_factor = targets ? put(s, t->factor, targets, &st) : NULL,
                        .changes = changes};
  for (int f = 0; f < d->info.n_more; f++) {
    const gd_source_field *m = &d->info.more[f];
    s->set.more[f] =
        (gdi_stored_field){d->more[f].offset, d->more[f].n, m->dtype, m->index, m->scale != 0 ? m->scale : 1};
  }
  s->input = put(s, NULL, sizeof *s->input, &st);
  return st;
}

static gd_status form(samples *s, const gdi_batch_input *in, int64_t offset, int64_t rows,
                      const gdi_formed *to) {
  return s->device->gpu->form_batch(s->device, &s->set, in, offset, rows, to);
}

/* ---- a resident set ---- */

gd_status gdi_order_key_at(const gd_order *o, int64_t epoch, gdi_order_key *out) {
  if (!gdi_order_on_gpu(o))
    return GD_FAIL(GD_ERR_USAGE, "the GPU does not know this order: its samples are sent to it");
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

/*
 * Steps need memory too. How much is not known yet; a set that leaves less than half its own size is taken to
 * be too large, instead of ending a run that could send its batches.
 */
static bool leaves_enough(const gdi_gpu_set *s) {
  const gdi_memory *m = &s->on.device->memory;
  void *rest = m->take(m->user, gd_arena_reserved_bytes(s->on.memory) / 2);
  if (rest) m->give(m->user, rest);
  return rest != NULL;
}

gd_status gdi_gpu_set_new(gdi_gpu_set **out, gd_device *d, const gd_dataset *data, const gdi_scaling *by,
                          const gd_order *order) {
  *out = NULL;
  if (!data->loaded_x || !gdi_order_on_gpu(order)) return GD_OK;
  gdi_gpu_set *s = calloc(1, sizeof *s);
  if (!s) return GD_FAIL(GD_ERR_OOM, "no memory for a set on the GPU");
  *s = (gdi_gpu_set){.on.device = d, .order = order, .epoch = -1};
  gd_status st = fill(&s->on, data, by, data->info.n, data->loaded_x, data->loaded_y, (gdi_changes){0});
  if (st == GD_OK && !leaves_enough(s)) st = GD_ERR_OOM;
  if (st == GD_OK) {
    *out = s;
    return GD_OK;
  }
  gdi_gpu_set_free(s);
  if (st != GD_ERR_OOM) return st;
  gd_error_clear(); /* it stays on the host and is sent batch by batch */
  return GD_OK;
}

void gdi_gpu_set_free(gdi_gpu_set *s) {
  if (!s) return;
  gd_arena_free(s->on.memory);
  free(s);
}

gd_status gdi_gpu_set_form(gdi_gpu_set *s, const gdi_batch_input *in, int64_t first, int64_t epoch,
                           gd_range rows, const gdi_formed *to) {
  gd_device *d = s->on.device;
  if (!in) {
    if (s->epoch != epoch) GD_TRY(gdi_order_key_at(s->order, epoch, &s->here.order));
    s->epoch = epoch;
    s->here.first = first = rows.lo;
    GD_TRY(d->upload(d, s->on.input, &s->here, sizeof s->here));
  }
  return form(&s->on, in ? in : s->on.input, rows.lo - first, rows.hi - rows.lo, to);
}

/* ---- a set of which two batches are there ---- */

/* As if it were a resident set of two slots, in the order of memory. */
gdi_batch_input gdi_upload_input(const gdi_upload *s, int slot) {
  return (gdi_batch_input){.first = slot * s->rows, .order = {.kind = GDI_ORDER_PLAIN, .n = 2 * s->rows}};
}

static gd_status make_slots(gdi_upload *s) {
  const gdi_gpu *g = s->on.device->gpu;
  const size_t x_bytes = (size_t)s->rows * s->x_row, y_bytes = (size_t)s->rows * s->y_row;
  char *memory = gd_arena_alloc(s->pinned, 2 * (x_bytes + y_bytes));
  if (!memory) return GD_ERR_OOM;
  for (int i = 0; i < 2; i++) { /* both y first: they are aligned whatever a sample of x measures */
    s->slot[i].y = memory + (size_t)i * y_bytes;
    s->slot[i].x = memory + 2 * y_bytes + (size_t)i * x_bytes;
    GD_TRY(g->event_new(s->on.device, &s->slot[i].sent));
    GD_TRY(g->event_new(s->on.device, &s->slot[i].used));
    GD_TRY(g->event_record(s->on.device, GDI_STREAM_COPY, s->slot[i].sent)); /* free from the start */
    GD_TRY(g->event_record(s->on.device, GDI_STREAM_COMPUTE, s->slot[i].used));
  }
  return GD_OK;
}

static gd_status make(gdi_upload *s, const gd_dataset *data, const gdi_scaling *by,
                      const gdi_changes *changes) {
  gd_device *d = s->on.device;
  const gdi_batch_input first = gdi_upload_input(s, 0);
  GD_TRY(fill(&s->on, data, by, 2 * s->rows, NULL, NULL, *changes));
  GD_TRY(d->upload(d, s->on.input, &first, sizeof first));
  GD_TRY(gdi_arena_new_over(&s->pinned, "samples sent", &d->gpu->pinned));
  return make_slots(s);
}

gd_status gdi_upload_new(gdi_upload **out, gd_device *d, const gd_dataset *data, const gdi_scaling *by,
                         const gdi_changes *changes, int64_t rows) {
  gdi_upload *s = *out = calloc(1, sizeof *s);
  if (!s) return GD_FAIL(GD_ERR_OOM, "no memory to send batches to a GPU");
  *s = (gdi_upload){
      .on.device = d, .rows = rows, .x_row = data->x_row, .y_row = data->y_row + drawn_bytes(changes)};
  gd_status st = make(s, data, by, changes);
  if (st == GD_OK) return GD_OK;
  gdi_upload_free(s);
  *out = NULL;
  return st;
}

void gdi_upload_free(gdi_upload *s) {
  if (!s) return;
  for (int i = 0; i < 2; i++) {
    s->on.device->gpu->event_free(s->on.device, s->slot[i].sent);
    s->on.device->gpu->event_free(s->on.device, s->slot[i].used);
  }
  gd_arena_free(s->on.memory); /* waits for what is queued, also for copies from the other */
  gd_arena_free(s->pinned);
  free(s);
}

char *gdi_upload_x(const gdi_upload *s, int slot) {
  return s->slot[slot].x;
}

char *gdi_upload_y(const gdi_upload *s, int slot) {
  return s->slot[slot].y;
}

gd_status gdi_upload_writable(gdi_upload *s, int slot) {
  gd_device *d = s->on.device;
  return d->gpu->wait_for(d, s->slot[slot].sent);
}

gd_status gdi_upload_send(gdi_upload *s, int slot, int64_t rows) {
  gd_device *d = s->on.device;
  const gdi_gpu *g = d->gpu;
  char *x = (char *)s->on.set.x, *y = (char *)s->on.set.y; /* of slot 0 */
  const size_t n = (size_t)rows, first = (size_t)(slot * s->rows);
  GD_TRY(g->after(d, GDI_STREAM_COPY, s->slot[slot].used));
  GD_TRY(g->send(d, GDI_STREAM_COPY, x + first * s->x_row, s->slot[slot].x, n * s->x_row));
  GD_TRY(g->send(d, GDI_STREAM_COPY, y + first * s->y_row, s->slot[slot].y, n * s->y_row));
  return g->event_record(d, GDI_STREAM_COPY, s->slot[slot].sent);
}

gd_status gdi_upload_arrive(gdi_upload *s, int slot) {
  gd_device *d = s->on.device;
  return d->gpu->after(d, GDI_STREAM_COMPUTE, s->slot[slot].sent);
}

gd_status gdi_upload_used(gdi_upload *s, int slot) {
  gd_device *d = s->on.device;
  return d->gpu->event_record(d, GDI_STREAM_COMPUTE, s->slot[slot].used);
}

gd_status gdi_upload_form(gdi_upload *s, int slot, const gdi_batch_input *in, gd_range rows,
                          const gdi_formed *to) {
  const int64_t offset = in ? rows.lo : slot * s->rows + rows.lo; /* the input of our own says slot 0 */
  return form(&s->on, in ? in : s->on.input, offset, rows.hi - rows.lo, to);
}

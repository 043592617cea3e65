/*
 * The loader: micro-batches as tensors. See collate.c for what is in them.
 *
 * A held set is gathered by the caller. A streamed one has a thread that owns the reading: the caller posts
 * what it wants (a hint early, a get at the latest), the thread forms it in the slot that is not in use.
 */
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "data/collate.h"
#include "data/loader.h"
#include "device/device.h"

/* A micro-batch: tensors on the device, and the host memory in which they are formed. */
typedef struct slot {
  gd_tensor *x, *y;
  gd_tensor *rounded;    /* x in bf16, of a resident set where products take that; or NULL */
  char *host_x, *host_y; /* the tensors' own memory on a CPU */
  int64_t epoch;
  gd_range rows;
  gdi_gpu_slot gpu; /* where those are two memories */
} slot;

struct gd_loader {
  gd_dataset *d;
  gd_loader_options o;
  gd_arena *arena, *host; /* of the tensors; of host memory when the device has its own */
  gdi_collator collator;
  slot slot[2];
  int current; /* the one the caller has */

  gdi_gpu_set *resident;         /* on a GPU, when it fits */
  const gdi_batch_input *follow; /* gd_loader_follow() */
  int64_t follow_first;

  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool started, stop;
  enum { IDLE, WANTED, READY } state; /* of the other slot */
  gd_error error;                     /* why it is not there, when READY */
};

/* ---- the reading thread ---- */

static gd_status form(gd_loader *l, slot *s) {
  return gdi_collate(&l->collator, s->epoch, s->rows, s->host_x, s->host_y);
}

static void *reader(void *user) {
  gd_loader *l = user;
  pthread_mutex_lock(&l->mutex);
  while (!l->stop) {
    if (l->state != WANTED) {
      pthread_mutex_unlock(&l->mutex);
      bool more = gdi_collator_ahead(&l->collator);
      pthread_mutex_lock(&l->mutex);
      if (!more && l->state != WANTED && !l->stop) pthread_cond_wait(&l->changed, &l->mutex);
      continue;
    }
    slot *s = &l->slot[1 - l->current];
    pthread_mutex_unlock(&l->mutex);
    gd_error e = {.status = form(l, s)};
    if (e.status != GD_OK) e = *gd_error_last();
    pthread_mutex_lock(&l->mutex);
    l->error = e;
    l->state = READY;
    pthread_cond_broadcast(&l->changed);
  }
  pthread_mutex_unlock(&l->mutex);
  return NULL;
}

static bool is_for(const slot *s, int64_t epoch, gd_range rows) {
  return s->epoch == epoch && s->rows.lo == rows.lo && s->rows.hi == rows.hi;
}

static void want(gd_loader *l, int64_t epoch, gd_range rows) {
  slot *next = &l->slot[1 - l->current];
  next->epoch = epoch;
  next->rows = rows;
  l->state = WANTED;
  pthread_cond_broadcast(&l->changed);
}

static bool possible(const gd_loader *l, int64_t epoch, gd_range rows) {
  return epoch >= 0 && rows.lo >= 0 && rows.lo < rows.hi && rows.hi - rows.lo <= l->o.max_rows &&
         rows.hi <= l->o.order.n;
}

/* The GPU may still read the host memory of the slot that would be formed in. */
static bool other_was_sent(gd_loader *l) {
  gd_device *d = l->o.device;
  return l->resident || !d->gpu || gdi_gpu_slot_free_to_form(d, &l->slot[1 - l->current].gpu) == GD_OK;
}

/* Only a hint: otherwise gd_loader_get() forms the batch and reports errors. */
void gd_loader_hint(gd_loader *l, int64_t epoch, gd_range rows) {
  if (!l->started || !possible(l, epoch, rows) || !other_was_sent(l)) return;
  pthread_mutex_lock(&l->mutex);
  if (l->state != WANTED && !(l->state == READY && is_for(&l->slot[1 - l->current], epoch, rows)))
    want(l, epoch, rows);
  pthread_mutex_unlock(&l->mutex);
}

static gd_status take_streamed(gd_loader *l, int64_t epoch, gd_range rows) {
  pthread_mutex_lock(&l->mutex);
  while (l->state == WANTED) pthread_cond_wait(&l->changed, &l->mutex);
  if (l->state == IDLE || !is_for(&l->slot[1 - l->current], epoch, rows)) {
    want(l, epoch, rows);
    while (l->state == WANTED) pthread_cond_wait(&l->changed, &l->mutex);
  }
  l->state = IDLE;
  l->current = 1 - l->current;
  gd_error e = l->error;
  pthread_mutex_unlock(&l->mutex);
  return e.status == GD_OK ? GD_OK : gd_error_adopt(&e);
}

/* ---- the caller's side ---- */

/* The caller is done with its batch, and the other slot may be formed again once it was sent. */
static gd_status release_slots(gd_loader *l) {
  gd_device *d = l->o.device;
  GD_TRY(gdi_gpu_slot_used(d, &l->slot[l->current].gpu));
  return gdi_gpu_slot_free_to_form(d, &l->slot[1 - l->current].gpu);
}

static gd_status send(gd_loader *l, slot *s) {
  const size_t e = gd_dtype_bytes(l->o.dtype), n = (size_t)(s->rows.hi - s->rows.lo);
  const size_t y_bytes = n * (l->d->info.labels ? sizeof(int64_t) : (size_t)l->collator.y.n * e);
  return gdi_gpu_slot_send(l->o.device, &s->gpu, s->x, s->host_x, n * (size_t)l->collator.x.n * e, s->y,
                           s->host_y, y_bytes);
}

gd_status gd_loader_get(gd_loader *l, int64_t epoch, gd_range rows, gd_batch *out) {
  if (!possible(l, epoch, rows))
    return GD_FAIL(GD_ERR_USAGE,
                   "epoch %lld, positions %lld to %lld: of %lld samples, at most %lld at a time",
                   (long long)epoch, (long long)rows.lo, (long long)rows.hi, (long long)l->o.order.n,
                   (long long)l->o.max_rows);
  const bool sends = !l->resident && !l->o.device->memory.on_host;
  if (sends) GD_TRY(release_slots(l));
  if (l->started) {
    GD_TRY(take_streamed(l, epoch, rows));
  } else if (!l->resident) {
    if (sends) l->current = 1 - l->current;
    l->slot[l->current].epoch = epoch;
    l->slot[l->current].rows = rows;
    GD_TRY(form(l, &l->slot[l->current]));
  }
  slot *s = &l->slot[l->current];
  s->x->shape[0] = s->y->shape[0] = rows.hi - rows.lo; /* the tensors have room for max_rows */
  if (sends) GD_TRY(send(l, s));
  if (l->resident)
    GD_TRY(gdi_gpu_set_form(l->resident, l->follow, l->follow_first, epoch, rows, s->x, s->rounded, s->y));
  *out = (gd_batch){s->x, s->y, rows};
  return GD_OK;
}

bool gdi_loader_resident(const gd_loader *l) {
  return l->resident != NULL;
}

void gdi_loader_follow(gd_loader *l, const gdi_batch_input *in, int64_t first) {
  l->follow = in;
  l->follow_first = first;
}

static gd_status host_memory(gd_loader *l, char **out, const gd_tensor *t, size_t bytes) {
  *out = t->data;
  if (l->o.device->memory.on_host || l->resident) return GD_OK;
  *out = gd_arena_alloc(l->host, bytes);
  return *out ? GD_OK : GD_ERR_OOM;
}

static gd_status make_slot(gd_loader *l, slot *s) {
  const gd_data_info *info = &l->d->info;
  const gd_loader_options *o = &l->o;
  int64_t shape[GD_MAX_DIMS] = {o->max_rows};
  memcpy(shape + 1, info->sample, (size_t)info->ndim * sizeof *shape);
  GD_TRY(gd_tensor_new(&s->x, l->arena, o->device, o->dtype, info->ndim + 1, shape));
  shape[1] = info->targets;
  GD_TRY(gd_tensor_new(&s->y, l->arena, o->device, info->labels ? GD_I64 : o->dtype,
                       info->labels || info->y_vector ? 1 : 2, shape));
  if (l->resident && o->device->matmul == GD_MATMUL_BF16 && o->dtype == GD_F32)
    GD_TRY(gd_tensor_new(&s->rounded, l->arena, o->device, GD_BF16, GD_SHAPE(o->max_rows, l->collator.x.n)));
  if (!l->resident && o->device->gpu) GD_TRY(gdi_gpu_slot_new(o->device, &s->gpu));
  GD_TRY(
      host_memory(l, &s->host_x, s->x, (size_t)(o->max_rows * l->collator.x.n) * gd_dtype_bytes(o->dtype)));
  return host_memory(l, &s->host_y, s->y, (size_t)(o->max_rows * l->collator.y.n) * sizeof(double));
}

static gd_status start_reader(gd_loader *l) {
  GD_TRY(gdi_thread_start(&l->thread, reader, l, "read samples"));
  l->started = true;
  return GD_OK;
}

static gd_status make(gd_loader *l) {
  gd_dataset *d = l->d;
  const gd_loader_options *o = &l->o;
  if (o->max_rows < 1 || o->order.n < 1 || o->order.set_n != d->info.n)
    return GD_FAIL(GD_ERR_USAGE, "%s has %lld samples; the order is for %lld, the micro-batch of %lld",
                   d->info.path, (long long)d->info.n, (long long)o->order.set_n, (long long)o->max_rows);
  if (o->order.shuffle == GD_SHUFFLE_BLOCK && o->order.block < 1)
    return GD_FAIL(GD_ERR_USAGE, "%s: a block of %lld samples", d->info.path, (long long)o->order.block);
  if (!d->streamed && !d->held_x)
    return GD_FAIL(GD_ERR_USAGE, "%s is not in memory yet: gd_dataset_hold()", d->info.path);
  GD_TRY(gd_arena_new(&l->arena, "batch"));
  GD_TRY(gdi_arena_new_over(&l->host, "batch staging",
                            o->device->gpu ? &o->device->gpu->pinned : &gdi_host_memory));
  GD_TRY(gdi_collator_make(&l->collator, d, o));
  if (o->device->gpu) GD_TRY(gdi_gpu_set_new(&l->resident, o->device, d, &l->collator.x, &l->o.order));
  const bool two = d->streamed || (o->device->gpu && !l->resident);
  for (int i = 0; i < (two ? 2 : 1); i++) GD_TRY(make_slot(l, &l->slot[i]));
  return d->streamed ? start_reader(l) : GD_OK;
}

gd_status gd_loader_new(gd_loader **out, gd_dataset *d, const gd_loader_options *o) {
  gd_loader *l = *out = calloc(1, sizeof *l);
  if (!l) return GD_FAIL(GD_ERR_OOM, "no memory for a loader");
  l->d = d;
  l->o = *o;
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->changed, NULL);
  gd_status st = make(l);
  if (st != GD_OK) {
    gd_loader_free(l);
    *out = NULL;
  }
  return st;
}

void gd_loader_free(gd_loader *l) {
  if (!l) return;
  if (l->started) {
    pthread_mutex_lock(&l->mutex);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
  }
  pthread_mutex_destroy(&l->mutex);
  pthread_cond_destroy(&l->changed);
  gdi_gpu_set_free(l->resident);
  for (int i = 0; l->o.device->gpu && i < 2; i++) gdi_gpu_slot_free(l->o.device, &l->slot[i].gpu);
  gdi_collator_free(&l->collator);
  gd_arena_free(l->arena);
  gd_arena_free(l->host);
  free(l);
}

/*
 * The loader: micro-batches as tensors. See collate.c for what is in them.
 *
 * A held set is gathered by the caller. A streamed one, or one that is augmented, has a thread for that: the caller posts
 * what it wants (a hint early, a get at the latest), the thread forms it in the slot that is not in use.
 *
 * A GPU forms micro-batches by itself, from the whole set when it is resident, else from samples as stored,
 * which were put in a slot here and sent (gdi_upload). There is one pair of tensors then.
 */
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "data/augment.h"
#include "data/collate.h"
#include "data/loader.h"
#include "device/device.h"

/* Samples that are wanted, and the host memory in which they are put together. */
typedef struct slot {
  gd_tensor *x, *y;                   /* on a GPU the same ones in both slots */
  gd_tensor *more[GD_MAX_FIELDS - 2]; /* fields beyond y */
  char *host_more[GD_MAX_FIELDS - 2];
  char *host_x, *host_y; /* the tensors' own memory on a CPU, else that of the feed */
  int64_t epoch;
  gd_range rows;
} slot;

struct gd_loader {
  gd_dataset *d;
  gd_loader_options o;
  gd_arena *arena;
  gdi_collator collator;
  slot slot[2];
  int current;  /* the one the caller has */
  int64_t most; /* samples of a slot */

  /* on a GPU: the whole set when it fits, or what was sent */
  gdi_gpu_set *resident;
  gdi_upload *feed;
  gd_tensor *rounded;            /* x in bf16, where products take that; or NULL */
  const gdi_batch_input *follow; /* gdi_loader_follow(), gdi_loader_take() */
  int64_t follow_first;
  bool taken; /* the current slot has what gdi_loader_take() asked for, not used up yet */

  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool started, stop;
  enum { IDLE, WANTED, READY } state; /* of the other slot; READY, without a thread: sent too */
  gd_error error;                     /* why it is not there, when READY */
};

/* ---- the reading thread ---- */

static gd_status form(gd_loader *l, slot *s) {
  return gdi_collate(&l->collator, s->epoch, s->rows, s->host_x, s->host_y, s->host_more);
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

static bool possible(const gd_loader *l, int64_t epoch, gd_range rows, int64_t most) {
  return epoch >= 0 && rows.lo >= 0 && rows.lo < rows.hi && rows.hi - rows.lo <= most &&
         rows.hi <= l->o.order.n;
}

static gd_status check(const gd_loader *l, int64_t epoch, gd_range rows, int64_t most) {
  if (possible(l, epoch, rows, most)) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "epoch %lld, positions %lld to %lld: of %lld samples, at most %lld at a time",
                 (long long)epoch, (long long)rows.lo, (long long)rows.hi, (long long)l->o.order.n,
                 (long long)most);
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

/* A held set that is not resident: rows are put in the other slot and sent, by the caller. */
static gd_status send_ahead(gd_loader *l, int64_t epoch, gd_range rows) {
  const int next = 1 - l->current;
  slot *s = &l->slot[next];
  if (l->state == READY && is_for(s, epoch, rows)) return GD_OK;
  l->state = IDLE;
  GD_TRY(gdi_upload_writable(l->feed, next));
  s->epoch = epoch;
  s->rows = rows;
  GD_TRY(form(l, s));
  GD_TRY(gdi_upload_send(l->feed, next, rows.hi - rows.lo));
  l->state = READY;
  return GD_OK;
}

static gd_status take_held(gd_loader *l, int64_t epoch, gd_range rows) {
  if (l->feed) {
    GD_TRY(send_ahead(l, epoch, rows));
    l->state = IDLE;
    l->current = 1 - l->current;
    return GD_OK;
  }
  slot *s = &l->slot[0];
  s->epoch = epoch;
  s->rows = rows;
  return form(l, s);
}

/* The current slot is then for these samples; on a GPU it is on its way there. */
static gd_status take(gd_loader *l, int64_t epoch, gd_range rows) {
  if (!l->started) {
    GD_TRY(take_held(l, epoch, rows));
  } else {
    if (l->feed) GD_TRY(gdi_upload_writable(l->feed, 1 - l->current));
    GD_TRY(take_streamed(l, epoch, rows));
    if (l->feed) GD_TRY(gdi_upload_send(l->feed, l->current, rows.hi - rows.lo));
  }
  return l->feed ? gdi_upload_arrive(l->feed, l->current) : GD_OK;
}

/* Only a hint: what fails here fails again in gd_loader_get(), which reports it. */
void gd_loader_hint(gd_loader *l, int64_t epoch, gd_range rows) {
  if (l->resident || l->taken || !possible(l, epoch, rows, l->most)) return;
  if (!l->started) {
    if (l->feed && send_ahead(l, epoch, rows) != GD_OK) gd_error_clear();
    return;
  }
  /* the GPU may still read the host memory of the slot that would be formed in */
  if (l->feed && gdi_upload_writable(l->feed, 1 - l->current) != GD_OK) {
    gd_error_clear();
    return;
  }
  pthread_mutex_lock(&l->mutex);
  if (l->state != WANTED && !(l->state == READY && is_for(&l->slot[1 - l->current], epoch, rows)))
    want(l, epoch, rows);
  pthread_mutex_unlock(&l->mutex);
}

static gd_status form_on_gpu(gd_loader *l, const slot *s, int64_t epoch, gd_range rows) {
  gdi_formed to = {
      .type = l->o.dtype, .x = s->x->data, .y = s->y->data, .rounded = l->rounded ? l->rounded->data : NULL};
  for (int f = 0; f < l->d->info.n_more; f++) to.more[f] = s->more[f]->data;
  if (l->resident) return gdi_gpu_set_form(l->resident, l->follow, l->follow_first, epoch, rows, &to);
  const gd_range within = {rows.lo - s->rows.lo, rows.hi - s->rows.lo};
  GD_TRY(gdi_upload_form(l->feed, l->current, l->taken ? l->follow : NULL, within, &to));
  return l->taken ? GD_OK : gdi_upload_used(l->feed, l->current);
}

gd_status gd_loader_get(gd_loader *l, int64_t epoch, gd_range rows, gd_batch *out) {
  GD_TRY(check(l, epoch, rows, l->o.max_rows));
  if (!l->resident && !l->taken) GD_TRY(take(l, epoch, rows));
  slot *s = &l->slot[l->current];
  if (l->taken && (s->epoch != epoch || rows.lo < s->rows.lo || rows.hi > s->rows.hi))
    return GD_FAIL(GD_ERR_USAGE, "positions %lld to %lld were not taken", (long long)rows.lo,
                   (long long)rows.hi);
  s->x->shape[0] = s->y->shape[0] = rows.hi - rows.lo; /* the tensors have room for max_rows */
  if (l->resident || l->feed) GD_TRY(form_on_gpu(l, s, epoch, rows));
  *out = gd_batch_of(s->x, s->y, rows);
  out->field[0].name = l->d->info.x_name, out->field[1].name = l->d->info.y_name;
  for (int f = 0; f < l->d->info.n_more; f++) {
    const gd_source_field *m = &l->d->info.more[f];
    s->more[f]->shape[0] = rows.hi - rows.lo;
    out->field[out->n_fields++] = (gd_field){m->name, s->more[f], m->input};
    if (strcmp(m->name, "w") == 0) out->w = s->more[f];
  }
  return GD_OK;
}

bool gdi_loader_resident(const gd_loader *l) {
  return l->resident != NULL;
}

bool gdi_loader_augments_there(const gd_loader *l) {
  return l->collator.drawn > 0;
}

void gdi_loader_follow(gd_loader *l, const gdi_batch_input *in, int64_t first) {
  l->follow = in;
  l->follow_first = first;
}

gd_status gdi_loader_take(gd_loader *l, int64_t epoch, gd_range rows, const gdi_batch_input *in,
                          gdi_batch_input *now) {
  GD_TRY(check(l, epoch, rows, l->most));
  GD_TRY(take(l, epoch, rows));
  l->taken = true;
  l->follow = in;
  *now = gdi_upload_input(l->feed, l->current);
  return GD_OK;
}

gd_status gdi_loader_used(gd_loader *l) {
  if (!l->taken) return GD_OK;
  l->taken = false;
  return gdi_upload_used(l->feed, l->current);
}

static gd_status make_tensors(gd_loader *l, slot *s) {
  const gd_data_info *info = &l->d->info;
  const gd_loader_options *o = &l->o;
  int64_t shape[GD_MAX_DIMS] = {o->max_rows};
  memcpy(shape + 1, info->sample, (size_t)info->ndim * sizeof *shape);
  GD_TRY(gd_tensor_new(&s->x, l->arena, o->device, info->x_index ? GD_I64 : o->dtype, info->ndim + 1, shape));
  const bool mixed = info->labels && gd_augment_mixes(o->augment), labels = info->labels && !mixed;
  shape[1] = mixed ? info->classes : info->targets;
  if (labels) memcpy(shape + 1, info->y_sample, (size_t)info->y_ndim * sizeof *shape);
  GD_TRY(gd_tensor_new(&s->y, l->arena, o->device, labels ? GD_I64 : o->dtype,
                       labels                     ? 1 + info->y_ndim
                       : info->y_vector && !mixed ? 1
                                                  : 2,
                       shape));
  s->host_x = s->x->data;
  s->host_y = s->y->data;
  for (int f = 0; f < l->d->info.n_more; f++) {
    const gd_source_field *m = &l->d->info.more[f];
    memcpy(shape + 1, m->shape, (size_t)m->ndim * sizeof *shape);
    GD_TRY(gd_tensor_new(&s->more[f], l->arena, o->device, m->index ? GD_I64 : o->dtype, m->ndim + 1, shape));
    s->host_more[f] = s->more[f]->data;
  }
  return GD_OK;
}

/* A GPU augments by itself, where it can; decoded images are augmented by the threads that decode. */
static gd_status make_feed(gd_loader *l, const gdi_scaling *by) {
  const gd_data_info *i = &l->d->info;
  gdi_changes c = {0};
  if (l->o.augment && !l->d->image_at && gdi_augment_on_gpu(l->o.augment, i)) {
    GD_TRY(gdi_augment_changes(&c, &l->o, i, l->arena));
    l->collator.drawn = (size_t)c.n * sizeof(gdi_change);
  } else if (gd_augment_mixes(l->o.augment)) {
    return GD_FAIL(GD_ERR_USAGE,
                   "%s: mixup and cutmix are not done on GPUs where images are kept encoded, or "
                   "others of the list are not: --device cpu, or without them",
                   i->path);
  }
  return gdi_upload_new(&l->feed, l->o.device, l->d, by, &c, l->most);
}

static gd_status make_on_gpu(gd_loader *l) {
  gd_device *d = l->o.device;
  if (l->d->info.x_index)
    return GD_FAIL(GD_ERR_USAGE, "%s: an index for x is not formed on a GPU yet; use --device cpu",
                   l->d->info.path);
  const gdi_scaling by = {&l->collator.x, &l->collator.y};
  if (!l->o.augment) /* a resident set is formed by the GPU alone */
    GD_TRY(gdi_gpu_set_new(&l->resident, d, l->d, &by, &l->o.order));
  GD_TRY(make_tensors(l, &l->slot[0]));
  if (d->matmul == GD_MATMUL_BF16 && l->o.dtype == GD_F32)
    GD_TRY(gd_tensor_new(&l->rounded, l->arena, d, GD_BF16, GD_SHAPE(l->o.max_rows, l->collator.x.n)));
  if (l->resident) return GD_OK;
  GD_TRY(make_feed(l, &by));
  l->collator.as_stored = true;
  l->slot[1] = l->slot[0];
  for (int i = 0; i < 2; i++) {
    l->slot[i].host_x = gdi_upload_x(l->feed, i);
    l->slot[i].host_y = gdi_upload_y(l->feed, i);
  }
  return GD_OK;
}

static gd_status start_reader(gd_loader *l) {
  GD_TRY(gdi_thread_start(&l->thread, reader, l, "read samples"));
  l->started = true;
  return GD_OK;
}

static gd_status make(gd_loader *l, int64_t sent_rows) {
  gd_dataset *d = l->d;
  const gd_loader_options *o = &l->o;
  const bool reads = d->streamed || o->augment; /* a thread, while the caller computes */
  if (o->max_rows < 1 || o->order.n < 1 || o->order.set_n != d->info.n)
    return GD_FAIL(GD_ERR_USAGE, "%s has %lld samples; the order is for %lld, the micro-batch of %lld",
                   d->info.path, (long long)d->info.n, (long long)o->order.set_n, (long long)o->max_rows);
  if (o->order.shuffle == GD_SHUFFLE_BLOCK && o->order.block < 1)
    return GD_FAIL(GD_ERR_USAGE, "%s: a block of %lld samples", d->info.path, (long long)o->order.block);
  if (!d->streamed && !d->loaded_x)
    return GD_FAIL(GD_ERR_USAGE, "%s is not in memory yet: gd_dataset_load()", d->info.path);
  l->most = o->device->gpu && sent_rows > o->max_rows ? sent_rows : o->max_rows;
  GD_TRY(gd_arena_new(&l->arena, "batch"));
  GD_TRY(gdi_collator_make(&l->collator, d, o, l->most));
  if (o->device->gpu) {
    GD_TRY(make_on_gpu(l));
  } else {
    for (int i = 0; i < (reads ? 2 : 1); i++) GD_TRY(make_tensors(l, &l->slot[i]));
  }
  return reads ? start_reader(l) : GD_OK;
}

gd_status gdi_loader_new(gd_loader **out, gd_dataset *d, const gd_loader_options *o, int64_t sent_rows) {
  gd_loader *l = *out = calloc(1, sizeof *l);
  if (!l) return GD_FAIL(GD_ERR_OOM, "no memory for a loader");
  l->d = d;
  l->o = *o;
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->changed, NULL);
  gd_status st = make(l, sent_rows);
  if (st != GD_OK) {
    gd_loader_free(l);
    *out = NULL;
  }
  return st;
}

gd_status gd_loader_new(gd_loader **out, gd_dataset *d, const gd_loader_options *o) {
  return gdi_loader_new(out, d, o, o->max_rows);
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
  gdi_upload_free(l->feed);
  gdi_collator_free(&l->collator);
  gd_arena_free(l->arena);
  free(l);
}

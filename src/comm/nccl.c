/* A communicator of NCCL: its start, its operations, its memory, its end. */
#include "comm/nccl.h"

#include <stdio.h>
#include <stdlib.h>

#include "comm/nccl_comm.h"
#include "comm/nccl_bootstrap.h"

/* An operation: blamed from now on, watched while it is in the library, and settled. */
#define QUEUE(x, act, n, peer, call)                                                                         \
  do {                                                                                                       \
    GD_TRY(begin(x, act, n, peer));                                                                          \
    GD_TRY(gdi_nccl_settle(x, (x)->nccl->call));                                                             \
  } while (0)

static gd_status begin(gdi_nccl *x, gdi_nccl_act act, int64_t n, int peer) {
  if (x->lost || x->world->broken) return GD_ERR_COMM;
  x->last.act = act, x->last.n = n, x->last.peer = peer;
  gdi_watch(&x->world->watchdog, "NCCL");
  return GD_OK;
}

/* ---- start ---- */

/* The name under which the ranks find each other. Rank 0 may fail to make it: then there is no network for
 * it. */
static gd_status spread_id(gd_world *w, const gdi_nccl_library *nccl, gdi_nccl_id *id, char *why,
                           size_t bytes) {
  struct {
    gdi_nccl_id id;
    char why[200];
  } news = {0};
  if (w->rank == 0) {
    gdi_watch(&w->watchdog, "NCCL");
    const unsigned answer = nccl->GetUniqueId(&news.id);
    gdi_unwatch(&w->watchdog);
    if (answer != GDI_NCCL_SUCCESS)
      snprintf(news.why, sizeof news.why, "NCCL cannot start on host %s: %.100s", w->place[0].name,
               nccl->GetErrorString(answer));
  }
  GD_TRY(gd_world_bcast(w, &news, sizeof news, 0));
  *id = news.id;
  snprintf(why, bytes, "%s", news.why);
  return GD_OK;
}

static gd_status start(gdi_nccl *x, const gdi_nccl_id *id) {
  gd_world *w = x->world;
  gdi_nccl_config config = GDI_NCCL_NOT_BLOCKING;
  char version[16];
  gdi_nccl_version_text(version, sizeof version, x->nccl->version);
  snprintf(x->name, sizeof x->name, "NCCL %s", version);
  QUEUE(x, GDI_NCCL_ACT_START, 0, 0, CommInitRankConfig(&x->comm, w->size, *id, w->rank, &config));
  return GD_OK;
}

static gd_status wait_with_deadline(void *user, gdi_event *m) {
  return gdi_nccl_wait(user, m);
}

gd_status gdi_nccl_new(gdi_nccl **out, gd_world *w, gd_device *d, char *why, size_t why_bytes) {
  const char *missing;
  const gdi_nccl_library *nccl = gdi_nccl_load(&missing);
  gdi_nccl_id id;
  *out = NULL;
  GD_TRY(gdi_nccl_bootstrap(w, d, nccl, missing, why, why_bytes));
  if (why[0]) return GD_OK;
  GD_TRY(spread_id(w, nccl, &id, why, why_bytes));
  if (why[0]) return GD_OK;
  gdi_nccl *x = calloc(1, sizeof *x);
  GD_TRY(gd_world_agree(w, x ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for a communicator of NCCL")));
  x->world = w, x->device = d, x->nccl = nccl;
  gd_status st = start(x, &id);
  if (st == GD_OK) st = d->gpu->wait_hook(d, wait_with_deadline, x);
  if (st == GD_OK)
    *out = x;
  else
    gdi_nccl_free(x);
  return st;
}

const char *gdi_nccl_describe(const gdi_nccl *x) {
  return x->name;
}

/* ---- operations ---- */

static struct CUstream_st *handle(const gdi_nccl *x, gdi_stream stream) {
  return x->device->gpu->stream_handle(x->device, stream);
}

gd_status gdi_nccl_begin(gdi_nccl *x) {
  if (x->lost) return GD_ERR_COMM;
  x->grouped = true;
  return gdi_nccl_settle(x, x->nccl->GroupStart());
}

gd_status gdi_nccl_end(gdi_nccl *x) {
  if (x->lost) return GD_ERR_COMM;
  x->grouped = false;
  gdi_watch(&x->world->watchdog, "NCCL");
  return gdi_nccl_settle(x, x->nccl->GroupEnd());
}

gd_status gdi_nccl_send(gdi_nccl *x, gdi_stream stream, const void *data, size_t bytes, int to) {
  QUEUE(x, GDI_NCCL_ACT_SEND, (int64_t)bytes, to,
        Send(data, bytes, GDI_NCCL_BYTE, to, x->comm, handle(x, stream)));
  return GD_OK;
}

gd_status gdi_nccl_receive(gdi_nccl *x, gdi_stream stream, void *data, size_t bytes, int from) {
  QUEUE(x, GDI_NCCL_ACT_RECEIVE, (int64_t)bytes, from,
        Recv(data, bytes, GDI_NCCL_BYTE, from, x->comm, handle(x, stream)));
  return GD_OK;
}

gd_status gdi_nccl_sum(gdi_nccl *x, gdi_stream stream, void *data, int64_t n, gd_dtype type) {
  if (type != GD_F32 && type != GD_F64)
    return GD_FAIL(GD_ERR_DTYPE, "sums over ranks are of f32 or f64, not %s", gd_dtype_name(type));
  QUEUE(x, GDI_NCCL_ACT_SUM, n, 0,
        AllReduce(data, data, (size_t)n, type == GD_F32 ? GDI_NCCL_F32 : GDI_NCCL_F64, GDI_NCCL_SUM, x->comm,
                  handle(x, stream)));
  return GD_OK;
}

gd_status gdi_nccl_broadcast(gdi_nccl *x, gdi_stream stream, void *data, size_t bytes, int root) {
  QUEUE(x, GDI_NCCL_ACT_BROADCAST, (int64_t)bytes, root,
        Broadcast(data, data, bytes, GDI_NCCL_BYTE, root, x->comm, handle(x, stream)));
  return GD_OK;
}

/* ---- memory ---- */

static bool take(gdi_nccl *x, gdi_nccl_piece *p, size_t bytes) {
  const gdi_nccl_library *nccl = x->nccl;
  if (!nccl->MemAlloc || !nccl->MemFree || !nccl->CommRegister || !nccl->CommDeregister) return false;
  if (nccl->MemAlloc(&p->data, bytes) != GDI_NCCL_SUCCESS) return false;
  if (nccl->CommRegister(x->comm, p->data, bytes, &p->handle) == GDI_NCCL_SUCCESS) return true;
  (void)nccl->MemFree(p->data);
  return false;
}

/* A communicator that was aborted keeps nothing registered. */
static void give(gdi_nccl *x, gdi_nccl_piece *p) {
  if (x->comm) (void)x->nccl->CommDeregister(x->comm, p->handle);
  (void)x->nccl->MemFree(p->data);
  free(p);
}

gd_status gdi_nccl_memory(gdi_nccl *x, void **out, size_t bytes) {
  *out = NULL;
  GD_TRY(begin(x, GDI_NCCL_ACT_MEMORY, (int64_t)bytes, 0));
  gdi_nccl_piece *p = calloc(1, sizeof *p);
  const bool here = p && take(x, p, bytes);
  gdi_unwatch(&x->world->watchdog);
  double everywhere = here;
  gd_status st = gd_world_allreduce_f64(x->world, &everywhere, 1, GD_MIN);
  if (st != GD_OK || everywhere == 0) {
    here ? give(x, p) : free(p);
    return st;
  }
  p->next = x->pieces;
  x->pieces = p;
  *out = p->data;
  return GD_OK;
}

void gdi_nccl_memory_free(gdi_nccl *x, void *memory) {
  for (gdi_nccl_piece **at = &x->pieces; *at; at = &(*at)->next) {
    gdi_nccl_piece *p = *at;
    if (p->data != memory) continue;
    *at = p->next;
    give(x, p);
    return;
  }
}

/* ---- end ---- */

/* What is still queued is done, within the deadline. */
static gd_status drain(gdi_nccl *x) {
  const gdi_gpu *gpu = x->device->gpu;
  gdi_event *m;
  GD_TRY(gpu->event_new(x->device, &m));
  gd_status st = GD_OK;
  for (int stream = 0; stream < GDI_STREAMS && st == GD_OK; stream++) {
    st = gpu->event_record(x->device, (gdi_stream)stream, m);
    if (st == GD_OK) st = gdi_nccl_wait(x, m);
  }
  gpu->event_free(x->device, m);
  return st;
}

static gd_status finish(gdi_nccl *x) {
  GD_TRY(drain(x));
  while (x->pieces) gdi_nccl_memory_free(x, x->pieces->data);
  QUEUE(x, GDI_NCCL_ACT_END, 0, 0, CommFinalize(x->comm));
  gdi_watch(&x->world->watchdog, "NCCL");
  (void)x->nccl->CommDestroy(x->comm);
  gdi_unwatch(&x->world->watchdog);
  x->comm = NULL;
  return GD_OK;
}

/* What fails here broke the world: its next use tells. */
void gdi_nccl_free(gdi_nccl *x) {
  if (!x) return;
  gd_status st = x->lost || x->world->broken ? GD_ERR_COMM : finish(x);
  if (st != GD_OK) st = gdi_nccl_give_up(x, st);
  (void)x->device->gpu->wait_hook(x->device, NULL, NULL);
  free(x);
}

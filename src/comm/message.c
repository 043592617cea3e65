/* Messages with deadlines: everything is started without blocking and then tested against the clock. */
#include <stdlib.h>
#include <time.h>

#include "comm/world.h"

struct gd_request {
  int n;
  MPI_Request *part, one; /* part points to `one` unless there are several */
  gd_request *next;       /* in the list of spare ones */
};

/* ---- waiting ---- */

void gdi_waiting(gd_world *w, bool waiting, const char *what) {
  if (w->control) atomic_store(&w->control->member[w->rank - w->mine.lo].in_messages, waiting);
  waiting ? gdi_watch(&w->watchdog, what) : gdi_unwatch(&w->watchdog);
}

/* With a core of its own a rank may poll; otherwise it makes room, for longer the longer it waits. */
static void make_room(const gd_world *w, int64_t waited_ns) {
  if (!w->crowded) return;
  int64_t ns = waited_ns / 8;
  ns = ns > 1000000 ? 1000000 : ns;
  if (ns < 20000)
    sched_yield();
  else
    nanosleep(&(struct timespec){0, ns}, NULL);
}

/*
 * The deadline is over. Every rank that can tells every other so; those that stay silent are the ones that
 * were waited for. (A message to a dead or stopped rank is simply never finished.)
 */
gd_status gdi_roll_call(gd_world *w, const char *what) {
  const size_t n = (size_t)w->size;
  bool *missing = calloc(n, sizeof *missing);
  MPI_Request *request = malloc(2 * n * sizeof *request);
  if (!missing || !request) {
    free(missing), free(request);
    return GD_FAIL(GD_ERR_OOM, "no memory to tell which rank is missing");
  }
  for (int r = 0; r < w->size; r++) {
    request[2 * r] = request[2 * r + 1] = MPI_REQUEST_NULL;
    missing[r] = r != w->rank;
    if (!missing[r]) continue;
    MPI_Irecv(NULL, 0, MPI_BYTE, r, GDI_TAG_ROLL_CALL, w->comm, &request[2 * r]);
    MPI_Isend(NULL, 0, MPI_BYTE, r, GDI_TAG_ROLL_CALL, w->comm, &request[2 * r + 1]);
  }
  bool any = true;
  for (int64_t until = gdi_now_ns() + (int64_t)(gdi_grace_s(w) * 1e9); any && gdi_now_ns() < until;) {
    any = false;
    for (int r = 0; r < w->size; r++) {
      int here = 0;
      if (missing[r] && MPI_Test(&request[2 * r], &here, MPI_STATUS_IGNORE) == MPI_SUCCESS && here)
        missing[r] = false;
      any |= missing[r];
    }
    nanosleep(&(struct timespec){0, 100000}, NULL);
  }
  gd_status st = gdi_lost(w, missing, what);
  free(missing); /* the requests stay with MPI, and so does their memory: the job is about to end */
  return st;
}

gd_status gdi_mpi_wait(gd_world *w, MPI_Request *r, const char *what) {
  if (w->broken) return GD_ERR_COMM;
  int done = 0, code = MPI_Test(r, &done, MPI_STATUS_IGNORE);
  if (code == MPI_SUCCESS && done) return GD_OK;
  gdi_waiting(w, true, what);
  const int64_t start = gdi_now_ns(), limit = (int64_t)(w->deadline_s * 1e9);
  gd_status st = GD_OK;
  while (code == MPI_SUCCESS && !done && st == GD_OK) {
    int64_t waited = gdi_now_ns() - start;
    if (waited > limit) {
      st = gdi_roll_call(w, what);
    } else {
      make_room(w, waited);
      code = MPI_Test(r, &done, MPI_STATUS_IGNORE);
    }
  }
  gdi_waiting(w, false, NULL);
  return code == MPI_SUCCESS ? st : gdi_mpi_failed(w, code, what);
}

/* ---- requests ---- */

static gd_status request_new(gd_world *w, int parts, gd_request **out) {
  gd_request *q = w->spare;
  if (q)
    w->spare = q->next;
  else
    q = malloc(sizeof *q);
  *out = q;
  if (!q) return GD_FAIL(GD_ERR_OOM, "no memory for a message");
  q->n = 0;
  q->part = parts > 1 ? malloc((size_t)parts * sizeof *q->part) : &q->one;
  if (q->part) return GD_OK;
  free(q), *out = NULL;
  return GD_FAIL(GD_ERR_OOM, "no memory for a message of %d parts", parts);
}

static void request_release(gd_world *w, gd_request *q) {
  if (q->part != &q->one) free(q->part);
  q->next = w->spare;
  w->spare = q;
}

void gdi_requests_free(gd_world *w) {
  for (gd_request *q = w->spare, *next; q; q = next) {
    next = q->next;
    free(q);
  }
}

typedef int (*start_part)(gd_world *w, char *data, int n, int peer, int tag, MPI_Request *r);

static int start_send(gd_world *w, char *data, int n, int to, int tag, MPI_Request *r) {
  return MPI_Isend(data, n, MPI_BYTE, to, tag, w->comm, r);
}
static int start_receive(gd_world *w, char *data, int n, int from, int tag, MPI_Request *r) {
  return MPI_Irecv(data, n, MPI_BYTE, from, tag, w->comm, r);
}
static int start_sum_f32(gd_world *w, char *data, int n, int peer, int tag, MPI_Request *r) {
  (void)peer, (void)tag;
  return MPI_Iallreduce(MPI_IN_PLACE, data, n, MPI_FLOAT, MPI_SUM, w->comm, r);
}
static int start_sum_f64(gd_world *w, char *data, int n, int peer, int tag, MPI_Request *r) {
  (void)peer, (void)tag;
  return MPI_Iallreduce(MPI_IN_PLACE, data, n, MPI_DOUBLE, MPI_SUM, w->comm, r);
}

/* n elements in pieces that an int can count. */
static gd_status start(gd_world *w, start_part part, void *data, int64_t n, size_t element_bytes, int peer,
                       int tag, gd_request **out) {
  *out = NULL;
  if (w->broken) return GD_ERR_COMM;
  const int64_t piece = GDI_PIECE_BYTES / (int64_t)element_bytes;
  GD_TRY(request_new(w, (int)((n + piece - 1) / piece), out));
  int64_t at = 0;
  do {
    int64_t count = n - at < piece ? n - at : piece;
    int code =
        part(w, (char *)data + (size_t)at * element_bytes, (int)count, peer, tag, &(*out)->part[(*out)->n++]);
    if (code != MPI_SUCCESS) return gdi_mpi_failed(w, code, "starting a message");
    at += count;
  } while (at < n);
  return GD_OK;
}

static gd_status check_peer(const gd_world *w, int peer, int tag) {
  if (w->mpi && peer >= 0 && peer < w->size && tag >= 0 && tag < GDI_TAG_ROLL_CALL) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "a message with tag %d between rank %d and rank %d of a world of %d", tag,
                 w->rank, peer, w->size);
}

gd_status gd_isend(gd_world *w, const void *data, size_t bytes, int to, int tag, gd_request **out) {
  *out = NULL;
  GD_TRY(check_peer(w, to, tag));
  return start(w, start_send, (void *)(uintptr_t)data, (int64_t)bytes, 1, to, tag, out);
}

gd_status gd_irecv(gd_world *w, void *data, size_t bytes, int from, int tag, gd_request **out) {
  *out = NULL;
  GD_TRY(check_peer(w, from, tag));
  return start(w, start_receive, data, (int64_t)bytes, 1, from, tag, out);
}

gd_status gd_iallreduce(gd_world *w, void *data, int64_t n, bool f64, gd_request **out) {
  *out = NULL;
  if (w->size == 1) return GD_OK; /* the sum over one rank is there already */
  return start(w, f64 ? start_sum_f64 : start_sum_f32, data, n, f64 ? sizeof(double) : sizeof(float), 0, 0,
               out);
}

/*
 * One poll moves one fragment a connection, and there may be a pile of them; MPI does not say. But a poll
 * that copied a fragment took longer than one that found nothing.
 */
void gd_progress(gd_world *w) {
  enum { MOST_POLLS = 64, IDLE_NS = 5000 };
  int64_t now = gdi_now_ns(), before = now - IDLE_NS;
  for (int i = 0; w->mpi && !w->broken && i < MOST_POLLS && now - before >= IDLE_NS; i++) {
    int flag;
    MPI_Iprobe(MPI_ANY_SOURCE, GDI_TAG_ROLL_CALL, w->comm, &flag, MPI_STATUS_IGNORE);
    before = now, now = gdi_now_ns();
  }
}

gd_status gd_wait(gd_world *w, gd_request *requests[], int n) {
  gd_status st = GD_OK;
  for (int i = 0; i < n; i++) {
    gd_request *q = requests[i];
    requests[i] = NULL;
    if (!q) continue;
    for (int k = 0; k < q->n && st == GD_OK; k++) st = gdi_mpi_wait(w, &q->part[k], "a message");
    request_release(w, q);
  }
  return st;
}

/* What runs on the stream: an execution passes its messages and looks at them again until all are there. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "comm.h"

namespace stub {

double now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

bool Head::operator==(const Head &o) const {
  return kind == o.kind && type == o.type && n == o.n && root == o.root && registered == o.registered;
}

static const char *name(Kind kind) {
  static const char *const names[] = {"send", "receive", "sum", "broadcast"};
  return names[(int)kind];
}

static size_t bytes_of(size_t n, ncclDataType_t type) {
  return n * (type == ncclFloat64 ? 8 : type == ncclFloat32 ? 4 : 1);
}

static std::string tell(const Head &h) {
  char text[160];
  const std::string root = h.kind == Kind::broadcast ? " from rank " + std::to_string(h.root) : "";
  snprintf(text, sizeof text, "%s of %zu values of type %d%s%s", name(h.kind), h.n, (int)h.type, root.c_str(),
           h.registered ? " in registered memory" : "");
  return text;
}

/* What the rank at the other end calls this. Of a send and its receive only the size has to fit. */
static Head head_of(const Call &c) {
  const bool alone = c.kind == Kind::send || c.kind == Kind::receive;
  return {alone ? Kind::send : c.kind, c.type, c.n, c.kind == Kind::broadcast ? c.peer : -1, c.registered};
}

/* ---- messages ---- */

static void send_to(Run *r, ncclComm *comm, size_t call, const Call &c, int peer, int tag, bool data) {
  const Head h = head_of(c);
  const size_t n = data ? bytes_of(c.n, c.type) : 0;
  r->out.push_back({peer, tag, call, std::vector<char>(sizeof h + n)});
  Message &m = r->out.back();
  memcpy(m.bytes.data(), &h, sizeof h);
  if (n) memcpy(m.bytes.data() + sizeof h, c.from, n);
  if (peer == comm->rank)
    r->myself.push_back(std::move(m.bytes)), m.done = true;
  else
    MPI_Isend(m.bytes.data(), (int)m.bytes.size(), MPI_BYTE, comm->world[(size_t)peer], tag, MPI_COMM_WORLD,
              &m.request);
}

static void exchange(Run *r, ncclComm *comm, size_t call, const Call &c, bool data) {
  const int tag = comm->tag(++comm->collectives);
  for (int peer = 0; peer < comm->size; peer++) {
    if (peer == comm->rank) continue;
    send_to(r, comm, call, c, peer, tag, data);
    r->in.push_back({peer, tag, call, {}});
  }
}

static void start(Run *r, const Group *g) {
  ncclComm *comm = g->comm;
  for (size_t i = 0; i < g->calls.size(); i++) {
    const Call &c = g->calls[i];
    switch (c.kind) {
    case Kind::send: send_to(r, comm, i, c, c.peer, comm->tag(comm->sent[c.peer]++, true), true); break;
    case Kind::receive: r->in.push_back({c.peer, comm->tag(comm->received[c.peer]++, true), i, {}}); break;
    case Kind::sum: exchange(r, comm, i, c, true); break;
    case Kind::broadcast: exchange(r, comm, i, c, c.peer == comm->rank); break;
    }
  }
}

static bool take_mine(Run *r, Message *m) {
  if (r->myself.empty()) return false;
  m->bytes = std::move(r->myself.front());
  r->myself.pop_front();
  return m->done = true;
}

/* Messages of one rank come in the order of the calls: only the first that is open may ask. */
static bool take(ncclComm *comm, Run *r, Message *m) {
  if (m->peer == comm->rank) return take_mine(r, m);
  if (!m->started) {
    MPI_Message found;
    MPI_Status status;
    int here = 0, n;
    MPI_Improbe(comm->world[(size_t)m->peer], m->tag, MPI_COMM_WORLD, &here, &found, &status);
    if (!here) return false;
    MPI_Get_count(&status, MPI_BYTE, &n);
    m->bytes.resize((size_t)n);
    MPI_Imrecv(m->bytes.data(), n, MPI_BYTE, &found, &m->request);
    m->started = true;
  }
  int done = 0;
  MPI_Test(&m->request, &done, MPI_STATUS_IGNORE);
  return m->done = done;
}

static bool fits(ncclComm *comm, const Call &c, const Message &m) {
  const Head expected = head_of(c);
  Head got;
  memcpy(&got, m.bytes.data(), sizeof got);
  if (got == expected) return true;
  comm->fail(ncclInvalidUsage, tell(expected) + " of rank " + std::to_string(comm->rank) + " meets " +
                                   tell(got) + " of rank " + std::to_string(m.peer));
  return false;
}

/* Everything that can be had now; true when that is all. */
static bool advance(Run *r, const Group *g) {
  bool all = true;
  std::set<int> waits; /* for a message of these ranks */
  for (Message &m : r->in) {
    if (!m.done && !waits.count(m.peer) && take(g->comm, r, &m) && !fits(g->comm, g->calls[m.call], m))
      return false;
    if (!m.done) waits.insert(m.peer), all = false;
  }
  for (Message &m : r->out) {
    int done = m.done;
    if (!done) MPI_Test(&m.request, &done, MPI_STATUS_IGNORE);
    m.done = done, all = all && m.done;
  }
  return all;
}

/* ---- results ---- */

static_assert(sizeof(Head) % sizeof(double) == 0, "data after a head is aligned");

template <typename T> static void add(T *sum, const void *more, size_t n, bool first) {
  const T *v = (const T *)more;
  for (size_t i = 0; i < n; i++) sum[i] = first ? v[i] : sum[i] + v[i];
}

/* In the order of ranks, so that all have the same bits. */
static void sum(const Run *r, size_t call, const Call &c, const ncclComm *comm) {
  std::vector<const char *> part((size_t)comm->size);
  const size_t n = bytes_of(c.n, c.type);
  std::vector<char> own((const char *)c.from, (const char *)c.from + n);
  part[(size_t)comm->rank] = own.data();
  for (const Message &m : r->in)
    if (m.call == call) part[(size_t)m.peer] = m.bytes.data() + sizeof(Head);
  for (int p = 0; p < comm->size; p++)
    c.type == ncclFloat64 ? add((double *)c.to, part[(size_t)p], c.n, p == 0)
                          : add((float *)c.to, part[(size_t)p], c.n, p == 0);
}

static void finish(const Run *r, const Group *g) {
  for (size_t i = 0; i < g->calls.size(); i++)
    if (g->calls[i].kind == Kind::sum) sum(r, i, g->calls[i], g->comm);
  for (const Message &m : r->in) {
    const Call &c = g->calls[m.call];
    if (c.kind == Kind::receive || (c.kind == Kind::broadcast && m.peer == c.peer))
      memcpy(c.to, m.bytes.data() + sizeof(Head), bytes_of(c.n, c.type));
  }
}

/* ---- an execution ---- */

static Run *begin(const Group *g) {
  ncclComm *comm = g->comm;
  Run *r = new Run{++comm->runs, now_ms()};
  r->hangs = fault().hits("hang", r->number, comm->rank) || fault().hits("cling", r->number, comm->rank);
  if (fault().hits("error", r->number, comm->rank)) comm->fail(ncclSystemError, "injected");
  if (!r->hangs && comm->state == ncclSuccess) start(r, g);
  return r;
}

static bool too_early(const Run *r, const ncclComm *comm) {
  const Fault &f = fault();
  return f.kind == "slow" && f.hits("slow", f.at, comm->rank) && r->number >= f.at &&
         now_ms() - r->started_ms < (double)f.ms;
}

/* MPI is the main thread's; and what failed never ends, until it is aborted. */
cudaError_t execute(void *ticket) {
  Ticket *t = (Ticket *)ticket;
  ncclComm *comm = t->group->comm;
  if (comm->aborted) return cudaSuccess; /* what MPI still has is left to it */
  if (comm->destroyed) {
    fprintf(stderr, "emulated NCCL: recorded work of a communicator that is gone\n");
    return cudaErrorLaunchFailure;
  }
  int main_thread = 1;
  if (comm->size > 1) MPI_Is_thread_main(&main_thread);
  if (!main_thread || comm->state != ncclSuccess) return cudaErrorNotReady;
  if (!t->run) t->run = begin(t->group);
  if (t->run->hangs || comm->state != ncclSuccess || too_early(t->run, comm)) return cudaErrorNotReady;
  if (!advance(t->run, t->group)) return cudaErrorNotReady;
  finish(t->run, t->group);
  delete t->run;
  if (!t->group->recorded) comm->queued--;
  return cudaSuccess;
}

} // namespace stub

/* The calls that queue work, and what is said about them. */
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

#include "../emulator.h"
#include "comm.h"

using namespace stub;

/* Of the calling thread: the group that is open. */
static thread_local int depth;
static thread_local std::vector<Call> calls;
static thread_local ncclComm *calls_comm;
static thread_local cudaStream_t calls_stream;

namespace stub {

bool Fault::hits(const char *name, long number, int on) const {
  return kind == name && number == at && (rank < 0 || rank == on);
}

const Fault &fault() {
  static Fault f;
  static bool known = false;
  if (known) return f;
  known = true;
  const char *text = getenv("GDTRAIN_STUB_NCCL");
  if (!text || !*text) return f;
  char kind[16];
  if (sscanf(text, "%15[a-z]@%ld:%d:%ld", kind, &f.at, &f.rank, &f.ms) < 2) {
    fprintf(stderr, "emulated NCCL: GDTRAIN_STUB_NCCL=%s is not understood\n", text);
    abort();
  }
  f.kind = kind;
  return f;
}

} // namespace stub

ncclResult_t ncclComm::fail(ncclResult_t code, const std::string &why) {
  if (state == ncclSuccess || state == ncclInProgress) last_error = why, state = code;
  fprintf(stderr, "emulated NCCL: rank %d: %s\n", rank, why.c_str());
  return code;
}

const char *ncclGetErrorString(ncclResult_t result) {
  static const char *const texts[] = {"no error",       "unhandled cuda error", "unhandled system error",
                                      "internal error", "invalid argument",     "invalid usage",
                                      "remote failure", "operation in progress"};
  return result < ncclNumResults ? texts[result] : "unknown result";
}

const char *ncclGetLastError(ncclComm_t comm) {
  return comm ? comm->last_error.c_str() : "";
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *state) {
  if (comm->state == ncclInProgress) {
    meet(comm);
    if (comm->ready && comm->busy-- <= 0) comm->state = ncclSuccess;
  }
  *state = (ncclResult_t)comm->state.load();
  return ncclSuccess;
}

/* ---- queueing ---- */

static bool on_device(const void *p, size_t bytes) {
  std::lock_guard<std::mutex> lock(emulated::machine().lock);
  return emulated::place_of(p, bytes ? bytes : 1) == emulated::Place::device;
}

[[noreturn]] static void wait_for_ever() {
  for (;;) sleep(1);
}

static void let_go(void *comm) {
  ((ncclComm *)comm)->held--;
}

/* Queued as one operation; the first takes a while to connect. */
static ncclResult_t submit() {
  ncclComm *comm = calls_comm;
  const long number = (long)comm->groups.size() + 1;
  if (fault().hits("block", number, comm->rank)) wait_for_ever();
  if (fault().hits("refuse", number, comm->rank)) return comm->fail(ncclSystemError, "injected");
  cudaStreamCaptureStatus capture;
  if (cudaStreamIsCapturing(calls_stream, &capture) != cudaSuccess)
    return comm->fail(ncclUnhandledCudaError, "stream");
  const bool recorded = capture == cudaStreamCaptureStatusActive;
  if (recorded && comm->runs == 0) return comm->fail(ncclInvalidUsage, "recorded before anything ran");
  comm->groups.emplace_back(new Group{comm, std::move(calls), recorded});
  calls.clear();
  const Ticket t = {comm->groups.back().get(), nullptr};
  comm->held++;
  if (gdi_emulated_enqueue_held(calls_stream, "NCCL", execute, &t, sizeof t, let_go, comm) != cudaSuccess)
    return comm->fail(ncclUnhandledCudaError, "the operation cannot be queued");
  if (!recorded) comm->queued++;
  if (comm->state != ncclSuccess || comm->groups.size() > 1) return (ncclResult_t)comm->state.load();
  comm->busy = 2, comm->state = ncclInProgress;
  return ncclInProgress;
}

static ncclResult_t add(Call c, const void *data, ncclComm *comm, cudaStream_t stream) {
  if (!comm || comm->state == ncclInProgress) return ncclInvalidArgument;
  if (comm->state != ncclSuccess) return (ncclResult_t)comm->state.load();
  if (!calls.empty() && (comm != calls_comm || stream != calls_stream))
    return comm->fail(ncclInvalidUsage, "a group of two communicators or streams");
  const size_t bytes = c.n * (c.type == ncclFloat64 ? 8 : c.type == ncclFloat32 ? 4 : 1);
  if (c.peer >= comm->size || c.peer < 0) return comm->fail(ncclInvalidArgument, "no such rank");
  if (c.n && !on_device(data, bytes)) return comm->fail(ncclInvalidArgument, "this is no device memory");
  for (const auto &[start, length] : comm->memory)
    c.registered =
        c.registered || ((const char *)data >= start && (const char *)data + bytes <= start + length);
  calls_comm = comm, calls_stream = stream;
  calls.push_back(c);
  return depth == 0 ? submit() : ncclSuccess;
}

ncclResult_t ncclGroupStart(void) {
  depth++;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd(void) {
  if (depth == 0) return ncclInvalidUsage;
  return --depth > 0 || calls.empty() ? ncclSuccess : submit();
}

ncclResult_t ncclSend(const void *data, size_t n, ncclDataType_t type, int to, ncclComm_t comm,
                      cudaStream_t stream) {
  return add({Kind::send, data, nullptr, n, type, to, false}, data, comm, stream);
}

ncclResult_t ncclRecv(void *data, size_t n, ncclDataType_t type, int from, ncclComm_t comm,
                      cudaStream_t stream) {
  return add({Kind::receive, nullptr, data, n, type, from, false}, data, comm, stream);
}

ncclResult_t ncclAllReduce(const void *from, void *to, size_t n, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  if (op != ncclSum || (type != ncclFloat32 && type != ncclFloat64)) return ncclInvalidArgument;
  return add({Kind::sum, from, to, n, type, 0, false}, to, comm, stream);
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t n, ncclDataType_t type, int root,
                           ncclComm_t comm, cudaStream_t stream) {
  return add({Kind::broadcast, from, to, n, type, root, false}, to, comm, stream);
}

/* ---- memory ---- */

ncclResult_t ncclMemAlloc(void **memory, size_t bytes) {
  return cudaMalloc(memory, bytes) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

ncclResult_t ncclMemFree(void *memory) {
  return cudaFree(memory) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

ncclResult_t ncclCommRegister(ncclComm_t comm, void *memory, size_t bytes, void **handle) {
  if (!on_device(memory, bytes)) return ncclInvalidArgument;
  *handle = new std::pair<const char *, size_t>((const char *)memory, bytes);
  comm->memory.insert({(const char *)memory, bytes});
  return ncclSuccess;
}

ncclResult_t ncclCommDeregister(ncclComm_t comm, void *handle) {
  const auto *piece = (std::pair<const char *, size_t> *)handle;
  const bool known = comm->memory.erase(*piece);
  delete piece;
  return known ? ncclSuccess : ncclInvalidArgument;
}

/* ---- the end ---- */

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (comm->state != ncclSuccess) return ncclInvalidArgument;
  if (comm->queued) return comm->fail(ncclInvalidUsage, "the end comes before what is queued has run");
  if (comm->held) return comm->fail(ncclInvalidUsage, "the end comes before that of recorded operations");
  comm->busy = 2, comm->state = ncclInProgress;
  return ncclInProgress;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm->state != ncclSuccess) return ncclInvalidUsage;
  comm->destroyed = true;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (fault().hits("cling", fault().at, comm->rank)) wait_for_ever();
  comm->aborted = true;
  comm->state = ncclInternalError;
  while (comm->held) usleep(1000);
  return ncclSuccess;
}

/*
 * Streams: queues of work. Lazily, work runs only when somebody waits for it, and then no more than he needs:
 * what was not waited for has not happened.
 */
#include <algorithm>
#include <ctime>

#include "emulator.h"

#include <unistd.h>

using namespace emulated;

namespace emulated {

static double now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

CUstream_st *stream_of(cudaStream_t handle) {
  Machine &m = machine();
  const int device = thread().device;
  if (!handle || handle == cudaStreamLegacy) return m.devices[(size_t)device].legacy.get();
  const bool known = std::find(m.streams.begin(), m.streams.end(), handle) != m.streams.end();
  return known && handle->device == device ? handle : nullptr;
}

/* The legacy stream waits for all blocking streams of its device, and they for it. */
static void add_legacy_waits(CUstream_st *s, std::vector<OpRef> &after) {
  Machine &m = machine();
  if (!s->blocking) return;
  CUstream_st *legacy = m.devices[(size_t)s->device].legacy.get();
  if (s != legacy && legacy->last) after.push_back(legacy->last);
  if (s != legacy) return;
  for (CUstream_st *other : m.streams)
    if (other->blocking && other->device == s->device && other->last) after.push_back(other->last);
}

static OpRef enqueue(CUstream_st *s, Work work, std::vector<OpRef> after) {
  add_legacy_waits(s, after);
  work.held = nullptr;
  OpRef op = std::make_shared<Op>(Op{std::move(work), s, std::move(after)});
  s->queue.push_back(op);
  s->last = op;
  return op;
}

/* What is to run first so that op can: the front of its stream, or what that waits for. */
static OpRef next_for(const OpRef &op) {
  OpRef front = op->stream->queue.front();
  for (const OpRef &a : front->after)
    if (a && !a->done) return next_for(a);
  return front;
}

/* Run the front of a stream. cudaErrorNotReady: it wants to be called again. */
static cudaError_t step(const OpRef &op) {
  Machine &m = machine();
  if (m.fault == cudaSuccess) {
    if (op->work.access == Access::all) memory_open();
    if (op->work.access == Access::none) memory_close();
    thread().executing = true;
    const cudaError_t e = op->work.run();
    thread().executing = false;
    if (e == cudaErrorNotReady) return e;
    m.fault = e;
  } /* a lost device runs nothing: all is done, and every call says so */
  op->done = true;
  op->ms = now_ms();
  op->after.clear();
  op->work.run = nullptr;
  op->stream->queue.pop_front();
  return m.fault;
}

cudaError_t wait_for(OpRef op) {
  while (op && !op->done) {
    const cudaError_t e = step(next_for(op));
    if (e != cudaErrorNotReady) continue;
    memory_close();
    thread().lock->unlock(); /* others may abort what this waits for */
    usleep(50);
    thread().lock->lock();
  }
  return machine().fault;
}

cudaError_t query(OpRef op) {
  if (!op || op->done) return machine().fault;
  const cudaError_t e = step(next_for(op));
  return e == cudaSuccess ? cudaErrorNotReady : e;
}

cudaError_t wait_for_all() {
  Machine &m = machine();
  for (size_t i = m.streams.size(); i-- > 0;) wait_for(m.streams[i]->last); /* the latest first */
  for (Device &d : m.devices) wait_for(d.legacy->last);
  return m.fault;
}

cudaError_t submit(CUstream_st *s, Work work, std::vector<OpRef> after) {
  if (s->capture) return capture_work(s, std::move(work));
  TRY(refuse_implicit(s));
  OpRef op = enqueue(s, std::move(work), std::move(after));
  if (machine().settings.lazy) return cudaSuccess;
  /* Eagerly: as far as it goes. An error is asynchronous all the same. */
  while (!op->done && step(next_for(op)) != cudaErrorNotReady) {
  }
  return cudaSuccess;
}

} // namespace emulated

static cudaError_t create(cudaStream_t *stream, unsigned flags) {
  return call([=] {
    if (flags & ~cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = new CUstream_st{thread().device, !(flags & cudaStreamNonBlocking), {}, nullptr, nullptr, {}};
    machine().streams.push_back(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
  return create(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  return create(stream, flags);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int) {
  return create(stream, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  return call([=] {
    *least = 0, *greatest = -5;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call([=] {
    if (!stream || !stream_of(stream)) return cudaErrorInvalidResourceHandle;
    capture_forget(stream);
    wait_for(stream->last);
    auto &all = machine().streams;
    all.erase(std::find(all.begin(), all.end(), stream));
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    TRY(refuse_to_wait_for(s));
    return wait_for(s->last);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    TRY(refuse_to_wait_for(s));
    return query(s->last);
  });
}

cudaError_t cudaDeviceSynchronize(void) {
  return call([] {
    TRY(refuse_while_capturing());
    return wait_for_all();
  });
}

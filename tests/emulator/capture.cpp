/*
 * Capture: what is queued in a stream becomes a graph instead of running. Another stream takes part once it
 * waits for an event of the capture, and has to be waited for before the end. A call that cannot be captured
 * invalidates the capture, and says so at once and at the end.
 */
#include <algorithm>

#include "emulator.h"

using namespace emulated;

namespace emulated {

static bool prohibits(const Capture &c) {
  const cudaStreamCaptureMode mine = thread().mode;
  if (mine == cudaStreamCaptureModeRelaxed || c.mode == cudaStreamCaptureModeRelaxed) return false;
  if (c.thread == std::this_thread::get_id()) return true;
  return mine == cudaStreamCaptureModeGlobal && c.mode == cudaStreamCaptureModeGlobal;
}

cudaError_t refuse_while_capturing() {
  cudaError_t e = cudaSuccess;
  for (auto &c : machine().captures)
    if (prohibits(*c)) c->valid = false, e = cudaErrorStreamCaptureUnsupported;
  return e;
}

cudaError_t refuse_to_wait_for(CUstream_st *s) {
  if (s->capture) {
    s->capture->valid = false;
    return cudaErrorStreamCaptureUnsupported;
  }
  TRY(refuse_implicit(s));
  return refuse_while_capturing();
}

/* Work in the legacy stream would wait for the blocking streams, captured ones too. */
cudaError_t refuse_implicit(CUstream_st *s) {
  Machine &m = machine();
  cudaError_t e = cudaSuccess;
  if (s != m.devices[(size_t)s->device].legacy.get()) return e;
  for (CUstream_st *other : m.streams)
    if (other->capture && other->blocking && other->device == s->device)
      other->capture->valid = false, e = cudaErrorStreamCaptureImplicit;
  return e;
}

cudaError_t capture_work(CUstream_st *s, Work work) {
  if (!s->capture->valid) return cudaErrorStreamCaptureInvalidated;
  auto &nodes = s->capture->nodes;
  nodes.push_back({std::move(work), {s->tips.begin(), s->tips.end()}});
  s->tips = {nodes.size() - 1};
  return cudaSuccess;
}

cudaError_t capture_wait(CUstream_st *s, CUevent_st *event) {
  if (s->capture && !s->capture->valid) return cudaErrorStreamCaptureInvalidated;
  std::shared_ptr<Capture> theirs = event->capture;
  if (!theirs) { /* a captured stream would wait for work outside */
    s->capture->valid = false;
    return cudaErrorStreamCaptureIsolation;
  }
  if (!machine().captures.count(theirs)) return cudaErrorCapturedEvent; /* it is over */
  if (!theirs->valid) return cudaErrorStreamCaptureInvalidated;
  if (s == machine().devices[(size_t)s->device].legacy.get()) {
    theirs->valid = false;
    return cudaErrorStreamCaptureImplicit;
  }
  if (s->capture && s->capture != theirs) {
    s->capture->valid = theirs->valid = false;
    return cudaErrorStreamCaptureMerge;
  }
  s->capture = theirs;
  s->tips.insert(event->tips.begin(), event->tips.end());
  return cudaSuccess;
}

/* Every node must be reached from the end of the stream that the capture began in. */
static bool joined(const Capture &c) {
  std::set<size_t> leaves;
  for (size_t i = 0; i < c.nodes.size(); i++) {
    leaves.insert(i);
    for (size_t a : c.nodes[i].after) leaves.erase(a);
  }
  return std::includes(c.origin->tips.begin(), c.origin->tips.end(), leaves.begin(), leaves.end());
}

static void leave(CUstream_st *s) {
  s->capture = nullptr;
  s->tips.clear();
}

void capture_forget(CUstream_st *s) {
  if (!s->capture) return;
  std::shared_ptr<Capture> c = s->capture;
  c->valid = false;
  leave(s);
  if (s == c->origin) c->nodes.clear(), machine().captures.erase(c);
}

} // namespace emulated

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s != stream) return cudaErrorStreamCaptureUnsupported; /* the legacy stream */
    if (s->capture) return cudaErrorIllegalState;
    s->capture = std::make_shared<Capture>(Capture{s, mode, std::this_thread::get_id()});
    machine().captures.insert(s->capture);
    return cudaSuccess;
  });
}

static cudaError_t why_no_end(const Capture &c, CUstream_st *s) {
  if (c.mode != cudaStreamCaptureModeRelaxed && c.thread != std::this_thread::get_id())
    return cudaErrorStreamCaptureWrongThread;
  return c.origin == s ? cudaSuccess : cudaErrorStreamCaptureUnmatched;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  *graph = nullptr;
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (!s->capture) return cudaErrorIllegalState;
    std::shared_ptr<Capture> c = s->capture;
    const cudaError_t no = why_no_end(*c, s);
    if (no != cudaSuccess) {
      c->valid = false;
      return no;
    }
    const bool all = joined(*c);
    std::vector<CUgraphNode_st> nodes = std::move(c->nodes); /* events still have the capture */
    for (CUstream_st *other : machine().streams)
      if (other->capture == c) leave(other);
    machine().captures.erase(c);
    if (!c->valid) return cudaErrorStreamCaptureInvalidated;
    if (!all) return cudaErrorStreamCaptureUnjoined;
    *graph = new CUgraph_st{std::move(nodes)};
    machine().graphs.insert(*graph);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    *status = !s->capture         ? cudaStreamCaptureStatusNone
              : s->capture->valid ? cudaStreamCaptureStatusActive
                                  : cudaStreamCaptureStatusInvalidated;
    return cudaSuccess;
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
  return call([=] {
    std::swap(thread().mode, *mode);
    return cudaSuccess;
  });
}

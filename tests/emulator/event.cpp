/* Events: places in streams. */
#include "emulator.h"

using namespace emulated;

static bool known(cudaEvent_t event) {
  return machine().events.count(event) != 0;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  return call([=] {
    if (flags & ~(cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    *event = new CUevent_st{thread().device, !(flags & cudaEventDisableTiming), nullptr};
    machine().events.insert(*event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call([=] {
    if (!known(event)) return cudaErrorInvalidResourceHandle;
    machine().events.erase(event);
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s || !known(event) || event->device != s->device) return cudaErrorInvalidResourceHandle;
    const cudaError_t e = submit(s, {cudaGraphNodeTypeEventRecord, false, [] { return cudaSuccess; }});
    event->op = s->last;
    return e;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s || !known(event)) return cudaErrorInvalidResourceHandle;
    if (!event->op) return cudaSuccess; /* never recorded */
    enqueue(s, {cudaGraphNodeTypeWaitEvent, false, [] { return cudaSuccess; }}, {event->op});
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call([=] { return known(event) ? query(event->op) : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([=] { return known(event) ? wait_for(event->op) : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end) {
  return call([=] {
    if (!known(start) || !known(end) || !start->timed || !end->timed || !start->op || !end->op)
      return cudaErrorInvalidResourceHandle;
    if (!start->op->done || !end->op->done) return cudaErrorNotReady;
    *ms = (float)(end->op->ms - start->op->ms);
    return cudaSuccess;
  });
}

/* Events: places in streams. */
#include "emulator.h"

using namespace emulated;

static bool known(cudaEvent_t event) {
  return machine().events.count(event) != 0;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  return call([=] {
    if (flags & ~(cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    *event = new CUevent_st{thread().device, !(flags & cudaEventDisableTiming), nullptr, nullptr, {}};
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
    event->op = nullptr, event->capture = s->capture, event->tips = s->tips;
    if (s->capture) return s->capture->valid ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
    TRY(submit(s, {cudaGraphNodeTypeEventRecord, Access::by_itself, [] { return cudaSuccess; }}));
    event->op = s->last;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s || !known(event)) return cudaErrorInvalidResourceHandle;
    if (s->capture || event->capture) return capture_wait(s, event);
    return submit(s, {cudaGraphNodeTypeWaitEvent, Access::by_itself, [] { return cudaSuccess; }},
                  {event->op});
  });
}

/* The host may ask for an event that is in a stream, not in a graph. */
static cudaError_t askable(cudaEvent_t event) {
  if (!known(event)) return cudaErrorInvalidResourceHandle;
  if (event->capture) {
    event->capture->valid = false;
    return cudaErrorCapturedEvent;
  }
  return refuse_while_capturing();
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call([=] {
    TRY(askable(event));
    return query(event->op);
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call([=] {
    TRY(askable(event));
    return wait_for(event->op);
  });
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

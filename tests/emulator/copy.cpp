/* Copying and setting memory. */
#include <cstring>
#include <string>

#include "emulator.h"

using namespace emulated;

struct Transfer {
  void *to;
  const void *from;
  size_t bytes;
  bool from_device, to_device; /* as the kind says, or the addresses */
  Place source, target;
};

static bool fits(Place place, bool device) {
  return place != Place::wrong && (place == Place::device) == device;
}

static cudaError_t describe(Transfer *t, cudaMemcpyKind kind) {
  t->source = place_of(t->from, t->bytes), t->target = place_of(t->to, t->bytes);
  if (kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  t->from_device = kind == cudaMemcpyDefault
                       ? t->source == Place::device
                       : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  t->to_device = kind == cudaMemcpyDefault
                     ? t->target == Place::device
                     : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  return fits(t->source, t->from_device) && fits(t->target, t->to_device) ? cudaSuccess
                                                                          : cudaErrorInvalidValue;
}

static cudaError_t queue_copy(CUstream_st *s, const Transfer &t) {
  /* Pageable memory is read now, into a staging buffer, and may be used again at once; pinned memory is read
   * by the device, when the copy runs. */
  std::string staged;
  if (t.source == Place::pageable) staged.assign((const char *)t.from, t.bytes);
  auto run = [t, staged = std::move(staged)] {
    memory_open_at(t.from), memory_open_at(t.to);
    memmove(t.to, t.source == Place::pageable ? staged.data() : t.from, t.bytes);
    return cudaSuccess;
  };
  return submit(s, {cudaGraphNodeTypeMemcpy, Access::by_itself, std::move(run)});
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (bytes == 0) return cudaSuccess;
    Transfer t = {to, from, bytes, false, false, Place::wrong, Place::wrong};
    TRY(describe(&t, kind));
    const bool waits = t.target == Place::pageable; /* in a capture, even a pageable source is a trap */
    if (waits || (s->capture && t.source == Place::pageable)) TRY(refuse_to_wait_for(s));
    TRY(queue_copy(s, t));
    return waits ? wait_for(s->last) : cudaSuccess;
  });
}

/* The host waits as documented: not for copies within the device, nor for what left pageable memory. */
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind) {
  return call([=] {
    if (bytes == 0) return cudaSuccess;
    Transfer t = {to, from, bytes, false, false, Place::wrong, Place::wrong};
    TRY(describe(&t, kind));
    CUstream_st *s = stream_of(nullptr);
    TRY(refuse_to_wait_for(s));
    if (t.source == Place::pageable) TRY(wait_for(s->last));
    TRY(queue_copy(s, t));
    const bool alone = t.to_device && (t.from_device || t.source == Place::pageable);
    return alone ? cudaSuccess : wait_for(s->last);
  });
}

static cudaError_t queue_set(CUstream_st *s, void *to, int value, size_t bytes, Place place) {
  if (place != Place::device && place != Place::pinned) return cudaErrorInvalidValue;
  auto run = [=] {
    memory_open_at(to);
    memset(to, value, bytes);
    return cudaSuccess;
  };
  return submit(s, {cudaGraphNodeTypeMemset, Access::by_itself, run});
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    return bytes ? queue_set(s, to, value, bytes, place_of(to, bytes)) : cudaSuccess;
  });
}

/* Memory of the device is set some time after the call. */
cudaError_t cudaMemset(void *to, int value, size_t bytes) {
  return call([=] {
    CUstream_st *s = stream_of(nullptr);
    TRY(refuse_to_wait_for(s));
    if (bytes == 0) return cudaSuccess;
    const Place place = place_of(to, bytes);
    TRY(queue_set(s, to, value, bytes, place));
    return place == Place::pinned ? wait_for(s->last) : cudaSuccess;
  });
}

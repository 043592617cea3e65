/* Memory of the device and pinned memory of the host. */
#include <cstdlib>
#include <cstring>
#include <map>

#include "emulator.h"

using namespace emulated;

static std::map<const char *, size_t> device_memory, pinned_memory;

namespace emulated {

static Place place_in(const std::map<const char *, size_t> &pieces, const char *p, size_t bytes,
                      Place inside) {
  auto next = pieces.upper_bound(p);
  if (next == pieces.begin()) return Place::pageable;
  const auto [first, n] = *--next;
  if (p >= first + n) return Place::pageable;
  return p + bytes <= first + n ? inside : Place::wrong;
}

Place place_of(const void *p, size_t bytes) {
  const Place place = place_in(device_memory, (const char *)p, bytes, Place::device);
  return place == Place::pageable ? place_in(pinned_memory, (const char *)p, bytes, Place::pinned) : place;
}

void memory_open() {}
void memory_close() {}

} // namespace emulated

cudaError_t cudaMalloc(void **memory, size_t bytes) {
  return call([=] {
    Device &d = machine().devices[(size_t)thread().device];
    *memory = nullptr;
    if (bytes == 0) return cudaSuccess;
    if (bytes > machine().settings.memory_bytes - d.used_bytes) return cudaErrorMemoryAllocation;
    if (posix_memalign(memory, 256, bytes)) return cudaErrorMemoryAllocation;
    memset(*memory, 0xff, bytes);
    device_memory[(char *)*memory] = bytes;
    d.used_bytes += bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaFree(void *memory) {
  return call([=] {
    if (!memory) return cudaSuccess;
    auto found = device_memory.find((char *)memory);
    if (found == device_memory.end()) return cudaErrorInvalidValue;
    wait_for_all();
    machine().devices[(size_t)thread().device].used_bytes -= found->second;
    device_memory.erase(found);
    free(memory);
    return cudaSuccess;
  });
}

cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned) {
  return call([=] {
    *memory = nullptr;
    if (bytes == 0) return cudaSuccess;
    if (posix_memalign(memory, 4096, bytes)) return cudaErrorMemoryAllocation;
    pinned_memory[(char *)*memory] = bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaMallocHost(void **memory, size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *memory) {
  return call([=] {
    if (!memory) return cudaSuccess;
    wait_for_all();
    if (!pinned_memory.erase((char *)memory)) return cudaErrorInvalidValue;
    free(memory);
    return cudaSuccess;
  });
}

cudaError_t cudaHostRegister(void *memory, size_t bytes, unsigned) {
  return call([=] {
    if (!memory || bytes == 0) return cudaErrorInvalidValue;
    if (place_of(memory, 1) != Place::pageable) return cudaErrorHostMemoryAlreadyRegistered;
    pinned_memory[(char *)memory] = bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaHostUnregister(void *memory) {
  return call([=] {
    wait_for_all();
    return pinned_memory.erase((char *)memory) ? cudaSuccess : cudaErrorHostMemoryNotRegistered;
  });
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
  return call([=] {
    *total = machine().settings.memory_bytes;
    *available = *total - machine().devices[(size_t)thread().device].used_bytes;
    return cudaSuccess;
  });
}

/* Devices: how many there are, and what they say of themselves. */
#include <cstdio>
#include <cstring>

#include "emulator.h"

using namespace emulated;

/* As a small GPU of today: few multiprocessors, so that grid-stride loops take several rounds. */
constexpr int processors = 4, major = 9, minor = 0;

static bool exists(int device) {
  return device >= 0 && (size_t)device < machine().devices.size();
}

cudaError_t cudaGetDeviceCount(int *count) {
  *count = 0;
  return call([=] {
    *count = (int)machine().devices.size();
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call([=] {
    if (!exists(device)) return cudaErrorInvalidDevice;
    thread().device = device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int *device) {
  return call([=] {
    *device = thread().device;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attr, int device) {
  return call([=] {
    if (!exists(device)) return cudaErrorInvalidDevice;
    switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock: *value = 1024; return cudaSuccess;
    case cudaDevAttrWarpSize: *value = 32; return cudaSuccess;
    case cudaDevAttrMultiProcessorCount: *value = processors; return cudaSuccess;
    case cudaDevAttrPciBusId: *value = device + 1; return cudaSuccess;
    case cudaDevAttrPciDeviceId:
    case cudaDevAttrPciDomainId:
    case cudaDevAttrPageableMemoryAccess: *value = 0; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor: *value = major; return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor: *value = minor; return cudaSuccess;
    case cudaDevAttrHostRegisterSupported: *value = 1; return cudaSuccess;
    }
    return cudaErrorInvalidValue;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *prop, int device) {
  return call([=] {
    if (!exists(device)) return cudaErrorInvalidDevice;
    memset(prop, 0, sizeof *prop);
    snprintf(prop->name, sizeof prop->name, "Emulated GPU");
    prop->uuid.bytes[0] = (char)(device + 1);
    prop->totalGlobalMem = machine().settings.memory_bytes;
    prop->sharedMemPerBlock = 48 << 10;
    prop->warpSize = 32, prop->maxThreadsPerBlock = 1024;
    prop->major = major, prop->minor = minor, prop->multiProcessorCount = processors;
    prop->unifiedAddressing = 1;
    prop->pciBusID = device + 1;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetPCIBusId(char *id, int length, int device) {
  return call([=] {
    if (!exists(device)) return cudaErrorInvalidDevice;
    return snprintf(id, (size_t)length, "0000:%02X:00.0", device + 1) < length ? cudaSuccess
                                                                               : cudaErrorInvalidValue;
  });
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
  std::lock_guard<std::mutex> lock(machine().lock);
  start();
  *version = machine().settings.driver ? CUDART_VERSION : 0;
  return cudaSuccess;
}

/* What is launched: kernels, work of other libraries, functions of the host. */
#include <cstdio>

#include <cuda_runtime.h>

#include "emulator.h"

using namespace emulated;

/* The launch that the environment asks to fail does so. */
static cudaError_t injected() {
  Machine &m = machine();
  return ++m.launches == m.settings.fault_launch ? m.settings.fault : cudaSuccess;
}

cudaError_t gdi_emulated_kernel(cudaStream_t stream, const char *name, const void *function, unsigned blocks,
                                unsigned threads, std::function<void()> body) {
  return call([&] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (blocks == 0 || blocks > 0x7fffffffu || threads == 0 || threads > 1024)
      return cudaErrorInvalidConfiguration;
    char address[32];
    snprintf(address, sizeof address, "kernel at %p", function);
    auto run = [called = std::string(name ? name : address), blocks, threads, body = std::move(body)] {
      TRY(injected());
      return run_grid(called, blocks, threads, body);
    };
    return submit(s, {cudaGraphNodeTypeKernel, Access::all, std::move(run)});
  });
}

cudaError_t gdi_emulated_enqueue(cudaStream_t stream, const char *name, cudaError_t (*run)(void *arguments),
                                 const void *arguments, size_t bytes) {
  return gdi_emulated_enqueue_held(stream, name, run, arguments, bytes, nullptr, nullptr);
}

cudaError_t gdi_emulated_enqueue_held(cudaStream_t stream, const char *, cudaError_t (*run)(void *arguments),
                                      const void *arguments, size_t bytes, void (*gone)(void *user),
                                      void *user) {
  const std::shared_ptr<void> held = gone ? std::shared_ptr<void>(user, gone) : nullptr;
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    const std::vector<char> copy((const char *)arguments, (const char *)arguments + bytes);
    auto work = [run, copy, now = copy, again = false]() mutable {
      if (!again) TRY(injected());
      const cudaError_t e = run(now.data());
      again = e == cudaErrorNotReady;
      if (!again) now = copy; /* for a replay */
      return e;
    };
    return submit(s, {cudaGraphNodeTypeKernel, Access::all, std::move(work), held});
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
  return call([=] {
    CUstream_st *s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    auto run = [=] {
      function(data);
      return cudaSuccess;
    };
    return submit(s, {cudaGraphNodeTypeHost, Access::none, run});
  });
}

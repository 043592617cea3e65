/* For the tests of the emulated GPU: one GPU as asked for, and assertions. */
#ifndef GDI_EMULATOR_CHECK_H
#define GDI_EMULATOR_CHECK_H

#include <csetjmp>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include <cuda_runtime.h>

extern "C" { /* cmocka does not say it of itself */
#include "test.h"
}

/* A fresh GPU; settings as "ORDER=reverse", without the names' common beginning. */
static inline void gpu(std::initializer_list<std::string> settings = {}) {
  const std::string begin = "GDTRAIN_EMULATED_";
  for (const char *name : {"STREAMS", "ORDER", "GUARD", "FAULT", "MEMORY"}) unsetenv((begin + name).c_str());
  setenv("GDTRAIN_EMULATED_GPUS", "1", 1);
  for (const std::string &s : settings) {
    const size_t cut = s.find('=');
    setenv((begin + s.substr(0, cut)).c_str(), s.substr(cut + 1).c_str(), 1);
  }
  assert_int_equal(cudaDeviceReset(), cudaSuccess);
}

#define assert_cuda(expected, expression)                                                                    \
  do {                                                                                                       \
    const cudaError_t error_ = (expression);                                                                 \
    if (error_ != (expected))                                                                                \
      fail_msg("%s: %s, expected %s", #expression, cudaGetErrorName(error_), cudaGetErrorName(expected));    \
  } while (0)
#define assert_success(expression) assert_cuda(cudaSuccess, expression)

template <typename T> static inline T *on_device(size_t n) {
  T *p = nullptr;
  assert_success(cudaMalloc(&p, n * sizeof(T)));
  return p;
}

template <typename T> static inline T *pinned(size_t n) {
  T *p = nullptr;
  assert_success(cudaMallocHost(&p, n * sizeof(T)));
  return p;
}

static inline cudaStream_t stream() {
  cudaStream_t s;
  assert_success(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  return s;
}

static inline cudaEvent_t event() {
  cudaEvent_t e;
  assert_success(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
  return e;
}

/* A number in device memory, once the stream has come to here. */
template <typename T> static inline T read(const T *p, cudaStream_t s) {
  T value;
  assert_success(cudaMemcpyAsync(&value, p, sizeof value, cudaMemcpyDeviceToHost, s));
  return value;
}

static inline void add_kernel(int *x, int y) {
  *x += y;
}
static inline void set_kernel(int *x, int y) {
  *x = y;
}
static inline void double_kernel(int *x) {
  *x *= 2;
}
#define LAUNCH(s, kernel, ...) gdi_emulated_launch(#kernel, kernel, 1, 1, s, __VA_ARGS__)

#endif

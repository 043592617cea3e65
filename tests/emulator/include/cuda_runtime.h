/* CUDA C++ for kernels, as far as gdtrain uses it, compiled as plain C++: every thread of a block is
 * a fiber. */
#ifndef GDI_EMULATED_CUDA_RUNTIME_H
#define GDI_EMULATED_CUDA_RUNTIME_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <tuple>
#include <type_traits>

#include <cuda_runtime_api.h>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
/* One block runs at a time, so that a static variable is the block's. */
#define __shared__ static

/* ---- vector types ---- */

#define GDI_VECTORS(type, T, align2, align4)                                                                 \
  struct __align__(align2) type##2 {                                                                         \
    T x, y;                                                                                                  \
  };                                                                                                         \
  struct __align__(align4) type##4 {                                                                         \
    T x, y, z, w;                                                                                            \
  };                                                                                                         \
  static inline type##2 make_##type##2(T x, T y) {                                                           \
    return {x, y};                                                                                           \
  }                                                                                                          \
  static inline type##4 make_##type##4(T x, T y, T z, T w) {                                                 \
    return {x, y, z, w};                                                                                     \
  }
GDI_VECTORS(uchar, unsigned char, 2, 4)
GDI_VECTORS(short, short, 4, 8)
GDI_VECTORS(ushort, unsigned short, 4, 8)
GDI_VECTORS(int, int, 8, 16)
GDI_VECTORS(uint, unsigned, 8, 16)
GDI_VECTORS(float, float, 8, 16)
GDI_VECTORS(longlong, long long, 16, 16)
GDI_VECTORS(ulonglong, unsigned long long, 16, 16)
GDI_VECTORS(double, double, 16, 16)
#undef GDI_VECTORS

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

/* Of the thread that runs. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

/* ---- launches ---- */

cudaError_t gdi_emulated_kernel(cudaStream_t stream, const char *name, const void *function, unsigned blocks,
                                unsigned threads, std::function<void()> body);

/* kernel<<<blocks, threads, 0, stream>>>(args ...); `name` is for messages. The arguments are copied now. */
template <typename... P>
static inline void gdi_emulated_launch(const char *name, void (*kernel)(P...), unsigned blocks,
                                       unsigned threads, cudaStream_t stream, std::common_type_t<P>... args) {
  static_assert((0 + ... + sizeof(P)) <= 4096, "the parameters of a kernel fill 4 KiB at most");
  static_assert((true && ... && std::is_trivially_copyable_v<P>), "parameters are copied byte by byte");
  gdi_emulated_kernel(stream, name, (const void *)kernel, blocks, threads,
                      [kernel, copy = std::tuple<P...>(args...)] { std::apply(kernel, copy); });
}

template <typename... P, typename... A>
static inline void gdi_emulated_launch(void (*kernel)(P...), unsigned blocks, unsigned threads,
                                       cudaStream_t stream, A... args) {
  gdi_emulated_launch(nullptr, kernel, blocks, threads, stream, static_cast<P>(args)...);
}

/* ---- barriers and shuffles. `line` is the caller's: threads that meet must come from one place. ---- */

void gdi_emulated_block_barrier(int line);
void gdi_emulated_warp_barrier(unsigned mask, int line);
/* *value becomes what lane `from` of the warp brought along. */
void gdi_emulated_shuffle(unsigned mask, void *value, size_t bytes, int from, int line);

static inline int gdi_emulated_lane(void) {
  return (int)(threadIdx.x % 32);
}

static inline void __syncthreads(int line = __builtin_LINE()) {
  gdi_emulated_block_barrier(line);
}

static inline void __syncwarp(unsigned mask = 0xffffffffu, int line = __builtin_LINE()) {
  gdi_emulated_warp_barrier(mask, line);
}

template <typename T> static inline T gdi_emulated_take(unsigned mask, T value, int from, int line) {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) >= 4 && sizeof(T) <= 8, "no shuffle of this type");
  gdi_emulated_shuffle(mask, &value, sizeof value, from, line);
  return value;
}

template <typename T>
static inline T __shfl_sync(unsigned mask, T value, int from, int width = 32, int line = __builtin_LINE()) {
  const int lane = gdi_emulated_lane();
  return gdi_emulated_take(mask, value, (lane & -width) + (from & (width - 1)), line);
}

template <typename T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                               int line = __builtin_LINE()) {
  const int lane = gdi_emulated_lane(), from = lane - (int)delta;
  return gdi_emulated_take(mask, value, from < (lane & -width) ? lane : from, line);
}

template <typename T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                                 int line = __builtin_LINE()) {
  const int lane = gdi_emulated_lane(), from = lane + (int)delta;
  return gdi_emulated_take(mask, value, from >= (lane & -width) + width ? lane : from, line);
}

template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                                int line = __builtin_LINE()) {
  const int lane = gdi_emulated_lane(), from = lane ^ lanes;
  return gdi_emulated_take(mask, value, from >= (lane & -width) + width ? lane : from, line);
}

/* ---- atomics: fibers do not interrupt each other ---- */

#define GDI_ATOMIC(name, T, result)                                                                          \
  static inline T name(T *at, T value) {                                                                     \
    const T old = *at;                                                                                       \
    *at = (result);                                                                                          \
    return old;                                                                                              \
  }
#define GDI_ATOMICS(T)                                                                                       \
  GDI_ATOMIC(atomicAdd, T, (T)(0ull + old + value))                                                          \
  GDI_ATOMIC(atomicExch, T, value)                                                                           \
  GDI_ATOMIC(atomicMax, T, old > value ? old : value)                                                        \
  GDI_ATOMIC(atomicMin, T, old < value ? old : value)                                                        \
  GDI_ATOMIC(atomicOr, T, old | value)                                                                       \
  GDI_ATOMIC(atomicAnd, T, old &value)                                                                       \
  static inline T atomicCAS(T *at, T compare, T value) {                                                     \
    const T old = *at;                                                                                       \
    if (old == compare) *at = value;                                                                         \
    return old;                                                                                              \
  }
GDI_ATOMICS(int)
GDI_ATOMICS(unsigned)
GDI_ATOMICS(unsigned long long)
#undef GDI_ATOMICS
#undef GDI_ATOMIC

static inline void __threadfence(void) {}
static inline void __threadfence_block(void) {}

/* ---- small functions that CUDA has for device code ---- */

template <typename T> static inline T __ldg(const T *p) {
  return *p;
}

template <typename To, typename From> static inline To gdi_emulated_bits(From value) {
  static_assert(sizeof(To) == sizeof(From), "bits of one size");
  To to;
  memcpy(&to, &value, sizeof to);
  return to;
}
static inline unsigned __float_as_uint(float x) {
  return gdi_emulated_bits<unsigned>(x);
}
static inline int __float_as_int(float x) {
  return gdi_emulated_bits<int>(x);
}
static inline float __uint_as_float(unsigned x) {
  return gdi_emulated_bits<float>(x);
}
static inline float __int_as_float(int x) {
  return gdi_emulated_bits<float>(x);
}
static inline long long __double_as_longlong(double x) {
  return gdi_emulated_bits<long long>(x);
}
static inline double __longlong_as_double(long long x) {
  return gdi_emulated_bits<double>(x);
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)((uint64_t)a * b >> 32);
}
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
static inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
static inline int __clz(int x) {
  return x ? __builtin_clz((unsigned)x) : 32;
}
static inline int __ffs(int x) {
  return __builtin_ffs(x);
}

/* Of two numbers of different types, in their common type: as CUDA's overloads. */
template <typename A, typename B>
static inline std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>, std::common_type_t<A, B>>
min(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>) return std::fmin((T)a, (T)b);
  return (T)b < (T)a ? (T)b : (T)a;
}
template <typename A, typename B>
static inline std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>, std::common_type_t<A, B>>
max(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point_v<T>) return std::fmax((T)a, (T)b);
  return (T)a < (T)b ? (T)b : (T)a;
}
static inline float rsqrtf(float x) {
  return 1 / sqrtf(x);
}
static inline double rsqrt(double x) {
  return 1 / sqrt(x);
}

/* ---- as cuda_runtime.h has them: no cast to void ** ---- */

template <typename T> static inline cudaError_t cudaMalloc(T **memory, size_t bytes) {
  return cudaMalloc((void **)memory, bytes);
}
template <typename T> static inline cudaError_t cudaMallocHost(T **memory, size_t bytes, unsigned flags = 0) {
  return cudaHostAlloc((void **)memory, bytes, flags);
}
template <typename T> static inline cudaError_t cudaHostAlloc(T **memory, size_t bytes, unsigned flags) {
  return cudaHostAlloc((void **)memory, bytes, flags);
}

#endif

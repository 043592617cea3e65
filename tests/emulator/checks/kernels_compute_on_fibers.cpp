/* Barriers, shuffles and block reductions are right in every order; threads that cannot meet are an error. */
#include "check.h"

constexpr unsigned all_lanes = 0xffffffffu;

static void block_sum(const double *x, double *out, int64_t n) {
  __shared__ double part[32];
  double sum = 0;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x)
    sum += x[i];
  for (int lanes = 16; lanes; lanes /= 2) sum += __shfl_xor_sync(all_lanes, sum, lanes);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0;
  for (int lanes = 16; lanes; lanes /= 2) sum += __shfl_down_sync(all_lanes, sum, (unsigned)lanes);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

static void sums(const char *order) {
  gpu({std::string("ORDER=") + order});
  constexpr int n = 10007;
  double x[n], *x_gpu = on_device<double>(n), *out = on_device<double>(3);
  for (int i = 0; i < n; i++) x[i] = i;
  cudaStream_t s = stream();
  assert_success(cudaMemcpyAsync(x_gpu, x, sizeof x, cudaMemcpyHostToDevice, s));
  for (unsigned threads : {32u, 96u, 256u, 1024u}) {
    gdi_emulated_launch("block_sum", block_sum, 3, threads, s, x_gpu, out, (int64_t)n);
    const double sum = read(out, s) + read(out + 1, s) + read(out + 2, s);
    assert_close(sum, n * (n - 1) / 2.0, 0);
  }
}

static void test_block_reductions_in_any_order(void **) {
  for (const char *order : {"forward", "reverse", "random:1", "random:2"}) sums(order);
}

static void shuffle_all(int *out) {
  const int lane = (int)threadIdx.x;
  int *mine = out + lane * 7;
  mine[0] = __shfl_sync(all_lanes, lane, 5);
  mine[1] = __shfl_sync(all_lanes, lane, 33 + lane); /* modulo 32 */
  mine[2] = __shfl_up_sync(all_lanes, lane, 3u);
  mine[3] = __shfl_down_sync(all_lanes, lane, 3u);
  mine[4] = __shfl_xor_sync(all_lanes, lane, 12);
  mine[5] = __shfl_down_sync(all_lanes, lane, 1u, 8);
  mine[6] = __shfl_xor_sync(all_lanes, lane, 8, 8);
}

static void test_shuffles(void **) {
  for (const char *order : {"ORDER=forward", "ORDER=reverse", "ORDER=random:3"}) {
    gpu({order});
    int *out = on_device<int>(32 * 7), got[32 * 7];
    gdi_emulated_launch("shuffle_all", shuffle_all, 1, 32, nullptr, out);
    assert_success(cudaMemcpy(got, out, sizeof got, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 32; i++) {
      const int expected[7] = {5,      (33 + i) % 32,          i < 3 ? i : i - 3, i > 28 ? i : i + 3,
                               i ^ 12, i % 8 == 7 ? i : i + 1, i & 8 ? i ^ 8 : i};
      for (int k = 0; k < 7; k++) assert_int_equal(got[i * 7 + k], expected[k]);
    }
  }
}

static void count_all(unsigned *count, int *largest, unsigned *bits) {
  atomicAdd(count, 1u);
  atomicMax(largest, (int)threadIdx.x);
  atomicOr(bits, 1u << threadIdx.x % 32);
}

static void test_atomics(void **) {
  gpu({"ORDER=random:4"});
  unsigned *numbers = on_device<unsigned>(3);
  assert_success(cudaMemsetAsync(numbers, 0, 12, nullptr));
  gdi_emulated_launch("count_all", count_all, 5, 100, nullptr, numbers, (int *)numbers + 1, numbers + 2);
  assert_int_equal(read(numbers, nullptr), 500);
  assert_int_equal(read(numbers + 1, nullptr), 99);
  assert_int_equal(read(numbers + 2, nullptr), all_lanes);
}

/* Locals of a thread survive the other threads' turns. */
static void keep(int *wrong) {
  const int mine = (int)threadIdx.x * 3;
  for (int i = 0; i < 100; i++) {
    __syncthreads();
    if (mine != (int)threadIdx.x * 3 || blockIdx.x != 0) atomicAdd(wrong, 1);
  }
}

static void test_threads_keep_their_locals(void **) {
  gpu();
  int *wrong = on_device<int>(1);
  assert_success(cudaMemsetAsync(wrong, 0, 4, nullptr));
  gdi_emulated_launch("keep", keep, 1, 1000, nullptr, wrong);
  assert_int_equal(read(wrong, nullptr), 0);
}

static void one_ends(int *) {
  if (threadIdx.x != 70) __syncthreads();
}
static void two_barriers(int *) {
  if (threadIdx.x < 40)
    __syncthreads();
  else
    __syncthreads();
}
static void lonely_shuffle(int *) {
  if (threadIdx.x % 32 != 9) __shfl_xor_sync(all_lanes, 1, 1);
}

static void test_threads_that_cannot_meet_are_an_error(void **) {
  for (auto kernel : {one_ends, two_barriers, lonely_shuffle}) {
    gpu();
    gdi_emulated_launch("a kernel of this test", kernel, 2, 128, nullptr, nullptr);
    assert_success(cudaPeekAtLastError());
    assert_cuda(cudaErrorLaunchFailure, cudaDeviceSynchronize());
  }
  sums("forward"); /* and the fibers are none the worse */
}

static void test_launches_out_of_range_are_refused(void **) {
  gpu();
  gdi_emulated_launch("one_ends", one_ends, 1, 1025, nullptr, nullptr);
  assert_cuda(cudaErrorInvalidConfiguration, cudaGetLastError());
  gdi_emulated_launch("one_ends", one_ends, 0, 32, nullptr, nullptr);
  assert_cuda(cudaErrorInvalidConfiguration, cudaGetLastError());
  gdi_emulated_launch("one_ends", one_ends, 1, 32, (cudaStream_t)&gpu, nullptr);
  assert_cuda(cudaErrorInvalidResourceHandle, cudaGetLastError());
  assert_success(cudaGetLastError());
}

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(test_block_reductions_in_any_order),
                              cmocka_unit_test(test_shuffles),
                              cmocka_unit_test(test_atomics),
                              cmocka_unit_test(test_threads_keep_their_locals),
                              cmocka_unit_test(test_threads_that_cannot_meet_are_an_error),
                              cmocka_unit_test(test_launches_out_of_range_are_refused)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

/* A fault on the device is reported at a later call, and at every one after it; machines without a GPU say
 * so. */
#include "check.h"

static void test_the_planted_fault_comes_late_and_stays(void **) {
  gpu({"FAULT=700@3"});
  int *x = pinned<int>(1), *y = on_device<int>(1);
  *x = 0;
  cudaStream_t s = stream();
  for (int i = 0; i < 4; i++) LAUNCH(s, add_kernel, x, 1);
  assert_success(cudaGetLastError());
  assert_cuda(cudaErrorIllegalAddress, cudaStreamSynchronize(s));
  assert_int_equal(*x, 2); /* nothing ran after it */
  assert_cuda(cudaErrorIllegalAddress, cudaGetLastError());
  assert_cuda(cudaErrorIllegalAddress, cudaGetLastError());
  assert_cuda(cudaErrorIllegalAddress, cudaMemsetAsync(y, 0, 4, s));
  assert_cuda(cudaErrorIllegalAddress, cudaFree(y));
}

static void test_the_fault_of_one_rank(void **) {
  for (const char *rank : {"0", "1"}) {
    setenv("OMPI_COMM_WORLD_RANK", rank, 1);
    gpu({"FAULT=719@1:1"});
    LAUNCH(nullptr, add_kernel, pinned<int>(1), 1);
    assert_cuda(*rank == '1' ? cudaErrorLaunchFailure : cudaSuccess, cudaDeviceSynchronize());
  }
  unsetenv("OMPI_COMM_WORLD_RANK");
}

static void test_kernels_of_replays_count(void **) {
  gpu({"FAULT=719@3"});
  int *x = on_device<int>(1);
  cudaStream_t s = stream();
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  assert_success(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
  LAUNCH(s, add_kernel, x, 1);
  assert_success(cudaStreamEndCapture(s, &graph));
  assert_success(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 1; i <= 3; i++) {
    assert_success(cudaGraphLaunch(exec, s));
    assert_cuda(i == 3 ? cudaErrorLaunchFailure : cudaSuccess, cudaStreamSynchronize(s));
  }
}

static void test_other_errors_are_forgotten_once_asked_for(void **) {
  gpu();
  assert_cuda(cudaErrorInvalidDevice, cudaSetDevice(1));
  assert_cuda(cudaErrorInvalidDevice, cudaPeekAtLastError());
  assert_cuda(cudaErrorInvalidDevice, cudaGetLastError());
  assert_success(cudaGetLastError());
}

static void test_no_device_and_no_driver(void **) {
  int n = -1, version;
  void *p;
  gpu({"GPUS=0"});
  assert_cuda(cudaErrorNoDevice, cudaGetDeviceCount(&n));
  assert_int_equal(n, 0);
  assert_cuda(cudaErrorNoDevice, cudaMalloc(&p, 4));
  gpu({"GPUS=no-driver"});
  assert_cuda(cudaErrorInsufficientDriver, cudaGetDeviceCount(&n));
  assert_success(cudaDriverGetVersion(&version));
  assert_int_equal(version, 0);
}

static void test_several_devices(void **) {
  int n;
  char id[32];
  cudaDeviceProp prop;
  gpu({"GPUS=2"});
  assert_success(cudaGetDeviceCount(&n));
  assert_int_equal(n, 2);
  assert_success(cudaGetDeviceProperties(&prop, 1));
  assert_string_equal(prop.name, "Emulated GPU");
  assert_success(cudaDeviceGetPCIBusId(id, sizeof id, 1));
  assert_string_equal(id, "0000:02:00.0");
  cudaStream_t of_first = stream();
  assert_success(cudaSetDevice(1));
  LAUNCH(of_first, add_kernel, nullptr, 1);
  assert_cuda(cudaErrorInvalidResourceHandle, cudaGetLastError());
}

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(test_the_planted_fault_comes_late_and_stays),
                              cmocka_unit_test(test_the_fault_of_one_rank),
                              cmocka_unit_test(test_kernels_of_replays_count),
                              cmocka_unit_test(test_other_errors_are_forgotten_once_asked_for),
                              cmocka_unit_test(test_no_device_and_no_driver),
                              cmocka_unit_test(test_several_devices)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

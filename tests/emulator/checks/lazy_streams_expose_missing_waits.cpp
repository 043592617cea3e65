/* In lazy streams what nobody waited for has not happened; eager ones hide it. */
#include "check.h"

/* Written in one stream, read in another: with the wait, and without. */
static int across_streams(const char *streams, bool waits) {
  gpu({std::string("STREAMS=") + streams});
  int *x = on_device<int>(1);
  cudaStream_t a = stream(), b = stream();
  cudaEvent_t e = event();
  LAUNCH(a, set_kernel, x, 7);
  assert_success(cudaEventRecord(e, a));
  if (waits) assert_success(cudaStreamWaitEvent(b, e));
  return read(x, b);
}

static void test_a_missing_wait_for_an_event(void **) {
  assert_int_equal(across_streams("lazy", true), 7);
  assert_int_equal(across_streams("eager", true), 7);
  assert_int_equal(across_streams("eager", false), 7);
  assert_int_equal(across_streams("lazy", false), -1);
}

static void test_a_wait_runs_what_it_needs_and_no_more(void **) {
  gpu();
  int *x = pinned<int>(2);
  x[0] = x[1] = 0;
  cudaStream_t a = stream(), b = stream();
  cudaEvent_t middle = event();
  LAUNCH(a, add_kernel, x, 1);
  assert_success(cudaEventRecord(middle, a));
  LAUNCH(a, add_kernel, x, 10);
  LAUNCH(b, add_kernel, x + 1, 1);
  assert_success(cudaEventSynchronize(middle));
  assert_int_equal(x[0], 1);
  assert_int_equal(x[1], 0);
  assert_success(cudaDeviceSynchronize());
  assert_int_equal(x[0], 11);
  assert_int_equal(x[1], 1);
}

static void test_a_query_makes_one_step(void **) {
  gpu();
  int *x = pinned<int>(1);
  *x = 0;
  cudaStream_t s = stream();
  for (int i = 0; i < 3; i++) LAUNCH(s, add_kernel, x, 1);
  for (int i = 1; i <= 3; i++) {
    assert_cuda(cudaErrorNotReady, cudaStreamQuery(s));
    assert_int_equal(*x, i);
  }
  assert_success(cudaStreamQuery(s));
}

static void test_when_the_source_of_a_copy_is_read(void **) {
  gpu();
  int *to = on_device<int>(2), *page_locked = pinned<int>(1), pageable = 1;
  *page_locked = 1;
  cudaStream_t s = stream();
  assert_success(cudaMemcpyAsync(to, &pageable, 4, cudaMemcpyHostToDevice, s));
  assert_success(cudaMemcpyAsync(to + 1, page_locked, 4, cudaMemcpyDefault, s));
  pageable = *page_locked = 2;
  assert_int_equal(read(to, s), 1);     /* staged at the call */
  assert_int_equal(read(to + 1, s), 2); /* read when the copy ran: too early to write there */
}

static void test_the_result_of_a_copy_is_there_after_a_wait(void **) {
  gpu();
  int *x = on_device<int>(1), *page_locked = pinned<int>(1);
  *page_locked = 0;
  cudaStream_t s = stream();
  LAUNCH(s, set_kernel, x, 5);
  assert_success(cudaMemcpyAsync(page_locked, x, 4, cudaMemcpyDeviceToHost, s));
  assert_int_equal(*page_locked, 0);
  assert_success(cudaStreamSynchronize(s));
  assert_int_equal(*page_locked, 5);
}

/* cudaMemcpy waits for the legacy stream and the blocking ones, not for the others. */
static void test_the_legacy_stream(void **) {
  gpu();
  int *x = on_device<int>(2), got[2];
  cudaStream_t blocking, other = stream();
  assert_success(cudaStreamCreate(&blocking));
  LAUNCH(blocking, set_kernel, x, 1);
  LAUNCH(other, set_kernel, x + 1, 1);
  assert_success(cudaMemcpy(got, x, sizeof got, cudaMemcpyDeviceToHost));
  assert_int_equal(got[0], 1);
  assert_int_equal(got[1], -1);
  LAUNCH(nullptr, set_kernel, x, 2);
  LAUNCH(blocking, double_kernel, x);
  assert_int_equal(read(x, blocking), 4);
}

static void push(void *data) {
  (*(int *)data)++;
}
static void calls(void *data) {
  *(cudaError_t *)data = cudaDeviceSynchronize();
}

static void test_functions_of_the_host(void **) {
  gpu();
  int count = 0;
  cudaError_t inside = cudaSuccess;
  cudaStream_t s = stream();
  assert_success(cudaLaunchHostFunc(s, push, &count));
  assert_success(cudaLaunchHostFunc(s, calls, &inside));
  assert_int_equal(count, 0);
  assert_success(cudaStreamSynchronize(s));
  assert_int_equal(count, 1);
  assert_cuda(cudaErrorNotPermitted, inside);
}

struct Patient {
  int calls, *x; /* calls: kept in the copy from call to call */
};
static cudaError_t patient(void *arguments) {
  Patient *p = (Patient *)arguments;
  if (++p->calls < 3) return cudaErrorNotReady;
  *p->x = p->calls;
  return cudaSuccess;
}

static void test_work_of_other_libraries(void **) {
  for (const char *streams : {"STREAMS=lazy", "STREAMS=eager"}) {
    gpu({streams, "FAULT=719@3"}); /* two launches, in however many calls */
    Patient p = {0, on_device<int>(1)};
    int *x = p.x;
    cudaStream_t s = stream();
    assert_success(gdi_emulated_enqueue(s, "patient", patient, &p, sizeof p));
    p.x = nullptr; /* it has a copy */
    LAUNCH(s, double_kernel, x);
    assert_int_equal(read(x, s), 6);
  }
}

static void test_events(void **) {
  gpu();
  cudaStream_t s = stream();
  cudaEvent_t a, b, untimed = event();
  float ms = -1;
  assert_success(cudaEventCreate(&a));
  assert_success(cudaEventCreate(&b));
  assert_success(cudaEventQuery(a)); /* never recorded */
  assert_success(cudaEventRecord(a, s));
  assert_success(cudaEventRecord(b, s));
  assert_cuda(cudaErrorNotReady, cudaEventElapsedTime(&ms, a, b));
  assert_success(cudaEventSynchronize(b));
  assert_success(cudaEventElapsedTime(&ms, a, b));
  assert_true(ms >= 0);
  assert_success(cudaEventRecord(untimed, s));
  assert_success(cudaEventSynchronize(untimed));
  assert_cuda(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, a, untimed));
  assert_success(cudaEventDestroy(a));
  assert_cuda(cudaErrorInvalidResourceHandle, cudaEventDestroy(a));
}

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(test_a_missing_wait_for_an_event),
                              cmocka_unit_test(test_a_wait_runs_what_it_needs_and_no_more),
                              cmocka_unit_test(test_a_query_makes_one_step),
                              cmocka_unit_test(test_when_the_source_of_a_copy_is_read),
                              cmocka_unit_test(test_the_result_of_a_copy_is_there_after_a_wait),
                              cmocka_unit_test(test_the_legacy_stream),
                              cmocka_unit_test(test_functions_of_the_host),
                              cmocka_unit_test(test_work_of_other_libraries),
                              cmocka_unit_test(test_events)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

/* Device memory is the device's: the host that touches it dies, and what lies outside of it is nobody's. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "check.h"

/* Whether a process that does this comes to its end. What it has to say about its death is not shown. */
static bool survives(const std::function<void()> &act) {
  const pid_t child = fork();
  if (child == 0) {
    fclose(stderr);
    for (int s : {SIGSEGV, SIGBUS, SIGABRT}) signal(s, SIG_DFL); /* not the test program's to catch */
    act();
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_the_host_touches_device_memory(void **) {
  for (const bool guard : {true, false}) {
    gpu({guard ? "GUARD=on" : "GUARD=off"});
    volatile int *x = on_device<int>(1);
    assert_true(survives([=] { *x = 1; }) == !guard);
    assert_true(survives([=] { (void)*x; }) == !guard);
  }
}

static void host_reads(void *x) {
  (void)*(volatile int *)x;
}

static void test_also_after_work_has_run(void **) {
  for (const char *streams : {"STREAMS=lazy", "STREAMS=eager"}) {
    gpu({streams});
    int *x = on_device<int>(1);
    LAUNCH(nullptr, set_kernel, x, 1);
    assert_success(cudaDeviceSynchronize());
    assert_false(survives([=] { (void)*(volatile int *)x; }));
  }
}

/* Copies open only what they touch: that is closed again, whatever came before them and comes after. */
static void test_also_after_copies(void **) {
  for (const char *streams : {"STREAMS=lazy", "STREAMS=eager"})
    for (const bool kernel : {false, true}) {
      gpu({streams});
      int *from = on_device<int>(1), *to = on_device<int>(1), *other = on_device<int>(1), host = 0;
      const auto closed = [=] {
        for (int *x : {from, to, other})
          if (survives([=] { (void)*(volatile int *)x; })) return false;
        return true;
      };
      if (kernel) LAUNCH(nullptr, set_kernel, other, 1);
      assert_success(cudaMemset(from, 0, sizeof *from));
      assert_success(cudaDeviceSynchronize());
      assert_true(closed());
      assert_success(cudaMemcpy(to, from, sizeof *to, cudaMemcpyDeviceToDevice));
      assert_success(cudaDeviceSynchronize());
      assert_true(closed());
      assert_success(cudaMemcpy(&host, to, sizeof host, cudaMemcpyDeviceToHost));
      assert_int_equal(host, 0);
      assert_true(closed());
      assert_success(cudaMemset(to, 1, sizeof *to));
      assert_false(survives([=] { cudaLaunchHostFunc(nullptr, host_reads, to), cudaDeviceSynchronize(); }));
    }
}

static void test_functions_of_the_host_are_the_host(void **) {
  gpu();
  int *x = on_device<int>(1);
  LAUNCH(nullptr, set_kernel, x, 1);
  assert_success(cudaLaunchHostFunc(nullptr, host_reads, x));
  assert_false(survives([] { cudaDeviceSynchronize(); }));
}

static void test_kernels_beyond_the_end(void **) {
  gpu();
  int *x = on_device<int>(64);
  assert_true(survives([=] { LAUNCH(nullptr, set_kernel, x + 63, 1), cudaDeviceSynchronize(); }));
  assert_false(survives([=] { LAUNCH(nullptr, set_kernel, x + 64, 1), cudaDeviceSynchronize(); }));
  assert_false(survives([=] { LAUNCH(nullptr, set_kernel, x - 4096, 1), cudaDeviceSynchronize(); }));
}

static void test_kernels_between_two_pieces(void **) {
  gpu();
  int *a = on_device<int>(1024), *b = on_device<int>(1024), *lower = a < b ? a : b;
  assert_false(survives([=] { LAUNCH(nullptr, set_kernel, lower + 1024, 1), cudaDeviceSynchronize(); }));
}

static void test_freed_memory(void **) {
  gpu({"GUARD=off"});
  int *x = on_device<int>(64);
  assert_success(cudaFree(x));
  assert_false(survives([=] { LAUNCH(nullptr, set_kernel, x, 1), cudaDeviceSynchronize(); }));
  assert_cuda(cudaErrorInvalidValue, cudaFree(x));
}

static void test_new_memory_is_nan(void **) {
  gpu();
  const double d = read(on_device<double>(3) + 2, nullptr);
  const float f = read(on_device<float>(3) + 2, nullptr);
  assert_true(d != d && f != f);
}

static void test_copies_out_of_range_are_refused(void **) {
  gpu();
  int *x = on_device<int>(4), *page_locked = pinned<int>(4), host[8] = {};
  assert_cuda(cudaErrorInvalidValue, cudaMemcpy(x, host, 20, cudaMemcpyHostToDevice));
  assert_cuda(cudaErrorInvalidValue, cudaMemcpy(x + 2, host, 16, cudaMemcpyDefault));
  assert_cuda(cudaErrorInvalidValue, cudaMemcpy(x, page_locked + 2, 16, cudaMemcpyHostToDevice));
  assert_cuda(cudaErrorInvalidValue, cudaMemcpy(host, host + 4, 4, cudaMemcpyHostToDevice));
  assert_cuda(cudaErrorInvalidValue, cudaMemcpy(x, x + 2, 4, cudaMemcpyDeviceToHost));
  assert_cuda(cudaErrorInvalidValue, cudaMemset(x + 3, 0, 5));
  assert_cuda(cudaErrorInvalidValue, cudaMemset(host, 0, 4));
}

static void test_memory_is_counted_and_ends(void **) {
  gpu({"MEMORY=3"});
  size_t available, total;
  char *a = on_device<char>(2 << 20), *b = a;
  assert_success(cudaMemGetInfo(&available, &total));
  assert_int_equal(total, 3 << 20);
  assert_int_equal(available, 1 << 20);
  assert_cuda(cudaErrorMemoryAllocation, cudaMalloc(&b, (1 << 20) + 1));
  assert_null(b);
  assert_success(cudaFree(a));
  assert_success(cudaMalloc(&b, 3 << 20));
}

static void test_pinning(void **) {
  gpu();
  alignas(64) int host[16] = {};
  assert_success(cudaHostRegister(host, 32, cudaHostRegisterDefault));
  assert_cuda(cudaErrorHostMemoryAlreadyRegistered, cudaHostRegister(host + 4, 32, 0));
  assert_cuda(cudaErrorHostMemoryAlreadyRegistered, cudaHostRegister(host + 8, 32, 0)); /* in one page */
  assert_cuda(cudaErrorHostMemoryNotRegistered, cudaHostUnregister(host + 4));
  assert_cuda(cudaErrorInvalidValue, cudaFreeHost(host));
  assert_success(cudaHostUnregister(host));
  assert_cuda(cudaErrorHostMemoryNotRegistered, cudaHostUnregister(host));
  assert_success(cudaFreeHost(nullptr));
  assert_success(cudaFree(nullptr));
}

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(test_the_host_touches_device_memory),
                              cmocka_unit_test(test_also_after_work_has_run),
                              cmocka_unit_test(test_also_after_copies),
                              cmocka_unit_test(test_functions_of_the_host_are_the_host),
                              cmocka_unit_test(test_kernels_beyond_the_end),
                              cmocka_unit_test(test_kernels_between_two_pieces),
                              cmocka_unit_test(test_freed_memory),
                              cmocka_unit_test(test_new_memory_is_nan),
                              cmocka_unit_test(test_copies_out_of_range_are_refused),
                              cmocka_unit_test(test_memory_is_counted_and_ends),
                              cmocka_unit_test(test_pinning)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

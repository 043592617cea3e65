/* A kernel that lacks a barrier is right in one order of its threads, and wrong in another. */
#include "check.h"

constexpr int n = 64;

/* Every thread hands its number to the next one: with a barrier, without, or with one of its warp alone. */
enum Barrier { none, of_warp, of_block };

static void hand_on(int *out, int barrier) {
  __shared__ int slot[n];
  const int t = (int)threadIdx.x;
  slot[t] = -1;
  __syncthreads();
  slot[t] = t;
  if (barrier == of_warp) __syncwarp();
  if (barrier == of_block) __syncthreads();
  out[t] = slot[(t + n - 1) % n];
}

static int wrong(const char *order, int barrier) {
  gpu({std::string("ORDER=") + order});
  int *out = on_device<int>(n), got[n], errors = 0;
  gdi_emulated_launch("hand_on", hand_on, 1, n, nullptr, out, barrier);
  assert_success(cudaMemcpy(got, out, sizeof got, cudaMemcpyDeviceToHost));
  for (int t = 0; t < n; t++) errors += got[t] != (t + n - 1) % n;
  return errors;
}

static void test_with_a_barrier_all_orders_agree(void **) {
  for (const char *order : {"forward", "reverse", "random:1", "random:2"})
    assert_int_equal(wrong(order, of_block), 0);
}

static void test_without_one_reversing_shows(void **) {
  assert_int_equal(wrong("forward", none), 1); /* thread 0 alone reads too early */
  assert_int_equal(wrong("reverse", none), n - 1);
  assert_true(wrong("random:1", none) > 0);
}

static void test_a_barrier_of_the_warp_is_not_one_of_the_block(void **) {
  assert_int_equal(wrong("forward", of_warp), 1);
  assert_int_equal(wrong("reverse", of_warp), 1); /* thread 32 */
}

/* Blocks: a block that relies on one before it. */
static void follow(int *at) {
  if (threadIdx.x == 0) at[blockIdx.x] = blockIdx.x == 0 ? 1 : at[blockIdx.x - 1];
}

static void test_blocks_run_in_any_order(void **) {
  for (const bool reverse : {false, true}) {
    gpu({reverse ? "ORDER=reverse" : "ORDER=forward"});
    int *at = on_device<int>(4);
    gdi_emulated_launch("follow", follow, 4, 32, nullptr, at);
    assert_int_equal(read(at + 3, nullptr), reverse ? -1 : 1); /* -1: never written */
  }
}

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(test_with_a_barrier_all_orders_agree),
                              cmocka_unit_test(test_without_one_reversing_shows),
                              cmocka_unit_test(test_a_barrier_of_the_warp_is_not_one_of_the_block),
                              cmocka_unit_test(test_blocks_run_in_any_order)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

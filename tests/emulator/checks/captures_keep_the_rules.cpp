/* Capture and replay: what becomes of the work, and what is forbidden meanwhile. */
#include <functional>
#include <thread>

#include "check.h"

constexpr auto global = cudaStreamCaptureModeGlobal;

static cudaGraphExec_t end(cudaStream_t s) {
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  assert_success(cudaStreamEndCapture(s, &graph));
  assert_success(cudaGraphInstantiate(&exec, graph, 0));
  assert_success(cudaGraphDestroy(graph));
  return exec;
}

static void test_captured_work_runs_at_replay_with_its_arguments(void **) {
  for (const char *streams : {"STREAMS=lazy", "STREAMS=eager"}) {
    gpu({streams});
    int *x = on_device<int>(1), *seed = pinned<int>(1), add = 5;
    cudaStream_t s = stream();
    assert_success(cudaMemsetAsync(x, 0, 4, s));
    assert_success(cudaStreamBeginCapture(s, global));
    assert_success(cudaMemcpyAsync(x, seed, 4, cudaMemcpyHostToDevice, s));
    LAUNCH(s, add_kernel, x, add);
    add = 100;
    cudaGraphExec_t exec = end(s);
    assert_int_equal(read(x, s), 0);
    for (int i = 1; i <= 3; i++) {
      *seed = i;
      assert_success(cudaGraphLaunch(exec, s));
      assert_int_equal(read(x, s), i + 5);
    }
    assert_success(cudaGraphExecDestroy(exec));
  }
}

static void test_launches_of_one_graph_follow_one_another(void **) {
  gpu();
  int *x = on_device<int>(1);
  cudaStream_t a = stream(), b = stream();
  assert_success(cudaMemsetAsync(x, 0, 4, a));
  assert_success(cudaStreamSynchronize(a));
  assert_success(cudaStreamBeginCapture(a, global));
  LAUNCH(a, double_kernel, x);
  LAUNCH(a, add_kernel, x, 1);
  cudaGraphExec_t exec = end(a);
  for (cudaStream_t s : {a, b, a}) assert_success(cudaGraphLaunch(exec, s));
  assert_success(cudaGraphExecDestroy(exec)); /* what was launched runs all the same */
  assert_int_equal(read(x, a), 7);
}

static cudaError_t nothing(void *) {
  return cudaSuccess;
}
static void count_down(void *held) {
  --*(int *)held;
}

/* A library hears when the last graph with its work is gone: launches that are still queued do not count. */
static void test_work_that_a_library_follows(void **) {
  gpu();
  int held = 3;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  cudaStream_t s = stream();
  const auto queue = [&] {
    assert_success(gdi_emulated_enqueue_held(s, "held", nothing, nullptr, 0, count_down, &held));
  };
  queue(); /* never recorded */
  assert_int_equal(held, 2);
  assert_success(cudaStreamBeginCapture(s, global));
  queue();
  assert_success(cudaStreamEndCapture(s, &graph));
  assert_success(cudaGraphInstantiate(&exec, graph, cudaGraphInstantiateFlagUseNodePriority));
  assert_success(cudaGraphLaunch(exec, s));
  assert_success(cudaGraphDestroy(graph));
  assert_int_equal(held, 2);
  assert_success(cudaGraphExecDestroy(exec));
  assert_int_equal(held, 1);
  assert_success(cudaStreamBeginCapture(s, global));
  queue();
  assert_cuda(cudaErrorStreamCaptureUnsupported, cudaStreamSynchronize(s));
  assert_int_equal(held, 1);
  assert_cuda(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(s, &graph));
  assert_int_equal(held, 0);
}

/* x = 1 in `a`; then, in `b` beside it, y = 2 x; joined, x += y. Returns the graph's result. */
static int fork_and_join(bool waits, bool joins, cudaError_t *error) {
  int *x = on_device<int>(2), *y = x + 1;
  cudaStream_t a = stream(), b = stream();
  cudaEvent_t forked = event(), done = event();
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  const auto add = [](int *to, const int *from) { *to += *from; };
  const auto twice = [](int *to, const int *from) { *to = 2 * *from; };
  assert_success(cudaStreamBeginCapture(a, global));
  if (!waits) assert_success(cudaEventRecord(forked, a));
  LAUNCH(a, set_kernel, x, 1);
  if (waits) assert_success(cudaEventRecord(forked, a));
  assert_success(cudaStreamWaitEvent(b, forked));
  LAUNCH(b, +twice, y, x);
  assert_success(cudaEventRecord(done, b));
  if (joins) assert_success(cudaStreamWaitEvent(a, done));
  LAUNCH(a, +add, x, y);
  *error = cudaStreamEndCapture(a, &graph);
  if (*error != cudaSuccess) return 0;
  assert_success(cudaGraphInstantiate(&exec, graph, 0));
  assert_success(cudaGraphLaunch(exec, a));
  return read(x, a);
}

static void test_branches_by_events(void **) {
  cudaError_t error;
  gpu();
  assert_int_equal(fork_and_join(true, true, &error), 3);
  assert_success(error);
  gpu();
  fork_and_join(true, false, &error);
  assert_cuda(cudaErrorStreamCaptureUnjoined, error);
}

/* Without a dependency, a replay runs the later branch first: it reads x before it is set. */
static void test_a_missing_dependency_shows_at_replay(void **) {
  cudaError_t error;
  gpu();
  assert_int_not_equal(fork_and_join(false, true, &error), 3);
  assert_success(error);
}

static void test_nodes(void **) {
  gpu();
  int *x = on_device<int>(1);
  cudaStream_t s = stream();
  cudaGraph_t graph;
  assert_success(cudaStreamBeginCapture(s, global));
  assert_success(cudaMemsetAsync(x, 0, 4, s));
  LAUNCH(s, add_kernel, x, 1);
  assert_success(cudaStreamEndCapture(s, &graph));
  size_t n = 0;
  assert_success(cudaGraphGetNodes(graph, nullptr, &n));
  assert_int_equal(n, 2);
  cudaGraphNode_t nodes[2];
  cudaGraphNodeType type;
  assert_success(cudaGraphGetNodes(graph, nodes, &n));
  assert_success(cudaGraphNodeGetType(nodes[0], &type));
  assert_int_equal(type, cudaGraphNodeTypeMemset);
  assert_success(cudaGraphNodeGetType(nodes[1], &type));
  assert_int_equal(type, cudaGraphNodeTypeKernel);
  cudaGraphNode_t from[2], to[2];
  assert_success(cudaGraphGetEdges(graph, nullptr, nullptr, nullptr, &n));
  assert_int_equal(n, 1);
  assert_success(cudaGraphGetEdges(graph, from, to, nullptr, &n));
  assert_true(n == 1 && from[0] == nodes[0] && to[0] == nodes[1]);
}

/* The call is answered with `error`, and the end of the capture with `at_end`. */
static void forbidden(cudaError_t error, cudaError_t at_end,
                      const std::function<cudaError_t(cudaStream_t)> &call) {
  cudaStream_t s = stream();
  cudaGraph_t graph;
  assert_success(cudaStreamBeginCapture(s, global));
  assert_cuda(error, call(s));
  cudaStreamCaptureStatus status;
  assert_success(cudaStreamIsCapturing(s, &status));
  assert_int_equal(status, at_end == cudaSuccess ? cudaStreamCaptureStatusActive
                                                 : cudaStreamCaptureStatusInvalidated);
  assert_cuda(at_end, cudaStreamEndCapture(s, &graph));
  assert_true((graph == nullptr) == (at_end != cudaSuccess));
  assert_success(cudaStreamIsCapturing(s, &status));
  assert_int_equal(status, cudaStreamCaptureStatusNone);
  cudaGetLastError();
}

static void test_forbidden_calls_invalidate_the_capture(void **) {
  gpu();
  int *x = on_device<int>(1), *page_locked = pinned<int>(1), host = 0;
  cudaEvent_t e = event();
  cudaStream_t other = stream();
  assert_success(cudaEventRecord(e, other));
  const cudaError_t no = cudaErrorStreamCaptureUnsupported, end = cudaErrorStreamCaptureInvalidated;
  forbidden(no, end, [](cudaStream_t s) { return cudaStreamSynchronize(s); });
  forbidden(no, end, [](cudaStream_t s) { return cudaStreamQuery(s); });
  forbidden(no, end, [](cudaStream_t) { return cudaDeviceSynchronize(); });
  forbidden(no, end, [&](cudaStream_t) { return cudaEventQuery(e); });
  forbidden(no, end, [](cudaStream_t) {
    void *p;
    return cudaMalloc(&p, 4);
  });
  forbidden(no, end, [&](cudaStream_t) { return cudaFree(x); });
  forbidden(no, end, [&](cudaStream_t) { return cudaMemcpy(&host, x, 4, cudaMemcpyDeviceToHost); });
  forbidden(no, end, [&](cudaStream_t s) { return cudaMemcpyAsync(&host, x, 4, cudaMemcpyDeviceToHost, s); });
  forbidden(no, end, [&](cudaStream_t s) { return cudaMemcpyAsync(x, &host, 4, cudaMemcpyHostToDevice, s); });
  forbidden(cudaErrorStreamCaptureIsolation, end, [&](cudaStream_t s) { return cudaStreamWaitEvent(s, e); });
  forbidden(cudaErrorCapturedEvent, end, [&](cudaStream_t s) {
    assert_success(cudaEventRecord(e, s));
    return cudaEventSynchronize(e);
  });
  forbidden(cudaErrorStreamCaptureInvalidated, end, [&](cudaStream_t s) {
    cudaStreamSynchronize(s);
    return cudaMemsetAsync(x, 0, 4, s);
  });
  forbidden(cudaSuccess, cudaSuccess,
            [&](cudaStream_t s) { return cudaMemcpyAsync(x, page_locked, 4, cudaMemcpyHostToDevice, s); });
  forbidden(cudaSuccess, cudaSuccess, [&](cudaStream_t) { return cudaMemsetAsync(x, 0, 4, other); });
}

static void test_the_legacy_stream_beside_a_captured_blocking_one(void **) {
  gpu();
  int *x = on_device<int>(1);
  cudaStream_t s;
  cudaGraph_t graph;
  assert_success(cudaStreamCreate(&s));
  assert_cuda(cudaErrorStreamCaptureUnsupported, cudaStreamBeginCapture(nullptr, global));
  assert_success(cudaStreamBeginCapture(s, global));
  assert_cuda(cudaErrorStreamCaptureImplicit, cudaMemsetAsync(x, 0, 4, nullptr));
  assert_cuda(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(s, &graph));
}

static void test_two_captures_cannot_merge(void **) {
  gpu();
  cudaStream_t a = stream(), b = stream();
  cudaEvent_t e = event();
  cudaGraph_t graph;
  assert_success(cudaStreamBeginCapture(a, global));
  assert_success(cudaStreamBeginCapture(b, global));
  assert_cuda(cudaErrorIllegalState, cudaStreamBeginCapture(b, global));
  assert_success(cudaEventRecord(e, a));
  assert_cuda(cudaErrorStreamCaptureMerge, cudaStreamWaitEvent(b, e));
  assert_cuda(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(a, &graph));
  assert_cuda(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(b, &graph));
  assert_cuda(cudaErrorIllegalState, cudaStreamEndCapture(b, &graph));
}

static void test_a_capture_ends_where_it_began(void **) {
  gpu();
  cudaStream_t a = stream(), b = stream();
  cudaEvent_t e = event();
  cudaGraph_t graph;
  assert_success(cudaStreamBeginCapture(a, global));
  assert_success(cudaEventRecord(e, a));
  assert_success(cudaStreamWaitEvent(b, e));
  assert_cuda(cudaErrorStreamCaptureUnmatched, cudaStreamEndCapture(b, &graph));
  cudaError_t elsewhere = cudaSuccess;
  std::thread([&] { elsewhere = cudaStreamEndCapture(a, &graph); }).join();
  assert_cuda(cudaErrorStreamCaptureWrongThread, elsewhere);
  assert_cuda(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(a, &graph));
}

/* Another thread's cudaMalloc is forbidden too, unless it says that it knows. */
static void test_modes_of_threads(void **) {
  gpu();
  const auto allocates = [](cudaStreamCaptureMode mode) {
    void *p;
    cudaThreadExchangeStreamCaptureMode(&mode);
    return cudaMalloc(&p, 4);
  };
  forbidden(cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated, [&](cudaStream_t) {
    cudaError_t e;
    std::thread([&] { e = allocates(global); }).join();
    return e;
  });
  forbidden(cudaSuccess, cudaSuccess, [&](cudaStream_t) {
    cudaError_t e;
    std::thread([&] { e = allocates(cudaStreamCaptureModeThreadLocal); }).join();
    return e;
  });
}

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(test_captured_work_runs_at_replay_with_its_arguments),
                              cmocka_unit_test(test_launches_of_one_graph_follow_one_another),
                              cmocka_unit_test(test_work_that_a_library_follows),
                              cmocka_unit_test(test_branches_by_events),
                              cmocka_unit_test(test_a_missing_dependency_shows_at_replay),
                              cmocka_unit_test(test_nodes),
                              cmocka_unit_test(test_forbidden_calls_invalidate_the_capture),
                              cmocka_unit_test(test_the_legacy_stream_beside_a_captured_blocking_one),
                              cmocka_unit_test(test_two_captures_cannot_merge),
                              cmocka_unit_test(test_a_capture_ends_where_it_began),
                              cmocka_unit_test(test_modes_of_threads)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

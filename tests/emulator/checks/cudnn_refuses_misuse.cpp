/* The cuDNN of the emulated GPU takes nothing that the library's documentation does not allow. */
#include "check.h"

#include <cudnn_graph.h>

static cudnnHandle_t handle;
static float *memory; /* of the device */

#define REFUSED(call) assert_int_not_equal(call, CUDNN_STATUS_SUCCESS)
#define DONE(call)    assert_int_equal(call, CUDNN_STATUS_SUCCESS)

static cudnnBackendDescriptor_t made(cudnnBackendDescriptorType_t kind) {
  cudnnBackendDescriptor_t d;
  DONE(cudnnBackendCreateDescriptor(kind, &d));
  return d;
}

static cudnnStatus_t number(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t attribute,
                            int64_t value) {
  return cudnnBackendSetAttribute(d, attribute, CUDNN_TYPE_INT64, 1, &value);
}

static cudnnStatus_t part(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t attribute,
                          cudnnBackendDescriptor_t other) {
  return cudnnBackendSetAttribute(d, attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other);
}

/* [1, 4, size, size], channels last but for the last stride, which is `inner`; not finalized */
static cudnnBackendDescriptor_t tensor(int64_t id, int64_t n, int64_t size, int64_t inner) {
  const cudnnDataType_t type = CUDNN_DATA_FLOAT;
  const int64_t dim[] = {n, 4, size, size}, stride[] = {4 * size * size, 1, 4 * size, inner};
  cudnnBackendDescriptor_t d = made(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  DONE(number(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, id));
  DONE(number(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16));
  DONE(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
  DONE(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dim));
  DONE(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, stride));
  return d;
}

static cudnnBackendDescriptor_t finalized(cudnnBackendDescriptor_t d) {
  DONE(cudnnBackendFinalize(d));
  return d;
}

static void attributes_are_checked(void **state) {
  (void)state;
  cudnnBackendDescriptor_t d = tensor(1, 1, 5, 4), open = tensor(2, 1, 5, 4), wrong = tensor(3, 1, 5, 1);
  const int64_t two[] = {1, 2};
  REFUSED(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_FLOAT, 1, two));
  REFUSED(cudnnBackendSetAttribute(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 2, two));
  REFUSED(number(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2));
  REFUSED(cudnnBackendFinalize(made(CUDNN_BACKEND_TENSOR_DESCRIPTOR)));
  REFUSED(cudnnBackendFinalize(wrong));
  DONE(cudnnBackendFinalize(d));
  REFUSED(cudnnBackendFinalize(d));
  REFUSED(number(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, 2));
  cudnnBackendDescriptor_t op = made(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  REFUSED(part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, open));
  DONE(part(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, d));
}

typedef struct plan {
  cudnnBackendDescriptor_t window, x, w, y, op, graph, heuristics, configuration, how;
} plan;

/* x [1, 4, size, size] by 3 x 3 to y [1, 4, 3, 3]; false: refused. With tensor cores, where a workspace is needed. */
static bool planned(int64_t size, plan *p) {
  const int64_t dims = 2, none[] = {0, 0}, one[] = {1, 1};
  const cudnnDataType_t type = CUDNN_DATA_FLOAT;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  const cudnnBackendHeurMode_t heuristic = CUDNN_HEUR_MODE_A;
  const float scale[] = {1, 0};
  cudnnBackendDescriptor_t results[3];
  int64_t n;
  *p = {made(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR),
        finalized(tensor(1, 1, size, 4)),
        finalized(tensor(2, 4, 3, 4)),
        finalized(tensor(3, 1, 3, 4)),
        made(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR),
        made(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR),
        made(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR),
        nullptr,
        made(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)};
  DONE(cudnnBackendSetAttribute(p->window, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type));
  DONE(cudnnBackendSetAttribute(p->window, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1,
                                &mode));
  DONE(number(p->window, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, dims));
  DONE(cudnnBackendSetAttribute(p->window, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, none));
  DONE(cudnnBackendSetAttribute(p->window, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, none));
  DONE(cudnnBackendSetAttribute(p->window, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, one));
  DONE(cudnnBackendSetAttribute(p->window, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, one));
  finalized(p->window);
  DONE(part(p->op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, p->window));
  DONE(part(p->op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, p->x));
  DONE(part(p->op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, p->w));
  DONE(part(p->op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, p->y));
  DONE(cudnnBackendSetAttribute(p->op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1,
                                &scale[0]));
  DONE(cudnnBackendSetAttribute(p->op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1,
                                &scale[1]));
  if (cudnnBackendFinalize(p->op) != CUDNN_STATUS_SUCCESS) return false;
  DONE(cudnnBackendSetAttribute(p->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle));
  DONE(part(p->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, p->op));
  finalized(p->graph);
  DONE(part(p->heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, p->graph));
  DONE(cudnnBackendSetAttribute(p->heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1,
                                &heuristic));
  finalized(p->heuristics);
  for (cudnnBackendDescriptor_t &result : results) result = made(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  DONE(cudnnBackendGetAttribute(p->heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                3, &n, results));
  assert_int_equal(n, 3);
  p->configuration = results[2];
  DONE(cudnnBackendSetAttribute(p->how, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle));
  DONE(part(p->how, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, p->configuration));
  finalized(p->how);
  return true;
}

static cudnnStatus_t execute(const plan *p, int64_t n, const int64_t id[], char *x, char *workspace) {
  cudnnBackendDescriptor_t pack = made(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  void *at[] = {x, (char *)memory + 4096, (char *)memory + 8192};
  DONE(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, n, id));
  DONE(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n, at));
  DONE(cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace));
  finalized(pack);
  return cudnnBackendExecute(handle, p->how, pack);
}

static void extents_must_fit(void **state) {
  (void)state;
  plan p;
  assert_true(planned(5, &p));
  assert_false(planned(6, &p));
}

static void execution_is_checked(void **state) {
  (void)state;
  const int64_t ids[] = {1, 2, 3}, others[] = {1, 2, 4};
  char *x = (char *)memory, *workspace = x + 16384;
  plan p;
  assert_true(planned(5, &p));
  DONE(execute(&p, 3, ids, x, workspace));
  REFUSED(execute(&p, 2, ids, x, workspace));
  REFUSED(execute(&p, 3, others, x, workspace));
  REFUSED(execute(&p, 3, ids, x + 4, workspace));
  REFUSED(execute(&p, 3, ids, x, workspace + 16));
  REFUSED(execute(&p, 3, ids, x, nullptr));
  DONE(cudnnBackendDestroyDescriptor(p.x));
  REFUSED(execute(&p, 3, ids, x, workspace));
  assert_int_equal(cudaDeviceSynchronize(), cudaSuccess);
}

int main(void) {
  setenv("GDTRAIN_EMULATED_GPUS", "1", 1);
  if (cudaMalloc(&memory, 1 << 16) != cudaSuccess || cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(attributes_are_checked),
                                     cmocka_unit_test(extents_must_fit),
                                     cmocka_unit_test(execution_is_checked)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

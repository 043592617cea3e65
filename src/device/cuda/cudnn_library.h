/* cuDNN's graph API, loaded when the first GPU is opened; convolutions do without it where it is absent. */
#ifndef GDI_CUDA_CUDNN_LIBRARY_H
#define GDI_CUDA_CUDNN_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is used of cudnn.h, which a build need not have: it does not come with CUDA. cudnn_check.c compares the two where it
 * is there. Enumerations of cuDNN are `unsigned` here, which is what compilers make of them.
 */
enum {
  GDI_CUDNN_SUCCESS = 0,
  GDI_CUDNN_NOT_SUPPORTED = 3000, /* and with reasons up to: */
  GDI_CUDNN_INTERNAL_ERROR = 4000
};

/* X(our name, cuDNN's, value) */
#define GDI_CUDNN_NUMBERS(X)                                                                                 \
  X(F32, CUDNN_DATA_FLOAT, 0)                                                                                \
  X(F64, CUDNN_DATA_DOUBLE, 1)                                                                               \
  X(BF16, CUDNN_DATA_BFLOAT16, 9)                                                                            \
  X(CROSS_CORRELATION, CUDNN_CROSS_CORRELATION, 1)                                                           \
  X(ADD, CUDNN_POINTWISE_ADD, 0)                                                                             \
  X(RELU, CUDNN_POINTWISE_RELU_FWD, 100)                                                                     \
  X(HEURISTIC, CUDNN_HEUR_MODE_A, 3)                                                                         \
  X(FALLBACK, CUDNN_HEUR_MODE_FALLBACK, 2)                                                                   \
  X(TENSOR_CORE, CUDNN_NUMERICAL_NOTE_TENSOR_CORE, 0)                                                        \
  X(DOWN_CONVERT, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, 1)                                               \
  X(REDUCED_PRECISION, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, 2)                                  \
  X(NONDETERMINISTIC, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, 4)                                              \
  X(NOTES, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, 10)                                                              \
  X(IS_HANDLE, CUDNN_TYPE_HANDLE, 0)                                                                         \
  X(IS_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1)                                                                   \
  X(IS_BOOLEAN, CUDNN_TYPE_BOOLEAN, 2)                                                                       \
  X(IS_INT64, CUDNN_TYPE_INT64, 3)                                                                           \
  X(IS_FLOAT, CUDNN_TYPE_FLOAT, 4)                                                                           \
  X(IS_DOUBLE, CUDNN_TYPE_DOUBLE, 5)                                                                         \
  X(IS_POINTER, CUDNN_TYPE_VOID_PTR, 6)                                                                      \
  X(IS_CONVOLUTION_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 7)                                                     \
  X(IS_HEURISTIC, CUDNN_TYPE_HEUR_MODE, 8)                                                                   \
  X(IS_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, 11)                                                                  \
  X(IS_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 14)                                                        \
  X(IS_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, 15)                                                        \
  X(POINTWISE, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, 0)                                                        \
  X(CONVOLUTION, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, 1)                                                    \
  X(ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 2)                                                              \
  X(CONFIGURATION, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, 3)                                                    \
  X(HEURISTICS, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, 4)                                                      \
  X(PLAN, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, 5)                                                        \
  X(FORWARD, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 10)                                     \
  X(BACKWARD_WEIGHTS, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, 11)                    \
  X(BACKWARD_DATA, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, 12)                         \
  X(OPERATION_POINTWISE, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, 13)                                   \
  X(GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, 15)                                                      \
  X(VARIANT_PACK, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, 16)                                                 \
  X(TENSOR, CUDNN_BACKEND_TENSOR_DESCRIPTOR, 17)                                                             \
  X(POINTWISE_MODE, CUDNN_ATTR_POINTWISE_MODE, 0)                                                            \
  X(POINTWISE_MATH, CUDNN_ATTR_POINTWISE_MATH_PREC, 1)                                                       \
  X(CONVOLUTION_TYPE, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 100)                                                 \
  X(CONVOLUTION_MODE, CUDNN_ATTR_CONVOLUTION_CONV_MODE, 101)                                                 \
  X(CONVOLUTION_DILATIONS, CUDNN_ATTR_CONVOLUTION_DILATIONS, 102)                                            \
  X(CONVOLUTION_STRIDES, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 103)                                         \
  X(CONVOLUTION_POST, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 104)                                             \
  X(CONVOLUTION_PRE, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 105)                                               \
  X(CONVOLUTION_DIMS, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 106)                                              \
  X(HEURISTICS_MODE, CUDNN_ATTR_ENGINEHEUR_MODE, 200)                                                        \
  X(HEURISTICS_GRAPH, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 201)                                            \
  X(HEURISTICS_RESULTS, CUDNN_ATTR_ENGINEHEUR_RESULTS, 202)                                                  \
  X(CONFIGURATION_ENGINE, CUDNN_ATTR_ENGINECFG_ENGINE, 300)                                                  \
  X(PLAN_HANDLE, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, 400)                                                      \
  X(PLAN_CONFIGURATION, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 401)                                        \
  X(PLAN_WORKSPACE, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 402)                                           \
  X(FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 700)                                      \
  X(FORWARD_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 701)                                        \
  X(FORWARD_CONVOLUTION, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, 702)                            \
  X(FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, 703)                                              \
  X(FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, 704)                                              \
  X(FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, 705)                                              \
  X(DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 706)                                        \
  X(DATA_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 707)                                          \
  X(DATA_CONVOLUTION, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, 708)                              \
  X(DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, 709)                                                \
  X(DATA_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, 710)                                               \
  X(DATA_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, 711)                                               \
  X(WEIGHTS_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 712)                                   \
  X(WEIGHTS_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 713)                                     \
  X(WEIGHTS_CONVOLUTION, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, 714)                         \
  X(WEIGHTS_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, 715)                                          \
  X(WEIGHTS_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, 716)                                           \
  X(WEIGHTS_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, 717)                                          \
  X(OPERATION_POINTWISE_OF, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, 750)                               \
  X(OPERATION_POINTWISE_X, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, 751)                                        \
  X(OPERATION_POINTWISE_B, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, 752)                                        \
  X(OPERATION_POINTWISE_Y, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, 753)                                        \
  X(GRAPH_HANDLE, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, 800)                                                     \
  X(GRAPH_OPERATIONS, CUDNN_ATTR_OPERATIONGRAPH_OPS, 801)                                                    \
  X(TENSOR_ALIGNMENT, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 900)                                                 \
  X(TENSOR_TYPE, CUDNN_ATTR_TENSOR_DATA_TYPE, 901)                                                           \
  X(TENSOR_DIMS, CUDNN_ATTR_TENSOR_DIMENSIONS, 902)                                                          \
  X(TENSOR_STRIDES, CUDNN_ATTR_TENSOR_STRIDES, 903)                                                          \
  X(TENSOR_ID, CUDNN_ATTR_TENSOR_UNIQUE_ID, 906)                                                             \
  X(TENSOR_VIRTUAL, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 907)                                                       \
  X(PACK_IDS, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, 1000)                                                      \
  X(PACK_POINTERS, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, 1001)                                              \
  X(PACK_WORKSPACE, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 1003)                                                 \
  X(ENGINE_NOTES, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, 1303)

enum {
#define GDI_X(name, theirs, value) GDI_CUDNN_##name = (value),
  GDI_CUDNN_NUMBERS(GDI_X)
#undef GDI_X
};

struct cudnnContext;
struct CUstream_st;

/* X(result, name without its prefix, arguments) */
#define GDI_CUDNN(X)                                                                                         \
  X(size_t, GetVersion, (void))                                                                              \
  X(const char *, GetErrorString, (unsigned code))                                                           \
  X(void, GetLastErrorString, (char *message, size_t bytes))                                                 \
  X(unsigned, Create, (struct cudnnContext * *handle))                                                       \
  X(unsigned, Destroy, (struct cudnnContext * handle))                                                       \
  X(unsigned, SetStream, (struct cudnnContext * handle, struct CUstream_st * stream))                        \
  X(unsigned, BackendCreateDescriptor, (unsigned kind, void **out))                                          \
  X(unsigned, BackendDestroyDescriptor, (void *descriptor))                                                  \
  X(unsigned, BackendFinalize, (void *descriptor))                                                           \
  X(unsigned, BackendSetAttribute,                                                                           \
    (void *descriptor, unsigned attribute, unsigned type, int64_t n, const void *values))                    \
  X(unsigned, BackendGetAttribute,                                                                           \
    (void *const descriptor, unsigned attribute, unsigned type, int64_t room, int64_t *n, void *values))     \
  X(unsigned, BackendExecute, (struct cudnnContext * handle, void *plan, void *pack))

typedef struct gdi_cudnn_library {
#define GDI_X(result, name, arguments) result(*name) arguments;
  GDI_CUDNN(GDI_X)
#undef GDI_X
  size_t version; /* 91900: 9.19.0 */
} gdi_cudnn_library;

/* The library, loaded once and kept as long as the process; NULL: it cannot be used. */
const gdi_cudnn_library *gdi_cudnn_load(void);

#endif

/*
 * The CUDA run-time API as far as gdtrain uses it, on an emulated GPU: names, values and meanings of CUDA 13.
 * ../README.md says what is emulated, how strictly, and how it is set up.
 */
#ifndef GDI_EMULATED_CUDA_RUNTIME_API_H
#define GDI_EMULATED_CUDA_RUNTIME_API_H

#include <stddef.h>

#define CUDART_VERSION 13000

#ifdef __cplusplus
#define GDI_DEFAULT(value) = value
extern "C" {
#else
#define GDI_DEFAULT(value)
#endif

/* ---- errors ---- */

/* X(name, value, text) */
#define GDI_CUDA_ERRORS(X)                                                                                   \
  X(cudaSuccess, 0, "no error")                                                                              \
  X(cudaErrorInvalidValue, 1, "invalid argument")                                                            \
  X(cudaErrorMemoryAllocation, 2, "out of memory")                                                           \
  X(cudaErrorInitializationError, 3, "initialization error")                                                 \
  X(cudaErrorInvalidConfiguration, 9, "invalid configuration of a launch")                                   \
  X(cudaErrorInvalidMemcpyDirection, 21, "invalid direction of a copy")                                      \
  X(cudaErrorInsufficientDriver, 35, "the driver is too old or absent")                                      \
  X(cudaErrorNoDevice, 100, "no CUDA device was found")                                                      \
  X(cudaErrorInvalidDevice, 101, "invalid device number")                                                    \
  X(cudaErrorECCUncorrectable, 214, "uncorrectable memory error")                                            \
  X(cudaErrorInvalidResourceHandle, 400, "invalid handle")                                                   \
  X(cudaErrorIllegalState, 401, "the object is in no state for this")                                        \
  X(cudaErrorNotReady, 600, "device not ready")                                                              \
  X(cudaErrorIllegalAddress, 700, "an illegal memory access was encountered")                                \
  X(cudaErrorLaunchOutOfResources, 701, "too many resources asked for by a launch")                          \
  X(cudaErrorLaunchTimeout, 702, "a kernel ran too long and was ended")                                      \
  X(cudaErrorAssert, 710, "an assertion failed on the device")                                               \
  X(cudaErrorHostMemoryAlreadyRegistered, 712, "the host memory is registered already")                      \
  X(cudaErrorHostMemoryNotRegistered, 713, "the host memory is not registered")                              \
  X(cudaErrorMisalignedAddress, 716, "misaligned address")                                                   \
  X(cudaErrorLaunchFailure, 719, "a kernel failed")                                                          \
  X(cudaErrorNotPermitted, 800, "operation not permitted")                                                   \
  X(cudaErrorNotSupported, 801, "operation not supported")                                                   \
  X(cudaErrorStreamCaptureUnsupported, 900, "operation not permitted while a stream is captured")            \
  X(cudaErrorStreamCaptureInvalidated, 901, "the capture failed earlier")                                    \
  X(cudaErrorStreamCaptureMerge, 902, "the operation would merge two captures")                              \
  X(cudaErrorStreamCaptureUnmatched, 903, "the capture was not begun in this stream")                        \
  X(cudaErrorStreamCaptureUnjoined, 904, "a stream of the capture was not joined")                           \
  X(cudaErrorStreamCaptureIsolation, 905, "captured work would depend on work outside of the capture")       \
  X(cudaErrorStreamCaptureImplicit, 906, "the legacy stream would depend on a captured one")                 \
  X(cudaErrorCapturedEvent, 907, "the event was recorded in a capture")                                      \
  X(cudaErrorStreamCaptureWrongThread, 908, "the capture was begun by another thread")                       \
  X(cudaErrorUnknown, 999, "unknown error")

typedef enum cudaError {
#define GDI_CUDA_ERROR(name, value, text) name = value,
  GDI_CUDA_ERRORS(GDI_CUDA_ERROR)
#undef GDI_CUDA_ERROR
} cudaError_t;

const char *cudaGetErrorName(cudaError_t error);
const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError(void);
cudaError_t cudaPeekAtLastError(void);

/* ---- devices ---- */

typedef struct CUuuid_st {
  char bytes[16];
} cudaUUID_t;

typedef struct cudaDeviceProp {
  char name[256];
  cudaUUID_t uuid;
  size_t totalGlobalMem, sharedMemPerBlock;
  int warpSize, maxThreadsPerBlock, major, minor, multiProcessorCount;
  int unifiedAddressing, ECCEnabled, integrated;
  int pciBusID, pciDeviceID, pciDomainID;
} cudaDeviceProp;

typedef enum cudaDeviceAttr {
  cudaDevAttrMaxThreadsPerBlock = 1,
  cudaDevAttrWarpSize = 10,
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrPciBusId = 33,
  cudaDevAttrPciDeviceId = 34,
  cudaDevAttrPciDomainId = 50,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrPageableMemoryAccess = 88,
  cudaDevAttrHostRegisterSupported = 99
} cudaDeviceAttr;

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *prop, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attr, int device);
cudaError_t cudaDeviceGetPCIBusId(char *id, int length, int device);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaDeviceSynchronize(void);
cudaError_t cudaDeviceReset(void); /* and the environment is read again */

/* ---- memory ---- */

typedef enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
} cudaMemcpyKind;

#define cudaHostAllocDefault       0x00
#define cudaHostAllocPortable      0x01
#define cudaHostAllocMapped        0x02
#define cudaHostAllocWriteCombined 0x04
#define cudaHostRegisterDefault    0x00
#define cudaHostRegisterPortable   0x01
#define cudaHostRegisterMapped     0x02
#define cudaHostRegisterReadOnly   0x08

typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;

cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaHostRegister(void *memory, size_t bytes, unsigned flags);
cudaError_t cudaHostUnregister(void *memory);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream GDI_DEFAULT(0));
cudaError_t cudaMemset(void *to, int value, size_t bytes);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream GDI_DEFAULT(0));

/* ---- streams and events ---- */

#define cudaStreamDefault     0x00
#define cudaStreamNonBlocking 0x01
#define cudaStreamLegacy      ((cudaStream_t)0x1)

#define cudaEventDefault       0x00
#define cudaEventBlockingSync  0x01
#define cudaEventDisableTiming 0x02
#define cudaEventRecordDefault 0x00
#define cudaEventWaitDefault   0x00

typedef void (*cudaHostFn_t)(void *data);

cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority);
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags GDI_DEFAULT(0));
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream GDI_DEFAULT(0));
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end);

/* ---- capture and graphs ---- */

typedef enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
} cudaStreamCaptureMode;

typedef enum cudaStreamCaptureStatus {
  cudaStreamCaptureStatusNone,
  cudaStreamCaptureStatusActive,
  cudaStreamCaptureStatusInvalidated
} cudaStreamCaptureStatus;

typedef enum cudaGraphNodeType {
  cudaGraphNodeTypeKernel,
  cudaGraphNodeTypeMemcpy,
  cudaGraphNodeTypeMemset,
  cudaGraphNodeTypeHost,
  cudaGraphNodeTypeGraph,
  cudaGraphNodeTypeEmpty,
  cudaGraphNodeTypeWaitEvent,
  cudaGraphNodeTypeEventRecord
} cudaGraphNodeType;

typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphNode_st *cudaGraphNode_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status);
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode);
#define cudaGraphInstantiateFlagUseNodePriority 8
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags GDI_DEFAULT(0));
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n);
typedef struct cudaGraphEdgeData {
  unsigned char from_port, to_port, type, reserved[5];
} cudaGraphEdgeData;
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to,
                              cudaGraphEdgeData *data, size_t *n);
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType *type);

/* ---- the emulator's own: for libraries that stand in for cuBLASLt and NCCL ---- */

/*
 * Queue device work: run(a copy of `arguments`) is called when the work is to run, and may touch device
 * memory then. It returns cudaSuccess; cudaErrorNotReady to be called again later (work that waits for other
 * processes: it must not block); or the error that becomes the device's. It counts as a kernel, in captures
 * too, where it is called at every replay. It must not call CUDA. `name` must live on: a literal.
 */
cudaError_t gdi_emulated_enqueue(cudaStream_t stream, const char *name, cudaError_t (*run)(void *arguments),
                                 const void *arguments, size_t bytes);
/*
 * The same, and gone(user) once no capture, graph or instance of a graph has the work any more; at once where
 * none ever had it. It must not call CUDA either.
 */
cudaError_t gdi_emulated_enqueue_held(cudaStream_t stream, const char *name,
                                      cudaError_t (*run)(void *arguments), const void *arguments,
                                      size_t bytes, void (*gone)(void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif

/* cuBLASLt, loaded when the first GPU is opened: the program starts without it where there is no GPU. */
#ifndef GDI_CUDA_CUBLASLT_H
#define GDI_CUDA_CUBLASLT_H

#include <cublasLt.h>

#include "device/cuda/cuda.h"

/* Every function that is used, without its prefix. */
#define GDI_CUBLASLT(X)                                                                                      \
  X(Create)                                                                                                  \
  X(Destroy)                                                                                                 \
  X(GetVersion)                                                                                              \
  X(GetStatusName)                                                                                           \
  X(MatmulDescCreate)                                                                                        \
  X(MatmulDescSetAttribute)                                                                                  \
  X(MatmulDescDestroy)                                                                                       \
  X(MatrixLayoutCreate)                                                                                      \
  X(MatrixLayoutSetAttribute)                                                                                \
  X(MatrixLayoutDestroy)                                                                                     \
  X(MatmulPreferenceCreate)                                                                                  \
  X(MatmulPreferenceSetAttribute)                                                                            \
  X(MatmulPreferenceDestroy)                                                                                 \
  X(MatmulAlgoGetHeuristic)                                                                                  \
  X(Matmul)

typedef struct gdi_cublaslt {
#define X(name) __typeof__(&cublasLt##name) name;
  GDI_CUBLASLT(X)
#undef X
} gdi_cublaslt;

/* The library's functions; loaded once, and kept as long as the process. Errors: GD_ERR_GPU */
gd_status gdi_cublaslt_load(const gd_device *d, const gdi_cublaslt **out) GD_CHECKED;

#endif

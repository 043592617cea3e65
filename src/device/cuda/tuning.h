/*
 * What only a measurement on the GPU at hand can tell, for developers: GDTRAIN_TUNE="update_share=8". Ranks need
 * not agree: what may change bits is part of the device's description, which they compare.
 */
#ifndef GDI_CUDA_TUNING_H
#define GDI_CUDA_TUNING_H

#include "gd/status.h"

enum { GDI_COLUMNS_MB = 64 };

typedef struct gdi_tuning {
  /* An update beside products gets a block of threads for so many multiprocessors; 0: as if it were alone. */
  int update_share;
  int gradient_stream; /* 0: gradients of weights are made in the compute stream, in turn with the others */
  int relu_by_product; /* 0: relu is a kernel of its own; may change bits, as another product may be chosen */
  int columns_mb; /* MiB of a chunk of a convolution's columns, at least one image; changes bits of weights' gradients */
  int cudnn;         /* 0: convolutions are computed without cuDNN */
  int node_priority; /* 0: all kernels of a recorded step have the compute stream's priority */
} gdi_tuning;

/* Defaults, changed by the environment. Errors: GD_ERR_USAGE: a knob or a value that is not there */
gd_status gdi_tuning_read(gdi_tuning *out) GD_CHECKED;

#endif

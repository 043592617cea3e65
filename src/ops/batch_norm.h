/* Arguments of batch_norm: x, weight, bias, running mean, running variance, residual; all but x may be NULL. */
#ifndef GDI_OPS_BATCH_NORM_H
#define GDI_OPS_BATCH_NORM_H

#include "gd/ops.h"
#include "ops/ops.h"

typedef struct gdi_batch_norm {
  double eps;
  bool training;
  gd_activation act;        /* none or relu */
  struct gdi_norm_job *job; /* CPU: begun by a convolution behind, in the backward of that number */
  uint64_t job_backward_id;
} gdi_batch_norm;

enum { GDI_BN_WEIGHT = 1, GDI_BN_BIAS, GDI_BN_MEAN, GDI_BN_VAR, GDI_BN_RESIDUAL, GDI_BN_INPUTS };

#endif

/* Products by oneDNN, on one thread: f32, and bf16 operands with f32 sums. */
#ifndef GDI_CPU_ONEDNN_H
#define GDI_CPU_ONEDNN_H

#include "device/cpu/gemm.h"

/* By a primitive, which is prepared once for each shape and thread. */
gd_status gdi_onednn_matmul(const gdi_product *p) GD_CHECKED;
/* The same for f32 by a plain call, which is faster unless b is transposed. */
gd_status gdi_onednn_sgemm(const gdi_product *p) GD_CHECKED;
/* "oneDNN 2.6.3 (avx512_core_bf16)" */
void gdi_onednn_describe(char *buf, size_t bytes);

#endif

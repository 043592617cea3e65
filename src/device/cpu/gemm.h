/* Matrix products: the one place that calls oneDNN and BLAS. */
#ifndef GDI_CPU_GEMM_H
#define GDI_CPU_GEMM_H

#include "device/device.h"

/* Makes the libraries compute on the calling thread alone; every thread calls it once. */
void gdi_gemm_thread_start(void);

#endif

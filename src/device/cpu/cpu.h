/* What the files of the CPU share with its kernels. */
#ifndef GDI_CPU_H
#define GDI_CPU_H

#include "device/device.h"

/* Memory of one kernel call: the caller marks d->scratch before and releases it after. */
gd_status gdi_scratch(gd_device *d, int64_t n, size_t element_bytes, void **out) GD_CHECKED;

/* roofline.c: the least seconds a call of `once` takes: for a ceiling is what the machine can do. */
gd_status gdi_cpu_best_seconds(gd_device *d, gd_status (*once)(gd_device *d, void *context), void *context,
                               double *best) GD_CHECKED;
gd_status gdi_cpu_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O,
                                double seconds[3]) GD_CHECKED;

#endif

/* What the files of the CPU share with its kernels. */
#ifndef GDI_CPU_H
#define GDI_CPU_H

#include "device/device.h"

/* Memory of one kernel call: the caller marks d->scratch before and releases it after. */
gd_status gdi_scratch(gd_device *d, int64_t n, size_t element_bytes, void **out) GD_CHECKED;

/* roofline.c */
gd_status gdi_cpu_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O, bool needs_dx,
                                double *seconds) GD_CHECKED;

#endif

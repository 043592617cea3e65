/* What operations with statistics of their own share with track. */
#ifndef GDI_OPS_CPU_TRACK_H
#define GDI_OPS_CPU_TRACK_H

#include "gd/tensor.h"

/* to = samples (statistic - value), or += */
void gdi_cpu_follow(const gd_tensor *statistic, const double *value, int64_t samples, gd_tensor *to,
                    bool add);

#endif

/* The built-in metrics, and what those of this folder share. */
#ifndef GDI_NN_METRICS_H
#define GDI_NN_METRICS_H

#include "gd/metric.h"

#define X(name) extern const gd_metric gdi_metric_##name;
#include "nn/metrics.def"

/* Copies that metrics asked for; free it with gdi_host_values_free(). */
typedef struct gd_host_values {
  int n, max;
  struct gdi_host_copy {
    const gd_tensor *of;
    double *value;
    int64_t room;
  } * copy;
} gd_host_values;
void gdi_host_values_reset(gd_host_values *h); /* for the next micro-batch */
void gdi_host_values_free(gd_host_values *h);

#endif

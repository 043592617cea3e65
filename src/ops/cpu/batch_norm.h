/*
 * What a batch norm leaves to the convolutions around it, which have its values in the cache, a chunk of images at a time:
 *
 *   in front of it   forward: the moments of their result;  backward: the gradient of that result, which is never written as a whole
 *   behind it        backward: dz and its sums, where theirs is the last share of the gradient of its result
 *
 * Whoever computes the sums, they are those of the same chunks, added in the same order.
 */
#ifndef GDI_OPS_CPU_BATCH_NORM_H
#define GDI_OPS_CPU_BATCH_NORM_H

#include "ops/batch_norm.h"

typedef struct gdi_norm_job gdi_norm_job;

/* Where chunks of a convolution's result of C channels have their moments, of arena `a`. */
gd_status gdi_cpu_norm_parts(gd_arena *a, int64_t chunks, int64_t C, double **out) GD_CHECKED;
/* The moments of chunk k, which is n elements at `values`. */
void gdi_cpu_norm_moments(gd_dtype type, const void *values, int64_t n, int64_t C, double *parts, int64_t k);

/*
 * The job of the batch norm that made x, if a convolution's share of the gradient dx of x is the last one; else NULL. It then
 * expects gdi_cpu_norm_products() of every chunk: n elements of dx from `first` on, which are complete.
 */
gd_status gdi_cpu_norm_behind(gd_device *d, const gd_tensor *x, gd_tensor *dx, gdi_norm_job **out) GD_CHECKED;
void gdi_cpu_norm_products(const gdi_norm_job *j, int64_t first, int64_t n);

/* The gradient of a convolution's result: n elements from `first` on, to memory of their own. */
void gdi_cpu_norm_gradient(const gdi_norm_job *j, int64_t first, int64_t n, void *to);
/* After the last of them. dy: the gradient that the engine knows of. */
void gdi_cpu_norm_done(const gdi_norm_job *j, gd_tensor *dy);

#endif

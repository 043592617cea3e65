/* One batch norm at work. Its loops go over rows of W columns, as columns.h has them. */
#ifndef GDI_OPS_CPU_BATCH_NORM_JOB_H
#define GDI_OPS_CPU_BATCH_NORM_JOB_H

#include "ops/cpu/batch_norm.h"
#include "ops/cpu/cpu.h"

/* How act'(z) is known: it is 1; from z, computed again from x; from y. */
typedef enum gdi_norm_mask { GDI_NORM_ALL, GDI_NORM_BY_Z, GDI_NORM_BY_Y } gdi_norm_mask;

struct gdi_norm_job {
  int64_t n, C, W, chunk, chunks; /* elements; channels; columns; elements of a chunk */
  gd_dtype type;
  gdi_norm_mask mask;
  const void *x, *y, *r, *dy;
  void *out, *dz, *dx; /* dz may be where dy is */
  bool add_dx;
  double *part;                                 /* [chunks, 2, W]: two sums of each chunk */
  void *scale, *shift, *centre, *along, *level; /* [W] of x's type: z = x scale + shift */
  void *unused;                                 /* see gdi_cpu_norm_done(); NULL: nothing */
};

typedef struct gdi_norm_loops {
  /* Sums of x - s and of its square, s being the first value of each channel. */
  void (*moments)(const void *x, int64_t n, int64_t C, double *part);
  void (*apply)(void *job, int64_t lo, int64_t hi);
  /* dz; sums of dz and of dz (x - centre) */
  void (*products)(const gdi_norm_job *j, int64_t lo, int64_t hi, double *part);
  /* dx = dz scale + (x - centre) along + level, of elements from lo on */
  void (*gradients)(const gdi_norm_job *j, int64_t lo, int64_t hi, void *dx, bool add);
} gdi_norm_loops;

const gdi_norm_loops *gdi_cpu_norm_loops(gd_dtype type);

/* A job of n's x, with its parts and the columns of z, all of arena `a`. */
gd_status gdi_cpu_norm_begin(gd_arena *a, const gd_node *n, gdi_norm_job *j) GD_CHECKED;
/* Once the moments are known. */
gd_status gdi_cpu_norm_scale(gd_device *d, const gd_node *n, gdi_norm_job *j) GD_CHECKED;
/* The sums of both halves of chunk k's part, as [2, C]. */
void gdi_cpu_norm_fold(const gdi_norm_job *j, int64_t k, double *sums);
/* to[i] = from[i % C] */
void gdi_cpu_norm_widen(const gdi_norm_job *j, const double *from, void *to);

/* What forward keeps, [3, C] in f64: the mean, 1 / sqrt(var + eps), the variance with N - 1. */
typedef struct gdi_norm_moments {
  double *mean, *rstd, *unbiased;
} gdi_norm_moments;
gdi_norm_moments gdi_cpu_norm_kept(const gd_node *n, int64_t C);

static inline double gdi_norm_channel(const gd_tensor *v, int64_t c, double otherwise) {
  return v ? gdi_value_at(v, c) : otherwise;
}

#endif

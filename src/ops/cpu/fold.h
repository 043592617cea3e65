/*
 * Folding many elements into few, in f64, always in the same order: over fixed chunks, whose results are
 * combined one after the other. So the number of threads does not show in the bits.
 */
#ifndef GDI_CPU_FOLD_H
#define GDI_CPU_FOLD_H

#include "device/device.h"

typedef enum gdi_fold_kind {
  GDI_FOLD_SUM,     /* sum x */
  GDI_FOLD_SQUARES, /* sum (x - centre)^2 */
  GDI_FOLD_TIES,    /* how many x equal centre */
  GDI_FOLD_MAX,     /* NaN wins */
  GDI_FOLD_MIN,
} gdi_fold_kind;

/* x as [A,R,C], to be folded over R. */
typedef struct gdi_fold {
  const void *x;
  gd_dtype type;
  int64_t A, R, C;
} gdi_fold;

/*
 * View x of `shape` as [A,R,C] where the dimensions in `over` (a bit each) make up R; where they lie
 * scattered, through a copy in scratch memory.
 */
gd_status gdi_fold_plan(gd_device *d, gdi_fold *f, const void *x, gd_dtype type, int ndim,
                        const int64_t shape[], uint32_t over) GD_CHECKED;

/* result [A,C] in scratch memory; centre [A,C] or NULL. */
gd_status gdi_fold_run(gd_device *d, const gdi_fold *f, gdi_fold_kind kind, const double *centre,
                       double **result) GD_CHECKED;

#endif

/* What the files that measure steps share. */
#ifndef GDI_TRAIN_BENCH_H
#define GDI_TRAIN_BENCH_H

#include "train/job.h"

/* n steps; seconds [n] of each, or NULL. Collective over the job's world. */
gd_status gdi_bench_steps(gdi_job *j, int64_t n, double *seconds) GD_CHECKED;

#endif

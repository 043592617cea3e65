/* What the files that measure steps share. */
#ifndef GDI_TRAIN_BENCH_H
#define GDI_TRAIN_BENCH_H

#include "gd/bench.h"
#include "train/job.h"

/* Are steps queued on a GPU, update and all? Then nothing but the GPU knows how long one takes. */
bool gdi_bench_queued(const gdi_job *j);
/*
 * n steps; seconds [n] of each, or NULL. Queued ones are timed in groups, and each is given its share.
 * Collective over the job's world.
 */
gd_status gdi_bench_steps(gdi_job *j, int64_t n, double *seconds) GD_CHECKED;

/* memory.c: bytes in memory now, and the most since that was asked; 0: not known */
double gdi_bench_memory(void);
double gdi_bench_memory_peak(void);

/* layers.c: where n further steps spend their time by layer, and what their convolutions and products take alone. Collective. */
gd_status gdi_bench_layers(gdi_job *j, int64_t n, gd_bench_result *out) GD_CHECKED;

/* bench_sizes.c: the rows of out, up to max_bytes. `d` as the job's; NCCL on GPUs where *out says so. */
gd_status gdi_bench_sizes(gd_world *w, gd_device *d, bool nccl, size_t max_bytes,
                          gd_comm_bench *out) GD_CHECKED;

/*
 * bench_nccl.c: on GPUs. A sync of `bytes` of parameters passes them as a step does. Collective.
 */
gd_status gdi_bench_nccl(gd_world *w, gd_device *d, size_t bytes, double *all_reduce_s,
                         double *ordered_s) GD_CHECKED;
/* What passes between ranks in a step, by itself; 0 where NCCL does not do it. Collective. */
gd_status gdi_bench_exchange(gdi_job *j, double *seconds) GD_CHECKED;

#endif

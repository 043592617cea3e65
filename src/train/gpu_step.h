/* Steps on a GPU: queued, and recorded once to be replayed. */
#ifndef GDI_TRAIN_GPU_H
#define GDI_TRAIN_GPU_H

#include "sync/gpu/gpu_sync.h"
#include "train/job.h"

/* Recorded work of steps over this many samples: the number decides every shape. */
typedef struct gdi_captured {
  int64_t rows;
  int seen; /* times that it was queued without being recorded: what it needs is then made */
  gdi_graph *graph;
} gdi_captured;

struct gdi_on_gpu {
  bool resident; /* the update too: see sync/gpu/gpu_sync.h */
  bool follows;  /* what a step needs is on the GPU before it, in places that stay: it can be recorded */
  bool records;  /* steps are recorded */
  bool agreed;   /* what failed is known to all ranks */
  gdi_captured *recorded;
  int n;
  int64_t epoch; /* of batch.order, of a resident set; -1: none yet */
  gdi_batch_input batch;
};

/* After the sync and the loaders are open. Errors: GD_ERR_USAGE: cuda_graphs: on, where steps cannot be
 * recorded */
gd_status gdi_on_gpu_new(gdi_job *j) GD_CHECKED;
void gdi_on_gpu_free(gdi_job *j);

/* Samples that a rank of this job sends to its GPU at once, where the set does not fit there. */
int64_t gdi_sent_rows(const gdi_job *j);

/* All micro-batches of this rank, one after the other (step.c). */
gd_status gdi_compute(gdi_job *j, const gdi_step_plan *plan) GD_CHECKED;
/* The samples of this rank's micro-batches, `all` or the first; empty when it has none (step.c). */
gd_range gdi_rank_rows(const gdi_job *j, const gdi_step_plan *plan, bool all);
/* While the ranks exchange gradients, or the GPU computes, the next step's samples can be read (step.c). */
void gdi_hint_next_step(gdi_job *j);
/* gdi_compute() on a GPU, staged: until gradients are in host memory. */
gd_status gdi_compute_on_gpu(gdi_job *j, const gdi_step_plan *plan, const gd_sync_step *step) GD_CHECKED;
/* A whole step, queued: *out has what earlier steps found. */
gd_status gdi_step_resident(gdi_job *j, const gdi_step_plan *plan, const gd_sync_step *step,
                            gd_sync_result *out) GD_CHECKED;
/* Kernel launches in the recorded step of a whole batch, and on its longest path; 0: none was recorded. */
int gdi_on_gpu_kernels(const gdi_job *j, int *longest);

#endif

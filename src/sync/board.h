/*
 * The sync of a model on a GPU. Gradients are made and added on the GPU, in the order of the tree. From there
 * on one of two ways:
 *
 *   staged    they go down to the windows that ranks on CPUs use, everything happens there as between CPUs,
 * and the new parameters come up again: two copies over the bus, for ranks without NCCL on board  sum, norms
 * and update are queued on the GPU and nothing comes down but what steps found, every few steps: one rank, or
 * ranks with NCCL
 *
 * Both have the bits of a CPU's sums and updates.
 */
#ifndef GDI_SYNC_BOARD_H
#define GDI_SYNC_BOARD_H

#include "device/gpu.h"
#include "sync/sync.h"

enum {
  GDI_LAG = 8,   /* steps between looks at what steps on board found */
  GDI_RING = 32, /* steps that may be queued: at least three lags */
};

/* The sums of a step of K micro-batches, in device memory. */
typedef struct gdi_board_plan {
  int64_t K;
  gdi_gpu_sum *merge; /* [leaves of the run] what is added when leaf run.lo + i is there; no terms: nothing */
  int *into;          /* [leaves of the run] the buffer that the sum goes to */
  gdi_gpu_sum sum;    /* on board: of the slice */
} gdi_board_plan;

struct gdi_board {
  gd_device *device;
  const gdi_gpu *gpu;
  gd_arena *memory, *pinned;
  char *params, *gradients;       /* runs: where the model is bound to, and the buffers of this rank */
  double *records;                /* [max_micro_batches][GDI_RECORD] */
  double *records_here;           /* staged: what came down */
  gdi_step_input *input, *inputs; /* of the present step; [GDI_RING] pinned, by step */
  gdi_board_plan *plan;
  int plans;
  char *pinned_params, *pinned_gradients; /* staged: parts of the windows */
  bool on_board;

  /* on board */
  gdi_gpu_slice slice;
  gdi_gpu_clip clip;
  gdi_totals *now, *ring, *found; /* found: [GDI_RING] pinned */
  gdi_mark *fetched;              /* what was asked for is in `found` */
  bool started;
  int64_t queued, asked, collected; /* steps before these were queued, asked about, handed out */
};

gdi_board *gdi_board_of(const gd_sync *s); /* NULL when the model is on the CPU */
gd_status gdi_board_new(gd_sync *s) GD_CHECKED;
void gdi_board_free(gd_sync *s);
/* The plan for s->K, made when K is new: not while work is being recorded. */
gd_status gdi_board_plan_for(gd_sync *s, gdi_board_plan **out) GD_CHECKED;
void gdi_board_leaf(gd_sync *s, int64_t k);
gd_status gdi_board_leaf_done(gd_sync *s, int64_t k) GD_CHECKED;

/* What changes with the step, to device memory: before a step is computed or replayed. */
gd_status gdi_board_input(gd_sync *s, const gd_sync_step *step, const gdi_batch_input *batch) GD_CHECKED;

gd_status gdi_board_lend(gd_sync *s) GD_CHECKED; /* staged: from the model to the windows */
/* Staged: queue the copies down, to be waited for; and the parameters up. */
gd_status gdi_board_down(gd_sync *s) GD_CHECKED;
gd_status gdi_board_landed(gd_sync *s) GD_CHECKED;
gd_status gdi_board_up(gd_sync *s) GD_CHECKED;

/* On board: queue the update; count a step that was queued; collect what steps found. */
gd_status gdi_board_queue_update(gd_sync *s) GD_CHECKED;
gd_status gdi_board_queued(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) GD_CHECKED;
/* Everything that is queued: out's totals are those of the steps that had not been collected. */
gd_status gdi_board_settle(gd_sync *s, gd_sync_result *out) GD_CHECKED;
gd_status gdi_board_healthy(gd_sync *s) GD_CHECKED; /* s->sick as the GPU knows it */
gd_status gdi_board_onboard_new(gd_sync *s) GD_CHECKED;
gd_status gdi_board_gather(gd_sync *s, void *params, void *const states[]) GD_CHECKED;
gd_status gdi_board_scatter(gd_sync *s, const void *params, const void *const states[]) GD_CHECKED;

#endif

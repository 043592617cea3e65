/*
 * The sync of a model on a GPU. Gradients are computed and added on the GPU, in the order of the tree. From
 * there on one of two ways, both with the bits of a CPU's sums and updates:
 *
 *   on board  exchange (by NCCL), sum, norms and update are queued on the GPU; only the results of steps are
 *             copied to the host, every few steps
 *   staged    without NCCL: gradients are copied to the windows that CPU ranks use, are exchanged and applied
 *             there, and the new parameters are copied back
 *
 * On board every rank updates all parameters, and so holds the whole optimizer state. What ranks exchange is
 * sums of gradients, bucket by bucket during backward, ordered ones too: as many bytes as gradients to the
 * owners of slices and parameters back, but nothing waits for an update, and only the last bucket remains
 * when backward ends. Parameters of slices could be sent only after all that, exposed. The price is memory,
 * as in every data-parallel training without sharded state, and that each GPU updates everything, most of it
 * hidden behind backward.
 */
#ifndef GDI_SYNC_BOARD_H
#define GDI_SYNC_BOARD_H

#include <stdatomic.h>

#include "comm/nccl.h"
#include "device/gpu.h"
#include "sync/buckets.h"

enum {
  GDI_LAG = 8,   /* steps between looks at what steps on board found */
  GDI_RING = 32, /* steps that may be queued: at least three lags */
};

/* The sums of a step of K micro-batches, in device memory. */
typedef struct gdi_board_plan {
  int64_t K;
  gdi_gpu_sum *merge; /* [leaves of the run] what is added when leaf run.lo + i is there; no terms: nothing */
  int *into;          /* [leaves of the run] the buffer that the sum goes to */
  gdi_gpu_sum sum;    /* on board: what the update takes; between ranks what they leave in the first buffer */
  gdi_gpu_sum *share; /* between ordered ranks: [buckets] the nodes of all ranks, in this one's share */
  char *received;     /* those of other ranks, bucket after bucket in one place: [incoming][largest share] */
} gdi_board_plan;

/* What steps on board found, collected later. See found.c */
typedef struct gdi_found {
  gdi_totals *ring, *here;          /* [GDI_RING] by step: in device memory; pinned */
  gdi_mark *fetched;                /* what was asked for is here */
  bool started;                     /* a step was queued since parameters were set */
  int64_t queued, asked, collected; /* then: steps before these were queued, asked about, known */
  gd_sync_result told[GDI_RING];    /* steps that the last call made known, in their order */
  int n_told, taken;
} gdi_found;

/* Copies between device memory and the windows, in parts. See staged.c */
typedef struct gdi_staged {
  int64_t copy;                           /* elements of one copy */
  double *records_here;                   /* what came down; pinned */
  char *gradients_here;                   /* part of the window */
  char *pinned_params, *pinned_gradients; /* the same, where they are pinned; or NULL */
  gd_status failed;                       /* while queueing copies of the present step */

  /* down */
  int64_t asked;           /* elements of the last leaf whose copies are queued, or recorded */
  bool announces;          /* copies that are done, because they are passed on at once */
  gdi_mark *copied;        /* between the lanes of exchange and host */
  _Atomic int64_t arrived; /* copies of the present step that are done */

  /* up: by the ranks that share the window, whose slices this rank's GPU needs too */
  gd_shared memory;
  _Atomic int64_t *updated; /* [owners] elements of its slice, over all updates */
  int64_t *queued;          /* [owners] elements before it are queued to go up */
  int64_t updates;          /* before this one */
} gdi_staged;

struct gdi_board {
  gd_device *device;
  const gdi_gpu *gpu;
  gdi_nccl *nccl; /* NULL: one rank, or staged */
  bool on_board;
  gd_arena *memory, *pinned;

  /* in device memory, on board and staged */
  char *params, *gradients; /* runs: where the model is bound to, and the buffers of this rank */
  int64_t buffers;
  uint16_t *rounded;              /* bf16 copies of the parameters, where products take those */
  double *records;                /* [max_micro_batches][GDI_RECORD] */
  gdi_step_input *input, *inputs; /* of the present step; [GDI_RING] pinned, by step */
  gdi_gpu_slice slice;            /* the whole run, as kernels of updates and norms take it */
  gdi_gpu_sum *single;            /* [buffers] a buffer as a sum, with noise_scale */
  gdi_board_plan *plan;
  int plans;
  bool early;               /* gradients are passed on while backward goes on */
  gdi_mark *ready, *joined; /* between the lanes: compute so far, and what follows it, are done */

  gdi_staged staged;

  /* on board */
  gdi_gpu_clip clip;
  gdi_bucket *bucket; /* all ranks have the same ones, and pass them on in their order */
  int buckets;

  /* the present step, on board */
  gdi_totals *now; /* what it found so far, in device memory */
  bool totalled;   /* its records are added up */
  int passed;      /* buckets summed over ranks, and used by the update */

  gdi_found found;

  struct {                /* see onboard_audit.c */
    int64_t *piece;       /* [pieces + 1] of s->audit, in device memory */
    uint64_t *sum, *here; /* [1 + states][pieces]: in device memory, NULL without audits; pinned */
    bool due, asked;      /* an interval is over; sums are on their way here */
    int64_t step;         /* steps before those sums were queued */
  } audit;
};

/* board.c */
gdi_board *gdi_board_of(const gd_sync *s); /* NULL when the model is on the CPU */
gd_status gdi_board_new(gd_sync *s) GD_CHECKED;
void gdi_board_free(gd_sync *s);
void gdi_board_leaf(gd_sync *s, int64_t k);
gd_status gdi_board_loss(gd_sync *s, int64_t k, const gd_loss *loss, int64_t samples) GD_CHECKED;
gd_status gdi_board_leaf_done(gd_sync *s, int64_t k) GD_CHECKED;
/* What changes with the step, to device memory: before a step is computed or replayed. */
gd_status gdi_board_input(gd_sync *s, const gd_sync_step *step, const gdi_batch_input *batch) GD_CHECKED;
/* Memory of the board that lives as long as it does, from host memory or zeroed when `from` is NULL. */
gd_status gdi_board_put(gdi_board *b, const void *from, size_t bytes, void *out) GD_CHECKED;
gd_status gdi_board_pinned(gdi_board *b, size_t bytes, void *out) GD_CHECKED; /* host memory, pinned */
/* What follows losses and gradients runs in the exchange lane, beside the operations: from now on it waits for all
 * that is queued so far in the lanes of compute and of gradients. */
gd_status gdi_board_follow(gdi_board *b) GD_CHECKED;
/* In the end the compute lane waits for it. */
gd_status gdi_board_join(gdi_board *b) GD_CHECKED;

/* programs.c: the plan for s->K, made when K is new: not while work is being recorded. */
gd_status gdi_board_plan_for(gd_sync *s, gdi_board_plan **out) GD_CHECKED;
gd_status gdi_board_put_sum(gd_sync *s, const gdi_sum *from, gdi_gpu_sum *to) GD_CHECKED;
gd_status gdi_board_put_single(gd_sync *s, int64_t buffer, gdi_gpu_sum *out) GD_CHECKED;
char *gdi_board_buffer(const gd_sync *s, int64_t i);

/* staged.c */
gd_status gdi_staged_new(gd_sync *s) GD_CHECKED; /* pin the windows, and fill them from the model */
void gdi_staged_free(gd_sync *s);
void gdi_staged_begin(gd_sync *s);                    /* the copies of a step, or of its recording */
void gdi_staged_ready(void *sync, gd_tensor *leaf);   /* queue copies down of what backward has finished */
gd_status gdi_staged_down(gd_sync *s) GD_CHECKED;     /* and of the rest */
gd_status gdi_staged_arrive(gd_sync *s) GD_CHECKED;   /* wait for them, and pass on what has come */
void gdi_staged_updated(gd_sync *s, int64_t end);     /* of the slice: queue copies up */
gd_status gdi_staged_up(gd_sync *s) GD_CHECKED;       /* and of the rest, after all owners' updates */
gd_status gdi_staged_up_whole(gd_sync *s) GD_CHECKED; /* all parameters, not after an update */

/* onboard.c */
gd_status gdi_onboard_new(gd_sync *s) GD_CHECKED;
/* Staged: no more than gdi_onboard_square() needs. */
gd_status gdi_onboard_squares_new(gd_sync *s) GD_CHECKED;
gd_status gdi_onboard_total(gd_sync *s) GD_CHECKED; /* as soon as all records are queued */
/* The record of a step's only micro-batch, on the only rank, and its total. */
gd_status gdi_onboard_only(gd_sync *s, const gd_loss *loss, int64_t samples) GD_CHECKED;
void gdi_onboard_ready(void *sync, gd_tensor *leaf);
/* |gradient of leaf k|^2 to its record. */
gd_status gdi_onboard_square(gd_sync *s, int64_t k) GD_CHECKED;
gd_status gdi_onboard_update(gd_sync *s) GD_CHECKED;

/* peers.c: between ranks, by NCCL; nothing for one rank */
gd_status gdi_peers_plan(gd_sync *s, gdi_board_plan *p) GD_CHECKED; /* what ordered sums need */
/* Every rank gets the sums of a bucket in its first buffer. Kernels go to `lane` already. */
gd_status gdi_peers_bucket(gd_sync *s, const gdi_board_plan *p, int bucket, gdi_lane lane) GD_CHECKED;
gd_status gdi_peers_sum(gd_sync *s, void *data, int64_t n, gd_dtype type, gdi_lane lane) GD_CHECKED;

/* found.c */
gd_status gdi_found_new(gdi_board *b) GD_CHECKED;
/* Count a step that was queued, and sometimes collect what earlier ones found; or wait for all of them. */
gd_status gdi_board_queued(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) GD_CHECKED;
gd_status gdi_board_settle(gd_sync *s, gd_sync_result *out) GD_CHECKED;
/* The next step that the last of these two calls made known; false: that was all. */
bool gdi_board_told(gd_sync *s, gd_sync_result *out);
/* Wait for what is queued, and look at nothing. */
gd_status gdi_board_drain(gd_sync *s) GD_CHECKED;
gd_status gdi_board_healthy(gd_sync *s) GD_CHECKED; /* s->sick as the GPU knows it */

/* onboard_audit.c: are all copies equal? With memory of the board; nothing for one rank. */
gd_status gdi_onboard_audit_new(gd_sync *s) GD_CHECKED;
gd_status gdi_onboard_audit_step(gd_sync *s, int64_t step) GD_CHECKED; /* step number `step` is queued */
gd_status gdi_onboard_audit_ask(gd_sync *s) GD_CHECKED;                /* queue checksums, if they are due */
double gdi_onboard_audit_total(gd_sync *s); /* of checksums that came, once: must be equal on all ranks */
/* Which block, on which rank, since totals differ: GD_ERR_REPLICA. Collective: yes */
gd_status gdi_onboard_audit_find(gd_sync *s) GD_CHECKED;

/* onboard_whole.c */
gd_status gdi_onboard_gather(gd_sync *s, void *params, void *const states[]) GD_CHECKED;
gd_status gdi_onboard_scatter(gd_sync *s, const void *params, const void *const states[]) GD_CHECKED;

#endif

/*
 * The sync of a model on a GPU. Gradients are computed and added on the GPU, in the order of the tree. From
 * there on one of two ways, both with the bits of a CPU's sums and updates:
 *
 *   resident  exchange (by NCCL), sum, norms and update are queued on the GPU; only the results of steps are
 *             copied to the host, every few steps
 *   staged    without NCCL: gradients are copied to the windows that CPU ranks use, are exchanged and applied
 *             there, and the new parameters are copied back
 *
 * When the update is resident every rank updates all parameters, and so holds the whole optimizer state. What ranks exchange is
 * sums of gradients, bucket by bucket during backward, ordered ones too: as many bytes as gradients to the
 * owners of slices and parameters back, but nothing waits for an update, and only the last bucket remains
 * when backward ends. Parameters of slices could be sent only after all that, exposed. The price is memory,
 * as in every data-parallel training without sharded state, and that each GPU updates everything, most of it
 * hidden behind backward.
 */
#ifndef GDI_SYNC_GPU_SYNC_H
#define GDI_SYNC_GPU_SYNC_H

#include <stdatomic.h>

#include "comm/nccl.h"
#include "device/gpu.h"
#include "sync/buckets.h"

enum {
  GDI_POLL_STEPS = 8, /* steps between looks at what resident steps found */
  GDI_RING = 32,      /* steps that may be queued: at least three lags */
};

/* The sums of a step of K micro-batches, in device memory. */
typedef struct gdi_gpu_plan {
  int64_t K;
  gdi_gpu_sum *
      merge; /* [micro-batches of the run] what is added when leaf run.lo + i is there; no operands: nothing */
  int *into;          /* [micro-batches of the run] the buffer that the sum goes to */
  gdi_gpu_sum sum;    /* resident: what the update takes; between ranks what they leave in the first buffer */
  gdi_gpu_sum *share; /* between ordered ranks: [buckets] the nodes of all ranks, in this one's share */
  char *received;     /* those of other ranks, bucket after bucket in one place: [incoming][largest share] */
} gdi_gpu_plan;

/* What resident steps found, collected later. See results.c */
typedef struct gdi_step_results {
  gdi_totals *ring, *here;          /* [GDI_RING] by step: in device memory; pinned */
  gdi_event *fetched;               /* what was asked for is here */
  bool started;                     /* a step was queued since parameters were set */
  int64_t queued, asked, collected; /* then: steps before these were queued, asked about, known */
  gd_sync_result known[GDI_RING];   /* steps that the last call made known, in their order */
  int n_known, taken;
} gdi_step_results;

/* Copies between device memory and the windows, in parts. See host_staged.c */
typedef struct gdi_host_staged {
  int64_t copy;                           /* elements of one copy */
  double *records_here;                   /* what came down; pinned */
  char *gradients_here;                   /* part of the window */
  char *pinned_params, *pinned_gradients; /* the same, where they are pinned; or NULL */
  gd_status failed;                       /* while queueing copies of the present step */

  /* down */
  int64_t asked;           /* elements of the last micro-batch whose copies are queued, or recorded */
  bool announces;          /* copies that are done, because they are passed on at once */
  gdi_event *copied;       /* between the streams of exchange and host */
  _Atomic int64_t arrived; /* copies of the present step that are done */

  /* up: by the ranks that share the window, whose slices this rank's GPU needs too */
  gd_shared memory;
  _Atomic int64_t *updated; /* [owners] elements of its slice, over all updates */
  int64_t *queued;          /* [owners] elements before it are queued to go up */
  int64_t updates;          /* before this one */
} gdi_host_staged;

struct gdi_gpu_sync {
  gd_device *device;
  const gdi_gpu *gpu;
  gdi_nccl *nccl; /* NULL: one rank, or staged */
  bool resident;
  gd_arena *memory, *pinned;

  /* in device memory, resident and host-staged */
  char *params, *gradients; /* runs: where the model is bound to, and the buffers of this rank */
  int64_t buffers;
  uint16_t *rounded;              /* bf16 copies of the parameters, where products take those */
  double *records;                /* [max_micro_batches][GDI_RECORD] */
  gdi_step_input *input, *inputs; /* of the present step; [GDI_RING] pinned, by step */
  gdi_gpu_slice slice;            /* all parameters, as kernels of updates and norms take them */
  gdi_gpu_slice statistics;       /* the rest of the run; no elements: there are none */
  gdi_gpu_sum *single;            /* [buffers] a buffer as a sum, with noise_scale */
  gdi_gpu_plan *plan;
  int plans;
  bool early;                /* gradients are passed on while backward goes on */
  gdi_event *ready, *joined; /* between the streams: compute so far, and what follows it, are done */

  gdi_host_staged staged;

  /* resident */
  gdi_gpu_clip clip;
  gdi_bucket *bucket; /* all ranks have the same ones, and pass them on in their order */
  int buckets;

  /* the present step, resident */
  gdi_totals *now; /* what it found so far, in device memory */
  bool totalled;   /* its records are added up */
  int passed;      /* buckets summed over ranks, and used by the update */

  gdi_step_results results;

  struct {                /* see audit.c */
    int64_t *piece;       /* [pieces + 1] of s->audit, in device memory */
    uint64_t *sum, *here; /* [1 + states][pieces]: in device memory, NULL without audits; pinned */
    bool due, asked;      /* an interval is over; sums are on their way here */
    int64_t step;         /* steps before those sums were queued */
  } audit;
};

/* gpu_sync.c */
gdi_gpu_sync *gdi_gpu_sync_of(const gd_sync *s); /* NULL when the model is on the CPU */
gd_status gdi_gpu_sync_new(gd_sync *s) GD_CHECKED;
void gdi_gpu_sync_free(gd_sync *s);
void gdi_gpu_sync_micro_batch(gd_sync *s, int64_t k);
gd_status gdi_gpu_sync_loss(gd_sync *s, int64_t k, const gd_loss *loss, int64_t samples) GD_CHECKED;
gd_status gdi_gpu_sync_micro_batch_done(gd_sync *s, int64_t k) GD_CHECKED;
/* What changes with the step, to device memory: before a step is computed or replayed. */
gd_status gdi_gpu_sync_input(gd_sync *s, const gd_sync_step *step, const gdi_batch_input *batch) GD_CHECKED;
/* Memory of this struct that lives as long as it does, from host memory or zeroed when `from` is NULL. */
gd_status gdi_gpu_sync_put(gdi_gpu_sync *b, const void *from, size_t bytes, void *out) GD_CHECKED;
gd_status gdi_gpu_sync_pinned(gdi_gpu_sync *b, size_t bytes, void *out) GD_CHECKED; /* host memory, pinned */
/* What follows losses and gradients runs in the exchange stream, beside the operations: from now on it waits for all
 * that is queued so far in the streams of compute and of gradients. */
gd_status gdi_gpu_sync_follow(gdi_gpu_sync *b) GD_CHECKED;
/* In the end the compute stream waits for it. */
gd_status gdi_gpu_sync_join(gdi_gpu_sync *b) GD_CHECKED;

/* plans.c: the plan for s->K, made when K is new: not while work is being recorded. */
gd_status gdi_gpu_plan_for(gd_sync *s, gdi_gpu_plan **out) GD_CHECKED;
gd_status gdi_gpu_sync_put_sum(gd_sync *s, const gdi_sum *from, gdi_gpu_sum *to) GD_CHECKED;
gd_status gdi_gpu_sync_put_single(gd_sync *s, int64_t buffer, gdi_gpu_sum *out) GD_CHECKED;
char *gdi_gpu_sync_buffer(const gd_sync *s, int64_t i);

/* host_staged.c */
gd_status gdi_host_staged_new(gd_sync *s) GD_CHECKED; /* pin the windows, and fill them from the model */
void gdi_host_staged_free(gd_sync *s);
void gdi_host_staged_begin(gd_sync *s);                  /* the copies of a step, or of its recording */
void gdi_host_staged_ready(void *sync, gd_tensor *leaf); /* queue copies down of what backward has finished */
gd_status gdi_host_staged_down(gd_sync *s) GD_CHECKED;   /* and of the rest */
gd_status gdi_host_staged_arrive(gd_sync *s) GD_CHECKED; /* wait for them, and pass on what has come */
void gdi_host_staged_updated(gd_sync *s, int64_t end);   /* of the slice: queue copies up */
gd_status gdi_host_staged_up(gd_sync *s) GD_CHECKED;     /* and of the rest, after all owners' updates */
gd_status gdi_host_staged_up_all(gd_sync *s) GD_CHECKED; /* all parameters, not after an update */

/* update.c */
gd_status gdi_resident_new(gd_sync *s) GD_CHECKED;
/* Staged: no more than gdi_resident_square() needs. */
gd_status gdi_resident_squares_new(gd_sync *s) GD_CHECKED;
gd_status gdi_resident_total(gd_sync *s) GD_CHECKED; /* as soon as all records are queued */
/* The record of a step's only micro-batch, on the only rank, and its total. */
gd_status gdi_resident_single(gd_sync *s, const gd_loss *loss, int64_t samples) GD_CHECKED;
void gdi_resident_ready(void *sync, gd_tensor *leaf);
/* |gradient of micro-batch k|^2 to its record. */
gd_status gdi_resident_square(gd_sync *s, int64_t k) GD_CHECKED;
gd_status gdi_resident_update(gd_sync *s) GD_CHECKED;

/* peers.c: between ranks, by NCCL; nothing for one rank */
gd_status gdi_peers_plan(gd_sync *s, gdi_gpu_plan *p) GD_CHECKED; /* what ordered sums need */
/* Every rank gets the sums of a bucket in its first buffer. Kernels go to `stream` already. */
gd_status gdi_peers_bucket(gd_sync *s, const gdi_gpu_plan *p, int bucket, gdi_stream stream) GD_CHECKED;
gd_status gdi_peers_sum(gd_sync *s, void *data, int64_t n, gd_dtype type, gdi_stream stream) GD_CHECKED;

/* results.c */
gd_status gdi_step_results_new(gdi_gpu_sync *b) GD_CHECKED;
/* Count a step that was queued, and sometimes collect what earlier ones found; or wait for all of them. */
gd_status gdi_gpu_sync_queued(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) GD_CHECKED;
gd_status gdi_gpu_sync_wait(gd_sync *s, gd_sync_result *out) GD_CHECKED;
/* The next step that the last of these two calls made known; false: that was all. */
bool gdi_gpu_sync_next_result(gd_sync *s, gd_sync_result *out);
/* Updates so far, if all steps are made that are queued: where some may be left out, wait for each. */
int64_t gdi_gpu_sync_updates(const gd_sync *s);
/* Wait for what is queued, and look at nothing. */
gd_status gdi_gpu_sync_drain(gd_sync *s) GD_CHECKED;
gd_status gdi_gpu_sync_healthy(gd_sync *s) GD_CHECKED; /* s->nonfinite as the GPU knows it */

/* audit.c: are all copies equal? With its memory; nothing for one rank. */
gd_status gdi_resident_audit_new(gd_sync *s) GD_CHECKED;
gd_status gdi_resident_audit_step(gd_sync *s, int64_t step) GD_CHECKED; /* step number `step` is queued */
gd_status gdi_resident_audit_ask(gd_sync *s) GD_CHECKED;                /* queue checksums, if they are due */
double gdi_resident_audit_total(gd_sync *s); /* of checksums that came, once: must be equal on all ranks */
/* Which block, on which rank, since totals differ: GD_ERR_REPLICA. Collective: yes */
gd_status gdi_resident_audit_find(gd_sync *s) GD_CHECKED;

/* full_state.c */
gd_status gdi_resident_gather(gd_sync *s, void *params, void *const states[]) GD_CHECKED;
gd_status gdi_resident_scatter(gd_sync *s, const void *params, const void *const states[]) GD_CHECKED;

#endif

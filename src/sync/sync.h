/* What the files of this room share. */
#ifndef GDI_SYNC_SYNC_H
#define GDI_SYNC_SYNC_H

#include "gd/sync.h"
#include "sync/sum.h"

enum { GDI_RECORD = sizeof(gd_step_stats) / sizeof(double) };

/* A piece of a slice over which norms are summed: a block, for lars and groups also cut between parameters. Of the statistics,
 * which lie behind the parameters and have no norms: what a statistic has of a block. */
typedef struct gdi_segment {
  int64_t lo;
  int32_t param;
} gdi_segment;

/* All elements in segments, and what is known of each. See sweep.c */
typedef struct gdi_segments {
  int64_t n, trained;                    /* those before `trained` are of parameters */
  gdi_segment *at;                       /* [n + 1] */
  double *square;                        /* [n][norms] sums of squares */
  int norms;                             /* 1: of gradients; 2: and of parameters */
  bool cut;                              /* between parameters */
  gd_optim optim[GD_MAX_PARAM_SETTINGS]; /* by setting of the parameter */
  double *rate;                          /* [params->n] lars: local rates; of statistics: their momentum */
} gdi_segments;

/* What backward of the last micro-batch has finished so far. See grad_ready.c */
typedef struct gdi_grad_ready {
  bool last_micro_batch; /* backward of the last micro-batch is running */
  bool *finished;        /* [params->n] */
  int front;             /* all before it are finished */
  int expected[2];       /* where the next parameter, and the next statistic, is expected */
  bool travelling;       /* messages may be under way */
  int64_t next_poll_ns;  /* when to look after them */
} gdi_grad_ready;

typedef struct gdi_exchange gdi_exchange; /* between groups. See exchange.c */
typedef struct gdi_overlap gdi_overlap;   /* all-reduce during backward. See overlap.c */
typedef struct gdi_audit gdi_audit;       /* checksums of what an update wrote. See audit.c */
typedef struct gdi_gpu_sync gdi_gpu_sync; /* the part on a GPU. See gpu/gpu_sync.h */

struct gd_sync {
  /* what was asked for, and what follows from it */
  gd_world *world;
  gd_params *params;
  gd_sync_options o;
  gd_dtype dtype;
  size_t element_bytes;
  int64_t elements;
  int n_states;
  bool two_pass;   /* sums and norms first, then the update */
  bool replicated; /* two groups: each updates everything, so that no parameters cross */
  gd_device *cpu;  /* runs the loops over host memory */

  /* parts that not every sync has: else NULL */
  gdi_exchange *exchange; /* between groups, when ordered */
  gdi_overlap *overlap;   /* all-reduce */
  gdi_audit *audit;
  gdi_gpu_sync *gpu; /* the model is on a GPU */

  /* memory.c; none of it when the model is on a GPU */
  gd_shared param_memory, state_memory, gradient_memory;
  gd_range slice;   /* what this rank updates */
  gd_range group;   /* what this group updates: the extent of its optimizer state */
  int64_t *buffers; /* [ranks of the group + 1] first gradient buffer of each, in gradient_memory */

  /* the present step */
  int64_t K;
  gd_range run;     /* this rank's micro-batches */
  bool begun;       /* and not updated yet */
  gd_status failed; /* of a call that returns no status */
  gdi_grad_ready early;
  gdi_sum sum, merge; /* of the slice; of nodes on the way */
  int64_t compiled;   /* K of sum */
  gdi_segments segments;
  double *record;      /* [max_micro_batches][GDI_RECORD] of this rank, then of all. See records.c */
  double *message;     /* records and flags as sent */
  gd_range *part;      /* [ranks] bytes of what is gathered: of message, or of segments.square */
  gd_shared average;   /* average.c: a run of this rank's own, where no memory here holds the whole average */
  char *average_there; /* the same on a GPU that is passed its parameters by the host */
  bool nonfinite;      /* an update found a value that is not finite */
  int64_t updates;     /* made so far, which an optimizer counts by: those that were left out are none */
};

static inline size_t gdi_bytes_of(const gd_sync *s, gd_range elements) {
  return (size_t)(elements.hi - elements.lo) * s->element_bytes;
}

/* memory.c: where everything lies */
gd_range gdi_slice_of(const gd_sync *s, int rank);   /* what a rank updates */
gd_range gdi_extent_of(const gd_sync *s, int group); /* what the ranks of a group update */
int64_t gdi_bucket_elements(const gd_sync *s);       /* elements of one message */
int64_t gdi_messages_of(const gd_sync *s, gd_range slice);
/* Elements of n messages of a slice, from number i on. */
gd_range gdi_message_of(const gd_sync *s, gd_range slice, int64_t i, int64_t n);
/* The slice of this rank in pieces of several messages, which are updated one after the other. */
int64_t gdi_messages_a_piece(const gd_sync *s);
int gdi_pieces(const gd_sync *s);
gd_range gdi_piece(const gd_sync *s, int i);
gd_status gdi_memory_new(gd_sync *s) GD_CHECKED;
void gdi_memory_free(gd_sync *s);
/* Memory of the group when ordered, else this rank's own; zeroed. */
gd_status gdi_window_new(gd_sync *s, gd_shared *m, size_t bytes) GD_CHECKED;
void gdi_window_free(gd_sync *s, gd_shared *m);
gd_status gdi_private_new(gd_shared *m, size_t bytes) GD_CHECKED; /* this rank's own; zeroed */
void gdi_private_free(gd_shared *m);
/* Gradient buffers that a rank needs at most, in steps of up to max_K micro-batches. */
int64_t gdi_buffers_needed(int64_t max_K, int ranks, int rank);
char *gdi_buffer(const gd_sync *s, int rank, int64_t i); /* gradient buffer i of a rank of the group */
char *gdi_param_at(const gd_sync *s, int64_t element);
void gdi_state_at(const gd_sync *s, int64_t element, void *state[GD_OPTIM_MAX_STATES]);

/* average.c */
void gdi_average_free(gd_sync *s);

/* records.c: the losses and flags of all ranks, exchanged before anything is summed */
gd_status gdi_records_new(gd_sync *s) GD_CHECKED;
void gdi_records_free(gd_sync *s);
gd_status gdi_records_exchange(gd_sync *s, const gd_sync_step *step, gd_sync_result *out) GD_CHECKED;

/* operands.c: which nodes of the tree lie where */
/* What a rank holds once its micro-batches are done, buffer by buffer; returns how many. */
int gdi_rank_nodes(int64_t K, int ranks, int rank, gd_range node[GD_TREE_MAX_COVER + 1]);
gd_range gdi_group_run(const gd_sync *s, int group); /* micro-batches of all ranks of a group */
int gdi_micro_batch_buffer(const gd_sync *s,
                           int64_t k); /* the gradient buffer of this rank that micro-batch k goes to */
gd_status gdi_operands(gd_sync *s) GD_CHECKED; /* compile the sum of the slice for s->K */
/*
 * s->merge becomes what is to be added when micro-batch k is there, over gradient buffers that begin at `buffers`.
 * Returns the buffer that the sum goes to, -1 when nothing is to be added yet.
 */
int gdi_merge_operands(gd_sync *s, int64_t k, char *buffers);

/* sweep.c: loops over segments of the slice */
gd_status gdi_segments_new(gd_sync *s) GD_CHECKED;
void gdi_segments_free(gdi_segments *x);
/* Blocks, for `cut` also cut where a parameter begins, and statistics always: [n + 1], returns n. segment NULL:
 * count only. */
int64_t gdi_segments_cut(const gd_params *p, bool cut, gdi_segment *segment);
gd_range gdi_segments_in(const gdi_segment *segment, int64_t n, gd_range elements);
gd_range gdi_segments_of(const gd_sync *s, gd_range elements);
void gdi_sweep_sum(gd_sync *s, gd_range segments);
/* samples: of the step, for statistics. */
void gdi_sweep_update(gd_sync *s, gd_range segments, const gd_update *u, double samples);
gd_status gdi_norms_everywhere(gd_sync *s) GD_CHECKED;
/* What parameter i is updated with. */
const gd_optim *gdi_optim_of(const gd_sync *s, int i);

/* exchange.c: between groups */
gd_status gdi_exchange_new(gd_sync *s) GD_CHECKED;
void gdi_exchange_free(gd_sync *s);
gd_status gdi_exchange_compile(gd_sync *s) GD_CHECKED; /* for s->K */
int gdi_exchange_operands(gd_sync *s, int group,
                          gdi_operand *term);                     /* nodes of another group, once received */
gd_status gdi_exchange_begin(gd_sync *s) GD_CHECKED;              /* a step: expect the nodes of the slice */
gd_status gdi_exchange_expect_params(gd_sync *s) GD_CHECKED;      /* of slices owned elsewhere */
gd_status gdi_exchange_wait(gd_sync *s, int piece) GD_CHECKED;    /* its nodes are here */
gd_status gdi_exchange_publish(gd_sync *s, int piece) GD_CHECKED; /* its parameters are new */
gd_status gdi_exchange_finish(gd_sync *s) GD_CHECKED;             /* every message of the step */
char *gdi_exchange_room(const gd_sync *s, int64_t element); /* memory for the slice, private to this rank */

/* send.c: nodes on their way to owners */
void gdi_exchange_mark_ready(gd_sync *s, int64_t k, int64_t end); /* its elements before `end` are complete */
gd_status gdi_exchange_send(gd_sync *s) GD_CHECKED;               /* send what is complete and not sent yet */

/* overlap.c: all-reduce */
gd_status gdi_overlap_new(gd_sync *s) GD_CHECKED;
void gdi_overlap_free(gdi_overlap *x);
/* Gradients before element `end` are complete: start the buckets that they fill. */
gd_status gdi_overlap_start(gd_sync *s, int64_t end) GD_CHECKED;
gd_status gdi_overlap_start_all(gd_sync *s) GD_CHECKED;
/* The sums before element `end` are here. After `end` = all, the next step may start. */
gd_status gdi_overlap_wait(gd_sync *s, int64_t end) GD_CHECKED;

/* grad_ready.c: while backward goes on */
gd_status gdi_grad_ready_new(gd_sync *s) GD_CHECKED;
void gdi_grad_ready_free(gd_sync *s);
void gdi_grad_ready_micro_batch(gd_sync *s, int64_t k);
void gdi_grad_ready_micro_batch_done(gd_sync *s, int64_t k); /* and merged, with an exchange */
/* The gradient of `leaf` is complete: s->early.front follows. */
void gdi_grad_ready_finish(gd_sync *s, const gd_tensor *leaf);
int64_t gdi_grad_ready_end(const gd_sync *s); /* elements before it are complete */
/* Of the last micro-batch, elements before `end` are here: send what that completes. */
gd_status gdi_grad_ready_send(gd_sync *s, int64_t end) GD_CHECKED;

#endif

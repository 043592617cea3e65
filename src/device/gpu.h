/*
 * What a GPU offers besides memory: CUDA streams, pinned host memory for
 * asynchronous copies, events, CUDA graphs, and the kernels that form batches and update parameters.
 * gd_device.gpu is NULL on a CPU.
 *
 * Everything is asynchronous: a call returns when the work is queued in its stream, and a stream runs its work in
 * the order of the calls. Errors: GD_ERR_GPU with the GPU's number and the cause, from this call or a later
 * one.
 */
#ifndef GDI_GPU_H
#define GDI_GPU_H

#include "base/permute.h"
#include "device/device.h"
#include "device/update.h"
#include "gd/batch.h"
#include "gd/partition.h"

/*
 * Operations run in the stream of compute, and what they wait for: inputs of steps, parameters that come up. Samples
 * are copied in COPY. Sums, exchange, resident updates and gradients that go down: EXCHANGE. HOST runs functions of
 * the host. Where nothing else of it waits for them, backward computes gradients of leaves in the last two: products,
 * and sums over the batch. gd_backward() ends with the compute stream waiting for all of them; a stream that reads some of
 * them earlier calls gradients() first.
 */
typedef enum gdi_stream {
  GDI_STREAM_COMPUTE,
  GDI_STREAM_COPY,
  GDI_STREAM_EXCHANGE,
  GDI_STREAM_HOST,
  GDI_STREAM_GRADIENTS,
  GDI_STREAM_SUMS,
  GDI_STREAMS
} gdi_stream;

typedef struct gdi_event gdi_event; /* a place in a queue: a CUDA event */
typedef struct gdi_graph gdi_graph; /* recorded work: a CUDA graph */

/* ---- batches ---- */

/* Which samples a step uses, in device memory, where a replayed graph reads it anew. */
typedef struct gdi_batch_input {
  int64_t first; /* position of row 0 of the batch: in the epoch, or among samples that were sent */
  gdi_order_key order;
} gdi_batch_input;

/* A field behind y: y' = y factor, an index stays what it is. */
typedef struct gdi_stored_field {
  size_t offset; /* in y's row */
  int64_t n;     /* values of a sample */
  gd_dtype type;
  bool index;
  double factor;
} gdi_stored_field;

/* What is done to an image before it becomes part of a batch; the numbers of each are those of data/augment. */
typedef enum gdi_change_kind {
  GDI_CHANGE_NONE,
  GDI_CHANGE_CROP,
  GDI_CHANGE_FLIP,
  GDI_CHANGE_BLACKEN,
  GDI_CHANGE_AFFINE,
  GDI_CHANGE_RESIZE,
  GDI_CHANGE_COLOURS,
  GDI_CHANGE_MIXUP, /* of a batch: the numbers are those of its first sample */
  GDI_CHANGE_CUTMIX
} gdi_change_kind;

typedef struct gdi_change {
  int64_t kind, i[4];
  double f[4];
  uint64_t word; /* of a mix: random, from which its rows take the partner of each */
} gdi_change;

/* A sample of n has another as partner, so many behind it, where there is one. */
GDI_BOTH int64_t gdi_mix_shift(uint64_t word, int64_t n) {
  return n > 1 ? 1 + (int64_t)((unsigned __int128)word * (uint64_t)(n - 1) >> 64) : 0;
}

enum { GDI_CHANGE_LANES = 256 }; /* in which a mean over an image is summed, pixel i in lane i % so many */

/* Of the images of a set, stored as u8, f32 or f64. */
typedef struct gdi_changes {
  int n;          /* of a sample, one after the other; 0: none */
  uint32_t mixes; /* those that mix a batch once it is formed, a bit each */
  size_t offset;  /* in y's row */
  int64_t height, width, channels;
  bool planes; /* [C,H,W], else [H,W,C] */
  float top;   /* white */
  /* in device memory: two images of floats for each that is at work at once, and room for the rows of a batch */
  float *room;
  int64_t at_once;
  void *made;              /* NULL: images are not changed but by mixing */
  void *mixed_x, *mixed_y; /* room for a batch as it is formed, where it is mixed */
} gdi_changes;

/* A data set, or what was sent of one, in device memory, as stored. */
typedef struct gdi_stored {
  const void *x, *y; /* [N, x_n]; and [N] rows of y_n numbers with further fields behind them */
  /* y_type: labels i64, or u8 with 255 for those that do not count; else f64 targets */
  gd_dtype x_type, y_type;
  int64_t x_n, y_n; /* values of a sample */
  int64_t
      y_classes; /* above 0: the label becomes a probability for each of so many; none where it is ignored */
  size_t y_row;  /* bytes from one sample to the next */
  int n_more;
  gdi_stored_field more[GD_MAX_FIELDS - 2];
  const void *shift,
      *factor;   /* x' = (x - shift) factor, in device memory; shift NULL: factor is one number */
  bool in_float; /* type of shift and factor and of that arithmetic, else double */
  const double *y_shift, *y_factor; /* the same for targets, [y_n]; NULL: as they are */
  gdi_changes changes;
} gdi_stored;

/* Where a batch is formed, in device memory: x as `type`, y as labels or `type`, further fields as i64 or `type`. */
typedef struct gdi_formed {
  gd_dtype type;
  void *x, *y;
  uint16_t
      *rounded; /* x in bf16 too, where a product that is queued next finds it; NULL: it rounds x by itself */
  void *more[GD_MAX_FIELDS - 2];
} gdi_formed;

/* ---- updates ---- */

/* What changes from step to step, in device memory. */
typedef struct gdi_step_input {
  int64_t step;
  gdi_batch_input batch;
  /* But for `scale`, which gdi_totals has, and lars' local rates; the first ones, as many as there are. */
  gdi_constants constants[GDI_MAX_CONSTANTS];
} gdi_step_input;

/* The fields of gd_step_stats, in its order. */
enum {
  GDI_RECORD_LOSS,
  GDI_RECORD_WEIGHT,
  GDI_RECORD_CORRECT,
  GDI_RECORD_SAMPLES,
  GDI_RECORD_SQUARE,
  GDI_RECORD_FIELDS
};

/* What steps find, in device memory. */
typedef struct gdi_totals {
  int64_t step;
  double record[GDI_RECORD_FIELDS]; /* tree sums over the micro-batches */
  double scale;                     /* of gradients: 1 / weight, times the clipping factor */
  double grad_norm;                 /* of the mean gradient; NaN when not computed */
  int64_t micro_batches;            /* of a weight above 0 */
  int32_t go;                       /* 0: this step changes nothing */
  int32_t nonfinite; /* a loss, gradient or parameter was not finite: sticky, unless steps may be skipped */
} gdi_totals;

/* A sum in the order of the tree, as the postfix program of sync/sum.h. Arrays in device memory. */
typedef struct gdi_gpu_sum {
  int n_operands, n_ops;
  char *const *operand; /* [n_operands] where element 0 of the run is or would be */
  const uint8_t *add;   /* [n_ops] 1: add the two upper ones; 0: push the next operand */
} gdi_gpu_sum;

/* The part of the parameters that this device updates. Arrays in device memory. */
typedef struct gdi_gpu_slice {
  gd_dtype dtype;
  gdi_rule rule;
  gd_range elements;
  int64_t state_first;             /* element that is state[.][0] */
  char *w, *state[GDI_MAX_STATES]; /* w: element 0 of the run */
  uint16_t *rounded;               /* bf16 copies of w, f32, that the update keeps equal; NULL: none */
  char *kept;                      /* element 0 of the run of the sums that the first pass leaves */
  int64_t segments;                /* of the whole run: pieces in which squares are summed */
  int64_t trained;                 /* of them, those of parameters: the norms are theirs */
  gd_range own;                    /* segments of this slice */
  const int64_t *segment;          /* [segments + 1] first element */
  const int32_t *param;            /* [segments] tensor that a segment belongs to */
  int norms;                       /* 1: |g|^2 of a segment; 2: and |w|^2 (lars) */
  double *square;                  /* [segments][norms] */
  double *rate;                    /* [tensors] lars: local rates; statistics: their momentum; else NULL */
  const int32_t *setting;          /* [tensors] which constants each takes; NULL: all the first */
  bool statistics;                 /* moved by the mean over the samples, at these rates (rule plain) */
  bool beside; /* the update runs beside products: it leaves most multiprocessors to them */
} gdi_gpu_slice;

/* How the norms of all segments become the scale of the update. */
typedef struct gdi_gpu_clip {
  double clip_norm;    /* 0: off */
  double trust;        /* lars */
  bool skip_nonfinite; /* a step that is not finite is left out, and the next one runs */
} gdi_gpu_clip;

/* ---- the table ---- */

typedef struct gdi_gpu {
  /* Wait until every stream is empty. */
  gd_status (*wait)(gd_device *d);

  /* Pinned host memory: new and zeroed, or existing memory that is pinned and unpinned. */
  gdi_memory pinned;
  gd_status (*pin)(gd_device *d, void *memory, size_t bytes);
  void (*unpin)(gd_device *d, void *memory);
  gd_status (*send)(gd_device *d, gdi_stream stream, void *to, const void *pinned, size_t bytes);
  gd_status (*fetch)(gd_device *d, gdi_stream stream, void *pinned, const void *from, size_t bytes);

  gd_status (*event_new)(gd_device *d, gdi_event **out);
  void (*event_free)(gd_device *d, gdi_event *m);
  gd_status (*event_record)(gd_device *d, gdi_stream stream,
                            gdi_event *m); /* m is now the end of the stream */
  gd_status (*after)(gd_device *d, gdi_stream stream,
                     gdi_event *m);                        /* later work of the stream waits for m */
  gd_status (*gradients)(gd_device *d, gdi_stream stream); /* and for all gradients of leaves queued so far */
  gd_status (*reached)(gd_device *d, gdi_event *m, bool *yes);
  /* f(user) when the stream gets here, in replays too: in another thread, and it must call nothing of this table. */
  gd_status (*then)(gd_device *d, gdi_stream stream, void (*f)(void *user), void *user);
  gd_status (*wait_for)(gd_device *d, gdi_event *m);
  /*
   * From now on every call that waits for the GPU, uploads and downloads too, waits by `wait(user, event)`,
   * which can give up when another rank never does its part. NULL: wait without limit, as at first.
   */
  gd_status (*wait_hook)(gd_device *d, gd_status (*wait)(void *user, gdi_event *m), void *user);
  /* An event with a time stamp; and the seconds between two such events that were reached. */
  gd_status (*clock_new)(gd_device *d, gdi_event **out);
  gd_status (*seconds)(gd_device *d, gdi_event *from, gdi_event *to, double *out);

  /*
   * Record what is queued between the two calls instead of running it. Other streams take part once they wait
   * for an event of the compute stream, and must be waited for by it before `captured`. Nothing may be uploaded,
   * downloaded, or waited for meanwhile. After a failure `captured` must still be called; it then returns no
   * graph.
   */
  gd_status (*capture)(gd_device *d);
  gd_status (*captured)(gd_device *d, gdi_graph **out);
  gd_status (*replay)(gd_device *d, gdi_graph *g);
  /* Kernel launches in it; *longest, unless NULL: those of the longest path, which wait for each other. Both 0
   * when they cannot be counted. */
  int (*graph_kernels)(const gdi_graph *g, int *longest);
  void (*graph_free)(gd_device *d, gdi_graph *g);
  /*
   * Nothing recorded runs any more: all graphs are given back to CUDA, and what is being recorded is dropped.
   * Does not wait for a replay that is under way. Graphs are freed as ever, and `captured` is called.
   */
  void (*graphs_end)(gd_device *d);

  /*
   * Kernels go to this stream from now on; the compute stream at first. Operations, and kernels that take scratch
   * memory, belong in the compute stream.
   */
  void (*use)(gd_device *d, gdi_stream stream);
  /*
   * Keep bf16 copies of the f32 run in `rounded`: matrix products read weights of the run from there. Whoever
   * changes the run updates them, by round() or by an update with its slice's `rounded`. run NULL: no copies.
   */
  void (*weight_copy)(gd_device *d, const float *run, int64_t elements, uint16_t *rounded);
  gd_status (*round)(gd_device *d);

  /* The handle of a stream for libraries that queue by themselves (cudaStream_t). */
  void *(*stream_handle)(gd_device *d, gdi_stream stream);

  /*
   * Rows 0 .. rows-1 are samples at positions in->first + offset ...
   */
  gd_status (*form_batch)(gd_device *d, const gdi_stored *set, const gdi_batch_input *in, int64_t offset,
                          int64_t rows, const gdi_formed *to);

  /* Write a micro-batch's record: loss (f32 or f64) and weight (f64) are scalars in device memory. */
  gd_status (*record)(gd_device *d, double *record, const gd_tensor *loss, const gd_tensor *weight,
                      double samples);
  /*
   * Tree sums of K records into *now, and whether the step may go on: not when now->nonfinite or a sum is not
   * finite. Then *now is copied to ring[step % ring_length].
   */
  gd_status (*totals)(gd_device *d, const double *records, int64_t K, const gdi_step_input *in,
                      bool skip_nonfinite, gdi_totals *now, gdi_totals *ring, int64_t ring_length);
  /* Both, for the only micro-batch of a step. */
  gd_status (*record_only)(gd_device *d, double *record, const gd_tensor *loss, const gd_tensor *weight,
                           double samples, const gdi_step_input *in, bool skip_nonfinite, gdi_totals *now,
                           gdi_totals *ring, int64_t ring_length);
  /* to[i] = the sum's element i for lo <= i < hi; `to` is element 0 of a run, and may be that of an operand. */
  gd_status (*tree_sum)(gd_device *d, gd_dtype type, const gdi_gpu_sum *sum, gd_range elements, char *to);
  /* First pass: sums to `kept`, and the squares of the slice's own segments, in the lanes of
   * sync/squares.h. */
  gd_status (*sum_and_square)(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum);
  /* record[GDI_RECORD_SQUARE] = squares of all segments, added in order, / record[GDI_RECORD_WEIGHT]; 0
   * without weight */
  gd_status (*record_square)(gd_device *d, const gdi_gpu_slice *s, double *record);
  /* From the squares of all segments, added in order: now->grad_norm, now->scale, now->go, s->rate. */
  gd_status (*norms)(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_clip *c, const gdi_step_input *in,
                     gdi_totals *now, gdi_totals *ring, int64_t ring_length);
  /* The update of the slice, from `sum`, or from `kept` when NULL; sets now->nonfinite when something is not
   * finite. */
  gd_status (*update)(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum, const gdi_step_input *in,
                      gdi_totals *now);
  /* sum[p] = checksum of elements piece[p] .. piece[p + 1] - 1 of whole words: no changed bit leaves it
   * equal. */
  gd_status (*checksum)(gd_device *d, const void *data, size_t element_bytes, const int64_t *piece,
                        int64_t pieces, uint64_t *sum);
} gdi_gpu;

/* An allocation also fails on a broken GPU: returns `st`, or the GPU's error when that is the cause. */
gd_status gdi_gpu_cause(gd_device *d, gd_status st) GD_CHECKED;

#endif

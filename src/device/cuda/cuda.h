/* The GPU as a device: what the files of this room share. C and CUDA sources include it. */
#ifndef GDI_CUDA_H
#define GDI_CUDA_H

#include <cuda_runtime_api.h>

#include "device/cuda/tuning.h"
#include "device/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdi_blas gdi_blas;   /* cuBLASLt and the plans of matrix products: blas.h */
typedef struct gdi_cudnn gdi_cudnn; /* cuDNN and the plans of convolutions: cudnn.h */

typedef struct gdi_cuda {
  cudaStream_t stream[GDI_STREAMS];
  gdi_blas *blas;
  gdi_cudnn *cudnn; /* NULL: there is none */
  gdi_stream stream_in_use;
  int processors;   /* streaming multiprocessors */
  cudaEvent_t fork; /* where streams of leaves' gradients leave the compute stream */
  struct {
    cudaEvent_t join;
    gd_arena *scratch; /* d->scratch of the stream */
    bool pending;      /* the compute stream has not waited for what was queued last */
  } side[GDI_STREAMS - GDI_STREAM_GRADIENTS];
  struct {
    const char *run; /* f32 */
    size_t bytes;
    uint16_t *rounded; /* bf16 copies of it */
  } weight_copy;
  struct {
    const void *of; /* f32 values that the last kernel made, see gdi_cuda_made(); NULL: none */
    int64_t elements;
    uint16_t *copy;
  } cached;
  gdi_tuning tuning;
  gdi_graph *graphs; /* all that were recorded and not freed */
  bool capturing;
  struct {
    gd_status (*wait)(void *user, gdi_event *m);
    void *user;
    gdi_event *end; /* of the stream that is waited for */
  } wait_hook;
} gdi_cuda;

static inline gdi_cuda *gdi_cuda_of(const gd_device *d) {
  return (gdi_cuda *)d->impl;
}

/* The stream of a stream, for work that is queued now. It may change any value: nothing is cached any more. */
static inline cudaStream_t gdi_cuda_stream_of(const gd_device *d, gdi_stream stream) {
  gdi_cuda *c = gdi_cuda_of(d);
  c->cached.of = NULL;
  return c->stream[stream];
}

static inline cudaStream_t gdi_cuda_stream(const gd_device *d) {
  return gdi_cuda_stream_of(d, gdi_cuda_of(d)->stream_in_use);
}

/*
 * The kernel queued last made `values`, f32, and `copy`, the same in bf16: a product that comes next need not
 * round them. This holds until anything else is queued, so nobody has to know of views, of changes in place
 * or of memory that is used again. The copy lives as long as the values. copy NULL: nothing.
 */
static inline void gdi_cuda_made(gd_device *d, const void *values, int64_t elements, uint16_t *copy) {
  gdi_cuda *c = gdi_cuda_of(d);
  c->cached.of = copy ? values : NULL;
  c->cached.elements = elements;
  c->cached.copy = copy;
}

/* The bf16 copy of values that are cached, or NULL. */
static inline uint16_t *gdi_cuda_cached_copy_of(const gd_device *d, const void *values, int64_t elements) {
  const gdi_cuda *c = gdi_cuda_of(d);
  return values && values == c->cached.of && elements <= c->cached.elements ? c->cached.copy : NULL;
}

/* The bf16 copy of f32 values at `data`, or NULL: see gdi_gpu.weight_copy. */
static inline const uint16_t *gdi_cuda_weight_copy_of(const gd_device *d, const void *data) {
  const gdi_cuda *c = gdi_cuda_of(d);
  const uintptr_t at = (uintptr_t)data - (uintptr_t)c->weight_copy.run;
  return c->weight_copy.rounded && at < c->weight_copy.bytes ? c->weight_copy.rounded + at / sizeof(float)
                                                             : NULL;
}

/* GD_OK, or GD_ERR_GPU: "GPU 0: <what>: <cause>". */
gd_status gdi_cuda_check(const gd_device *d, cudaError_t e, const char *what) GD_CHECKED;
/* `call` in place of a name, for calls of the run-time library. */
#define GDI_CUDA(d, call) gdi_cuda_check(d, call, #call)

/* Memory of one kernel call: the caller marks d->scratch before and releases it after. */
gd_status gdi_cuda_scratch(gd_device *d, int64_t n, size_t element_bytes, void **out) GD_CHECKED;

/* roofline.c */
gd_status gdi_cuda_layer_seconds(gd_device *d, gd_dtype type, int64_t B, int64_t I, int64_t O,
                                 double seconds[3]) GD_CHECKED;

/* fill.cu: n elements of `type` become `value`; to += from, n elements; to [rows,n] += row [n] in each of its rows. The
 * two additions are of f32 or f64. */
gd_status gdi_cuda_fill(gd_device *d, gd_dtype type, void *to, int64_t n, double value) GD_CHECKED;
gd_status gdi_cuda_accumulate(gd_device *d, gd_dtype type, void *to, const void *from, int64_t n) GD_CHECKED;
gd_status gdi_cuda_add_row(gd_device *d, gd_dtype type, void *to, const void *row, int64_t rows,
                           int64_t n) GD_CHECKED;

/* round.cu: two arrays of f32 to bf16, to nearest with ties to even. `to` is aligned to 64 bytes. */
gd_status gdi_cuda_round(gd_device *d, const void *const from[2], const int64_t n[2],
                         void *const to[2]) GD_CHECKED;

/* augment.cu: the rows of gdi_cuda_form_batch(), changed, as they are stored, to set->changes.made. */
gd_status gdi_cuda_change_images(gd_device *d, const gdi_stored *set, const gdi_batch_input *in,
                                 int64_t offset, int64_t rows) GD_CHECKED;
/* mix.cu: change k, which mixes x and y of a batch, from one place to another. */
gd_status gdi_cuda_mix(gd_device *d, const gdi_stored *set, const gdi_batch_input *in, int64_t offset,
                       int64_t rows, int k, const gdi_formed *from, const gdi_formed *to) GD_CHECKED;

/* batch.cu, record.cu, update.cu, checksum.cu: the entries of gdi_gpu of the same names. */
gd_status gdi_cuda_form_batch(gd_device *d, const gdi_stored *set, const gdi_batch_input *in, int64_t offset,
                              int64_t rows, const gdi_formed *to) GD_CHECKED;
gd_status gdi_cuda_record(gd_device *d, double *record, const gd_tensor *loss, const gd_tensor *weight,
                          double samples) GD_CHECKED;
gd_status gdi_cuda_totals(gd_device *d, const double *records, int64_t K, const gdi_step_input *in,
                          bool skip_nonfinite, gdi_totals *now, gdi_totals *ring,
                          int64_t ring_length) GD_CHECKED;
gd_status gdi_cuda_record_only(gd_device *d, double *record, const gd_tensor *loss, const gd_tensor *weight,
                               double samples, const gdi_step_input *in, bool skip_nonfinite, gdi_totals *now,
                               gdi_totals *ring, int64_t ring_length) GD_CHECKED;
gd_status gdi_cuda_tree_sum(gd_device *d, gd_dtype type, const gdi_gpu_sum *sum, gd_range elements,
                            char *to) GD_CHECKED;
gd_status gdi_cuda_sum_and_square(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum) GD_CHECKED;
gd_status gdi_cuda_record_square(gd_device *d, const gdi_gpu_slice *s, double *record) GD_CHECKED;
gd_status gdi_cuda_norms(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_clip *c,
                         const gdi_step_input *in, gdi_totals *now, gdi_totals *ring,
                         int64_t ring_length) GD_CHECKED;
gd_status gdi_cuda_update(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum,
                          const gdi_step_input *in, gdi_totals *now) GD_CHECKED;
gd_status gdi_cuda_checksum(gd_device *d, const void *data, size_t element_bytes, const int64_t *piece,
                            int64_t pieces, uint64_t *sum) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

/* What a step finds: records of micro-batches, their sums, and norms. Small kernels of one block. */
#include "device/cuda/tree.cuh"
#include "device/norms.h"

template <typename T>
static __device__ void put_record(double *to, const T *loss, const double *weight, double samples) {
  to[GDI_RECORD_LOSS] = (double)*loss;
  to[GDI_RECORD_WEIGHT] = *weight;
  to[GDI_RECORD_CORRECT] = 0;
  to[GDI_RECORD_SAMPLES] = samples;
  to[GDI_RECORD_SQUARE] = 0;
}

template <typename T>
static __global__ void record(double *to, const T *loss, const double *weight, double samples) {
  put_record(to, loss, weight, samples);
}

extern "C" gd_status gdi_cuda_record(gd_device *d, double *to, const gd_tensor *loss, const gd_tensor *weight,
                                     double samples) {
  if (loss->dtype == GD_F64)
    return gdi_launch(d, "record a loss", record<double>, 1, 1, to, (const double *)loss->data,
                      (const double *)weight->data, samples);
  return gdi_launch(d, "record a loss", record<float>, 1, 1, to, (const float *)loss->data,
                    (const double *)weight->data, samples);
}

typedef struct ring_of {
  gdi_totals *totals;
  int64_t length;
} ring_of;

static __device__ void publish(const gdi_totals *now, ring_of ring) {
  ring.totals[now->step % ring.length] = *now;
}

/* What the sums in `now` mean for the step. */
static __device__ void conclude(const gdi_step_input *in, bool skip_nonfinite, int weighty, gdi_totals *now,
                                ring_of ring) {
  const double weight = now->record[GDI_RECORD_WEIGHT];
  const bool finite = isfinite(now->record[GDI_RECORD_LOSS]) && isfinite(weight);
  if (!finite && !skip_nonfinite) now->nonfinite = 1;
  now->step = in->step;
  now->scale = weight != 0 ? 1 / weight : 0;
  now->grad_norm = NAN;
  now->micro_batches = weighty;
  now->go = finite && !now->nonfinite;
  publish(now, ring);
}

/* The only record of a step is its sum: one launch instead of two. */
template <typename T>
static __global__ void record_only(double *to, const T *loss, const double *weight, double samples,
                                   const gdi_step_input *in, bool skip_nonfinite, gdi_totals *now,
                                   ring_of ring) {
  put_record(to, loss, weight, samples);
  for (int field = 0; field < GDI_RECORD_FIELDS; field++) now->record[field] = to[field];
  conclude(in, skip_nonfinite, *weight > 0, now, ring);
}

extern "C" gd_status gdi_cuda_record_only(gd_device *d, double *to, const gd_tensor *loss,
                                          const gd_tensor *weight, double samples, const gdi_step_input *in,
                                          bool skip_nonfinite, gdi_totals *now, gdi_totals *ring,
                                          int64_t ring_length) {
  const ring_of r = {ring, ring_length};
  if (loss->dtype == GD_F64)
    return gdi_launch(d, "record the loss", record_only<double>, 1, 1, to, (const double *)loss->data,
                      (const double *)weight->data, samples, in, skip_nonfinite, now, r);
  return gdi_launch(d, "record the loss", record_only<float>, 1, 1, to, (const float *)loss->data,
                    (const double *)weight->data, samples, in, skip_nonfinite, now, r);
}

enum { TOTAL_THREADS = 32 * GDI_RECORD_FIELDS };

/* A warp per field. */
static __global__ void totals(const double *records, int64_t K, const gdi_step_input *in, bool skip_nonfinite,
                              gdi_totals *now, ring_of ring) {
  const int field = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  __shared__ int weighty;
  if (threadIdx.x == 0) weighty = 0;
  __syncthreads();
  const double sum = gdi_tree<32>(lane, records + field, K, GDI_RECORD_FIELDS);
  if (lane == 0) now->record[field] = sum;
  int count = 0;
  for (int64_t k = threadIdx.x; k < K; k += TOTAL_THREADS)
    count += records[k * GDI_RECORD_FIELDS + GDI_RECORD_WEIGHT] > 0;
  if (count) atomicAdd(&weighty, count);
  __syncthreads();
  if (threadIdx.x == 0) conclude(in, skip_nonfinite, weighty, now, ring);
}

extern "C" gd_status gdi_cuda_totals(gd_device *d, const double *records, int64_t K, const gdi_step_input *in,
                                     bool skip_nonfinite, gdi_totals *now, gdi_totals *ring,
                                     int64_t ring_length) {
  const ring_of r = {ring, ring_length};
  return gdi_launch(d, "add up records", totals, 1, TOTAL_THREADS, records, K, in, skip_nonfinite, now, r);
}

/* Squares in the order of segments lo .. hi-1: through shared memory, for one thread to add. */
static __device__ double squared(const gdi_gpu_slice &s, int64_t lo, int64_t hi) {
  const int64_t TILE = 4 * GDI_THREADS;
  __shared__ double tile[TILE];
  double sum = 0;
  for (int64_t at = lo; at < hi; at += TILE) {
    const int64_t n = hi - at < TILE ? hi - at : (int64_t)TILE;
    for (int64_t i = threadIdx.x; i < n; i += GDI_THREADS) tile[i] = s.square[(at + i) * s.norms];
    __syncthreads();
    if (threadIdx.x == 0)
      for (int64_t i = 0; i < n; i++) sum += tile[i];
    __syncthreads();
  }
  return sum;
}

static __global__ void record_square(gdi_gpu_slice s, double *record) {
  const double sum = squared(s, 0, s.trained);
  if (threadIdx.x > 0) return;
  const double weight = record[GDI_RECORD_WEIGHT];
  record[GDI_RECORD_SQUARE] = weight > 0 ? sum / weight : 0;
}

extern "C" gd_status gdi_cuda_record_square(gd_device *d, const gdi_gpu_slice *s, double *record) {
  return gdi_launch(d, "record a square", record_square, 1, GDI_THREADS, *s, record);
}

/* The first segment of a parameter finds its rate. */
static __device__ void local_rates(const gdi_gpu_slice &s, const gdi_gpu_clip &c, const gdi_step_input *in,
                                   double scale) {
  for (int64_t first = threadIdx.x; first < s.trained; first += GDI_THREADS) {
    const int32_t param = s.param[first];
    if (first > 0 && s.param[first - 1] == param) continue;
    double gradient = 0, weights = 0;
    for (int64_t g = first; g < s.trained && s.param[g] == param; g++)
      gradient += s.square[g * 2], weights += s.square[g * 2 + 1];
    s.rate[param] = gdi_local_rate(c.trust, in->constants[s.setting ? s.setting[param] : 0].l2, sqrt(weights),
                                   sqrt(gradient) * scale);
  }
}

static __global__ void norms(gdi_gpu_slice s, gdi_gpu_clip c, const gdi_step_input *in, gdi_totals *now,
                             ring_of ring) {
  __shared__ double scale;
  __shared__ int go;
  if (!now->go) return;
  __syncthreads(); /* before it is written */
  const double sum = squared(s, 0, s.trained), statistics = squared(s, s.trained, s.segments);
  if (threadIdx.x == 0) {
    const double norm = sqrt(sum) * now->scale;
    now->grad_norm = norm;
    now->scale = scale = gdi_clipped(now->scale, norm, c.clip_norm);
    now->go = go = isfinite(norm) && isfinite(statistics);
    if (!go && !c.skip_nonfinite) now->nonfinite = 1;
    publish(now, ring);
  }
  __syncthreads();
  if (go && s.rate) local_rates(s, c, in, scale);
}

extern "C" gd_status gdi_cuda_norms(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_clip *c,
                                    const gdi_step_input *in, gdi_totals *now, gdi_totals *ring,
                                    int64_t ring_length) {
  const ring_of r = {ring, ring_length};
  return gdi_launch(d, "norms of gradients", norms, 1, GDI_THREADS, *s, *c, in, now, r);
}

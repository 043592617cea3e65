/* Batches from samples in device memory: rows picked by the order of samples, converted as data/convert.c does. */
#include "device/cuda/bf16.cuh"
#include "device/cuda/pack.cuh"

/*
 * A warp forms a piece of a row at a time, a pack of its elements per lane: a pack of the result, the larger
 * side of the traffic, is the widest store there is. Every lane finds the sample for itself.
 */
enum { LANES = 32, PACK = 4, PIECE = 4 * LANES * PACK };

typedef struct job {
  gdi_stored set;
  const gdi_batch_input *in;
  int64_t offset, rows, pieces; /* of a row */
  gdi_formed to;
  bool packed;
} job;

/* S stored, T wanted, C in which it is computed. */
template <typename S, typename T, typename C, int N>
static __device__ __forceinline__ void convert(const gdi_stored &set, const S *__restrict__ from,
                                               T *__restrict__ to, uint16_t *__restrict__ rounded, int64_t lo,
                                               int64_t hi) {
  const C *shift = (const C *)set.shift, *factor = (const C *)set.factor;
  for (int64_t i = lo + threadIdx.x % LANES * N; i < hi; i += LANES * N) {
    const gdi_pack<S, N> s = gdi_load<N>(from + i);
    gdi_pack<T, N> t;
    if (shift) {
      const gdi_pack<C, N> m = gdi_load<N>(shift + i), f = gdi_load<N>(factor + i);
      for (int k = 0; k < N; k++) t.v[k] = (T)(((C)s.v[k] - m.v[k]) * f.v[k]);
    } else {
      const C f = *factor;
      for (int k = 0; k < N; k++) t.v[k] = (T)((C)s.v[k] * f);
    }
    gdi_store<N>(to + i, t);
    if (rounded) gdi_store<N>(rounded + i, gdi_rounded(t));
  }
}

static __device__ double number_at(gd_dtype type, const void *v, int64_t i) {
  switch (type) {
  case GD_U8: return ((const uint8_t *)v)[i];
  case GD_I32: return ((const int32_t *)v)[i];
  case GD_I64: return (double)((const int64_t *)v)[i];
  case GD_F32: return (double)((const float *)v)[i];
  default: return ((const double *)v)[i];
  }
}

/* Computed in float where data/convert.c does. */
template <typename T>
static __device__ void put_field(const gdi_stored_field &f, const void *from, void *to, int64_t row) {
  const bool in_float = sizeof(T) == sizeof(float) && (f.type == GD_U8 || f.type == GD_F32);
  for (int64_t i = threadIdx.x % LANES; i < f.n; i += LANES) {
    const double v = f.index ? 0 : number_at(f.type, from, i);
    if (f.index)
      ((int64_t *)to)[row * f.n + i] = ((const int64_t *)from)[i];
    else
      ((T *)to)[row * f.n + i] = in_float ? (T)((float)v * (float)f.factor) : (T)(v * f.factor);
  }
}

/* y, and what lies behind it. */
template <typename T> static __device__ void put_targets(const job &j, int64_t sample, int64_t row) {
  const double *shift = j.set.y_shift, *factor = j.set.y_factor;
  const char *y = (const char *)j.set.y + (size_t)sample * j.set.y_row;
  for (int64_t i = threadIdx.x % LANES; !j.set.y_classes && i < j.set.y_n; i += LANES) {
    if (j.set.y_type == GD_I64) {
      ((int64_t *)j.to.y)[row * j.set.y_n + i] = ((const int64_t *)y)[i];
      continue;
    }
    if (j.set.y_type == GD_U8) {
      const uint8_t label = ((const uint8_t *)y)[i];
      ((int64_t *)j.to.y)[row * j.set.y_n + i] = label == UINT8_MAX ? -100 : label;
      continue;
    }
    const double v = ((const double *)y)[i];
    ((T *)j.to.y)[row * j.set.y_n + i] = (T)(shift ? (v - shift[i]) * factor[i] : v);
  }
  for (int64_t c = threadIdx.x % LANES; c < j.set.y_classes; c += LANES)
    ((T *)j.to.y)[row * j.set.y_classes + c] = *(const int64_t *)y == c ? 1 : 0;
  for (int f = 0; f < j.set.n_more; f++)
    put_field<T>(j.set.more[f], y + j.set.more[f].offset, j.to.more[f], row);
}

template <typename S, typename T, typename C>
static __global__ void __launch_bounds__(GDI_THREADS) form(job j) {
  const int64_t n = j.set.x_n, warps = (int64_t)gridDim.x * (GDI_THREADS / LANES);
  int64_t item = ((int64_t)blockIdx.x * GDI_THREADS + threadIdx.x) / LANES;
  for (; item < j.rows * j.pieces; item += warps) {
    const int64_t row = item / j.pieces, lo = item % j.pieces * PIECE, hi = n - lo < PIECE ? n : lo + PIECE;
    const int64_t sample = gdi_order_sample(&j.in->order, j.in->first + j.offset + row);
    const S *from =
        j.set.changes.made ? (const S *)j.set.changes.made + row * n : (const S *)j.set.x + sample * n;
    T *to = (T *)j.to.x + row * n;
    uint16_t *rounded = j.to.rounded ? j.to.rounded + row * n : NULL;
    if (j.packed)
      convert<S, T, C, PACK>(j.set, from, to, rounded, lo, hi);
    else
      convert<S, T, C, 1>(j.set, from, to, rounded, lo, hi);
    if (lo == 0) put_targets<T>(j, sample, row);
  }
}

typedef void (*form_kernel)(job);

typedef struct conversion {
  gd_dtype from, to;
  bool in_float;
  form_kernel kernel;
} conversion;

static const conversion conversions[] = {
    {GD_U8, GD_F32, true, form<uint8_t, float, float>},
    {GD_I32, GD_F32, false, form<int32_t, float, double>},
    {GD_I64, GD_F32, false, form<int64_t, float, double>},
    {GD_F32, GD_F32, true, form<float, float, float>},
    {GD_F64, GD_F32, false, form<double, float, double>},
    {GD_U8, GD_F64, false, form<uint8_t, double, double>},
    {GD_I32, GD_F64, false, form<int32_t, double, double>},
    {GD_I64, GD_F64, false, form<int64_t, double, double>},
    {GD_F32, GD_F64, false, form<float, double, double>},
    {GD_F64, GD_F64, false, form<double, double, double>},
};

static gd_status form_rows(gd_device *d, const gdi_stored *set, const gdi_batch_input *in, int64_t offset,
                           int64_t rows, const gdi_formed *to) {
  job j = {*set, in, offset, rows, (set->x_n + PIECE - 1) / PIECE, *to, false};
  if (j.pieces == 0) j.pieces = 1; /* targets of samples without features */
  j.packed =
      set->x_n % PACK == 0 &&
      gdi_packed((uintptr_t)set->x | (uintptr_t)set->changes.made | (uintptr_t)to->x |
                 (uintptr_t)to->rounded | (uintptr_t)set->shift | (set->shift ? (uintptr_t)set->factor : 0));
  for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
    const conversion *c = &conversions[i];
    if (c->from != set->x_type || c->to != to->type || c->in_float != set->in_float) continue;
    return gdi_launch(d, "form a batch", c->kernel, gdi_blocks_for(d, rows * j.pieces * LANES), GDI_THREADS,
                      j);
  }
  return GD_FAIL(GD_ERR_DTYPE, "no samples of %s become %s in %s", gd_dtype_name(set->x_type),
                 gd_dtype_name(to->type), set->in_float ? "f32" : "f64");
}

/* Each mix goes from one place to another; the last ends where the batch is to be. */
extern "C" gd_status gdi_cuda_form_batch(gd_device *d, const gdi_stored *set, const gdi_batch_input *in,
                                         int64_t offset, int64_t rows, const gdi_formed *to) {
  const gdi_changes *c = &set->changes;
  gdi_formed place[2] = {*to, *to};
  int at = 0;
  place[1].x = c->mixed_x, place[1].y = c->mixed_y, place[1].rounded = NULL;
  for (int k = 0; k < c->n; k++) at ^= c->mixes >> k & 1;
  if (c->made) GD_TRY(gdi_cuda_change_images(d, set, in, offset, rows));
  GD_TRY(form_rows(d, set, in, offset, rows, &place[at]));
  for (int k = 0; k < c->n; k++) {
    if (!(c->mixes >> k & 1)) continue;
    GD_TRY(gdi_cuda_mix(d, set, in, offset, rows, k, &place[at], &place[1 - at]));
    at = 1 - at;
  }
  gdi_cuda_made(d, to->x, rows * set->x_n, to->rounded);
  return GD_OK;
}

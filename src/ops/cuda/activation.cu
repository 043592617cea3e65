#include "ops/cuda/activation.h"

#include "device/cuda/bf16.cuh"
#include "device/cuda/math.cuh"
#include "ops/cuda/columns.cuh"

/*
 * The threads of a block are rows by columns of a panel, and go down its rows 4 at a time. A thread has one
 * column or, where rows begin at multiples of 16 bytes, as many as fit there.
 */
enum { UNROLL = 4, FORWARD_COLUMNS = 32, FORWARD_THREADS = 256 };

#define C(value) ((T)(value))
#define GDI_UNARY(name, prints, formula, derivative)                                                         \
  struct act_##name {                                                                                        \
    template <typename T> static __device__ __forceinline__ T value(T x) { return (formula); }               \
    template <typename T> static __device__ __forceinline__ T slope(T x, T y, T dy) {                        \
      (void)x, (void)y;                                                                                      \
      return (derivative);                                                                                   \
    }                                                                                                        \
  };
GDI_UNARY(none, , x, dy)
#include "ops/elementwise.def"
#undef C

/* CALL(A) for the functions A of the activation. */
#define ACTIVATION_CASE(ACT, name, keeps)                                                                    \
  case GD_ACT_##ACT:                                                                                         \
    return CALL(act_##name);
#define FOR_ACTIVATION(act)                                                                                  \
  switch (act) { GDI_ACTIVATIONS(ACTIVATION_CASE) }                                                          \
  return GD_FAIL(GD_ERR_INTERNAL, "activation %d", (int)(act))

/* ---- values of the types that meet here ---- */

static __device__ __forceinline__ void put(float *to, float x) {
  *to = x;
}
static __device__ __forceinline__ void put(double *to, double x) {
  *to = x;
}
static __device__ __forceinline__ void put(uint16_t *to, float x) {
  *to = gdi_to_bf16(x);
}
static __device__ __forceinline__ float get(float x) {
  return x;
}
static __device__ __forceinline__ double get(double x) {
  return x;
}
static __device__ __forceinline__ float get(uint16_t x) {
  return gdi_of_bf16(x);
}

/* ---- forward ---- */

template <typename A, typename T, int N>
__global__ void __launch_bounds__(FORWARD_THREADS)
    activate(T *z, const T *b, T *y, uint16_t *rounded, gdi_area s) {
  enum { ACROSS = FORWARD_COLUMNS / N, DOWN = FORWARD_THREADS / ACROSS };
  const int64_t column = blockIdx.x % s.panels * FORWARD_COLUMNS + threadIdx.x % ACROSS * N;
  const int64_t lo = blockIdx.x / s.panels * s.rows, hi = lo + s.rows < s.B ? lo + s.rows : s.B;
  if (column >= s.O) return;
  gdi_pack<T, N> bias = {};
  if (b) bias = gdi_load<N>(b + column);
  for (int64_t r = lo + threadIdx.x / ACROSS; r < hi; r += UNROLL * DOWN) {
    gdi_pack<T, N> value[UNROLL];
#pragma unroll
    for (int k = 0; k < UNROLL; k++)
      if (r + k * DOWN < hi) value[k] = gdi_load<N>(z + (r + k * DOWN) * s.O + column);
#pragma unroll
    for (int k = 0; k < UNROLL; k++) {
      const int64_t i = (r + k * DOWN) * s.O + column;
      if (r + k * DOWN >= hi) break;
      for (int c = 0; b && c < N; c++) value[k].v[c] += bias.v[c];
      if (z != y) gdi_store<N>(z + i, value[k]);
      for (int c = 0; c < N; c++) value[k].v[c] = A::value(value[k].v[c]);
      gdi_store<N>(y + i, value[k]);
      if (rounded) gdi_store<N>(rounded + i, gdi_rounded(value[k]));
    }
  }
}

/* Rows of a block, a multiple of `down`: few enough that the blocks fill the GPU. */
static gdi_area forward_area(const gd_device *d, int64_t B, int64_t O, int64_t down) {
  gdi_area s = {B, O, (O + FORWARD_COLUMNS - 1) / FORWARD_COLUMNS, down};
  const int64_t wanted = 8 * (int64_t)gdi_cuda_of(d)->processors / s.panels + 1;
  const int64_t turns = (B + wanted * down - 1) / (wanted * down);
  if (turns > 1) s.rows *= turns;
  return s;
}

template <typename T, int N>
static gd_status activate_by(gd_device *d, gd_activation act, T *z, const T *b, T *y, uint16_t *rounded,
                             int64_t B, int64_t O) {
  const gdi_area s = forward_area(d, B, O, FORWARD_THREADS / (FORWARD_COLUMNS / N));
  const int64_t blocks = s.panels * ((B + s.rows - 1) / s.rows);
#define CALL(A) gdi_launch(d, "activate", activate<A, T, N>, blocks, FORWARD_THREADS, z, b, y, rounded, s)
  FOR_ACTIVATION(act);
#undef CALL
}

template <typename T>
static gd_status activate_as(gd_device *d, gd_activation act, T *z, const T *b, T *y, uint16_t *rounded,
                             int64_t B, int64_t O) {
  return gdi_in_packs<T>(O, (uintptr_t)z | (uintptr_t)b | (uintptr_t)y | (uintptr_t)rounded)
             ? activate_by<T, gdi_wide<T>::N>(d, act, z, b, y, rounded, B, O)
             : activate_by<T, 1>(d, act, z, b, y, rounded, B, O);
}

gd_status gdi_cuda_activate(gd_device *d, gd_dtype type, gd_activation act, void *z, const void *b, void *y,
                            uint16_t *rounded, int64_t B, int64_t O) {
  if (B == 0 || O == 0) return GD_OK;
  if (type == GD_F64) return activate_as(d, act, (double *)z, (const double *)b, (double *)y, NULL, B, O);
  GD_TRY(activate_as(d, act, (float *)z, (const float *)b, (float *)y, rounded, B, O));
  gdi_cuda_made(d, y, B * O, rounded);
  return GD_OK;
}

/* ---- backward ---- */

template <typename T> static __device__ __forceinline__ void put_sum(T *to, double sum, bool add) {
  *to = (T)((add ? (double)*to : 0) + sum);
}

/* Sums of a chunk of rows go to db where it is the only one, otherwise to part [chunks,O]. */
template <typename A, typename T, typename D, typename Z, int N>
__global__ void gradient(const D *__restrict__ dy, const T *__restrict__ y, const T *__restrict__ z,
                         Z *__restrict__ dz, T *__restrict__ db, double *__restrict__ part, bool add,
                         gdi_area s) {
  enum { ACROSS = GDI_SUM_COLUMNS / N };
  const int64_t first = blockIdx.x % s.panels * GDI_SUM_COLUMNS, chunk = blockIdx.x / s.panels,
                column = first + threadIdx.x % ACROSS * N, own = first + threadIdx.x;
  const int64_t lo = chunk * s.rows, hi = lo + s.rows < s.B ? lo + s.rows : s.B;
  double sum[N] = {0}, total;
  if (column < s.O)
#pragma unroll UNROLL
    for (int64_t r = lo + threadIdx.x / ACROSS; r < hi; r += GDI_SUM_ROWS) {
      const int64_t i = r * s.O + column;
      const gdi_pack<T, N> u = gdi_load<N>(z + i), v = gdi_load<N>(y + i);
      const gdi_pack<D, N> w = gdi_load<N>(dy + i);
      gdi_pack<Z, N> out;
      for (int c = 0; c < N; c++) {
        const T value = A::slope(u.v[c], v.v[c], (T)get(w.v[c]));
        sum[c] += (double)value;
        put(&out.v[c], value);
      }
      if (dz) gdi_store<N>(dz + i, out);
    }
  if (!db || !gdi_column_totals<N, 1>(&sum, &total) || own >= s.O) return;
  if (part)
    part[chunk * s.O + own] = total;
  else
    put_sum(db + own, total, add);
}

template <typename T>
__global__ void add_chunks(const double *part, T *db, bool add, int64_t chunks, int64_t O) {
  int64_t column;
  double total;
  if (gdi_add_chunks<1>(part, chunks, O, &column, &total)) put_sum(db + column, total, add);
}

template <typename A, typename T, typename D, typename Z, int N>
static gd_status launch_gradient(gd_device *d, const gdi_activation_gradient *g, double *part, int64_t chunks,
                                 gdi_area s) {
  return gdi_launch(d, "activation_gradient", gradient<A, T, D, Z, N>, s.panels * chunks,
                    GDI_SUM_COLUMNS * GDI_SUM_ROWS / N, (const D *)g->dy, (const T *)g->y, (const T *)g->z,
                    (Z *)g->dz, (T *)g->db, part, g->add, s);
}

template <typename T, typename Z, int N>
static gd_status gradient_by(gd_device *d, const gdi_activation_gradient *g, double *part, int64_t chunks,
                             gdi_area s) {
#define CALL(A) launch_gradient<A, T, T, Z, N>(d, g, part, chunks, s)
  FOR_ACTIVATION(g->act);
#undef CALL
}

/* dz was made in bf16, by a product: db alone. */
static gd_status sum_rounded(gd_device *d, const gdi_activation_gradient *g, double *part, int64_t chunks,
                             gdi_area s) {
  enum { N = gdi_wide<float>::N };
  return gdi_in_packs<float>(s.O, (uintptr_t)g->dy)
             ? launch_gradient<act_none, float, uint16_t, float, N>(d, g, part, chunks, s)
             : launch_gradient<act_none, float, uint16_t, float, 1>(d, g, part, chunks, s);
}

template <typename T, typename Z>
static gd_status gradient_as(gd_device *d, const gdi_activation_gradient *g, double *part, int64_t chunks,
                             gdi_area s) {
  return gdi_in_packs<T>(s.O, (uintptr_t)g->dy | (uintptr_t)g->y | (uintptr_t)g->z | (uintptr_t)g->dz)
             ? gradient_by<T, Z, gdi_wide<T>::N>(d, g, part, chunks, s)
             : gradient_by<T, Z, 1>(d, g, part, chunks, s);
}

template <typename T>
static gd_status add_chunks_as(gd_device *d, const gdi_activation_gradient *g, const double *part,
                               int64_t chunks, gdi_area s) {
  return gdi_launch(d, "bias_gradient", add_chunks<T>, s.panels, GDI_SUM_COLUMNS * GDI_SUM_ROWS, part,
                    (T *)g->db, g->add, chunks, s.O);
}

gd_status gdi_cuda_activation_gradient(gd_device *d, const gdi_activation_gradient *g) {
  const gdi_area s = gdi_sum_area(g->B, g->O);
  const int64_t chunks = gdi_sum_chunks(&s);
  void *part = NULL;
  if (!g->dz && !g->db) return GD_OK;
  if (g->db && chunks > 1) GD_TRY(gdi_cuda_scratch(d, chunks * g->O, sizeof(double), &part));
  if (g->type == GD_F64)
    GD_TRY((gradient_as<double, double>(d, g, (double *)part, chunks, s)));
  else if (g->dy_type == GD_BF16)
    GD_TRY(sum_rounded(d, g, (double *)part, chunks, s));
  else if (g->dz_type == GD_BF16)
    GD_TRY((gradient_as<float, uint16_t>(d, g, (double *)part, chunks, s)));
  else
    GD_TRY((gradient_as<float, float>(d, g, (double *)part, chunks, s)));
  if (!part) return GD_OK;
  return g->type == GD_F64 ? add_chunks_as<double>(d, g, (const double *)part, chunks, s)
                           : add_chunks_as<float>(d, g, (const double *)part, chunks, s);
}

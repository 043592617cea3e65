#include "device/cuda/activation.h"

#include "device/cuda/bf16.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/math.cuh"

/*
 * The threads of a block are rows by columns of a panel, and go down its rows 4 at a time. Backward's panels
 * are narrow, still of whole 64-byte pieces: a small batch then has a row for every thread, in enough blocks.
 */
enum {
  UNROLL = 4,
  FORWARD_COLUMNS = 32,
  FORWARD_ROWS = 8,
  BACKWARD_COLUMNS = 16,
  BACKWARD_ROWS = 32,
  CHUNK_ROWS = 256, /* of the batch, at least, whose sums one block takes */
  MOST_CHUNKS = 512
};

#define C(value) ((T)(value))
#define GDI_UNARY(name, formula, derivative)                                                                 \
  struct act_##name {                                                                                        \
    template <typename T> static __device__ __forceinline__ T value(T x) {                                   \
      const T k0 = 0, k1 = 0;                                                                                \
      (void)k0, (void)k1;                                                                                    \
      return (formula);                                                                                      \
    }                                                                                                        \
    template <typename T> static __device__ __forceinline__ T slope(T x, T y, T dy) {                        \
      const T k0 = 0, k1 = 0;                                                                                \
      (void)k0, (void)k1, (void)x, (void)y;                                                                  \
      return (derivative);                                                                                   \
    }                                                                                                        \
  };
GDI_UNARY(none, x, dy)
#include "device/formulas.def"
#undef C

/* CALL(A) for the functions A of the activation. */
#define FOR_ACTIVATION(act, CALL)                                                                            \
  switch (act) {                                                                                             \
  case GD_ACT_NONE: return CALL(act_none);                                                                   \
  case GD_ACT_RELU: return CALL(act_relu);                                                                   \
  case GD_ACT_TANH: return CALL(act_tanh);                                                                   \
  case GD_ACT_SIGMOID: return CALL(act_sigmoid);                                                             \
  case GD_ACT_GELU: return CALL(act_gelu);                                                                   \
  }                                                                                                          \
  return GD_FAIL(GD_ERR_INTERNAL, "activation %d", (int)(act))

/* ---- rounding ---- */

static __device__ __forceinline__ void put(float *to, float x) {
  *to = x;
}
static __device__ __forceinline__ void put(double *to, double x) {
  *to = x;
}
static __device__ __forceinline__ void put(uint16_t *to, float x) {
  *to = gdi_to_bf16(x);
}

/* QUADS: `from` is aligned for loads of 16 bytes */
template <bool QUADS> static __device__ void round_array(const float *from, int64_t n, uint16_t *to) {
  const int64_t quads = QUADS ? n / 4 : 0;
  GDI_EACH(i, quads) {
    const float4 x = ((const float4 *)from)[i];
    ((ushort4 *)to)[i] = make_ushort4(gdi_to_bf16(x.x), gdi_to_bf16(x.y), gdi_to_bf16(x.z), gdi_to_bf16(x.w));
  }
  GDI_EACH(i, n - 4 * quads) to[4 * quads + i] = gdi_to_bf16(from[4 * quads + i]);
}

template <bool QUADS>
__global__ void round_arrays(const float *a, int64_t n_a, uint16_t *to_a, const float *b, int64_t n_b,
                             uint16_t *to_b) {
  round_array<QUADS>(a, n_a, to_a);
  round_array<QUADS>(b, n_b, to_b);
}

gd_status gdi_cuda_round(gd_device *d, const void *const from[2], const int64_t n[2], void *const to[2]) {
  const bool quads = ((uintptr_t)from[0] | (uintptr_t)from[1]) % 16 == 0;
  const int64_t blocks = gdi_blocks_for(d, quads ? (n[0] + n[1] + 3) / 4 : n[0] + n[1]);
  return gdi_launch(d, "round_to_bf16", quads ? round_arrays<true> : round_arrays<false>, blocks, GDI_THREADS,
                    (const float *)from[0], n[0], (uint16_t *)to[0], (const float *)from[1], n[1],
                    (uint16_t *)to[1]);
}

/* ---- forward ---- */

typedef struct area {
  int64_t B, O, panels, rows; /* rows: of a block */
} area;

template <typename A, typename T> __global__ void activate(T *z, const T *b, T *y, area s) {
  const int64_t column = blockIdx.x % s.panels * FORWARD_COLUMNS + threadIdx.x % FORWARD_COLUMNS;
  const int64_t lo = blockIdx.x / s.panels * s.rows, hi = lo + s.rows < s.B ? lo + s.rows : s.B;
  if (column >= s.O) return;
  const T bias = b ? b[column] : (T)0;
  for (int64_t r = lo + threadIdx.x / FORWARD_COLUMNS; r < hi; r += UNROLL * FORWARD_ROWS) {
    T value[UNROLL];
#pragma unroll
    for (int k = 0; k < UNROLL; k++)
      if (r + k * FORWARD_ROWS < hi) value[k] = z[(r + k * FORWARD_ROWS) * s.O + column];
#pragma unroll
    for (int k = 0; k < UNROLL; k++) {
      const int64_t i = (r + k * FORWARD_ROWS) * s.O + column;
      if (r + k * FORWARD_ROWS >= hi) break;
      if (b) value[k] += bias;
      if (z != y) z[i] = value[k];
      y[i] = A::value(value[k]);
    }
  }
}

/* Rows of a block: few enough that the blocks fill the GPU. */
static area forward_area(const gd_device *d, int64_t B, int64_t O) {
  area s = {B, O, (O + FORWARD_COLUMNS - 1) / FORWARD_COLUMNS, FORWARD_ROWS};
  const int64_t wanted = 8 * (int64_t)gdi_cuda_of(d)->processors / s.panels + 1;
  const int64_t turns = (B + wanted * FORWARD_ROWS - 1) / (wanted * FORWARD_ROWS);
  if (turns > 1) s.rows *= turns;
  return s;
}

template <typename T>
static gd_status activate_as(gd_device *d, gd_activation act, T *z, const T *b, T *y, int64_t B, int64_t O) {
  const area s = forward_area(d, B, O);
  const int64_t blocks = s.panels * ((B + s.rows - 1) / s.rows);
#define LAUNCH(A) gdi_launch(d, "activate", activate<A, T>, blocks, FORWARD_COLUMNS *FORWARD_ROWS, z, b, y, s)
  FOR_ACTIVATION(act, LAUNCH);
#undef LAUNCH
}

gd_status gdi_cuda_activate(gd_device *d, gd_dtype type, gd_activation act, void *z, const void *b, void *y,
                            int64_t B, int64_t O) {
  if (B == 0 || O == 0) return GD_OK;
  if (type == GD_F64) return activate_as(d, act, (double *)z, (const double *)b, (double *)y, B, O);
  return activate_as(d, act, (float *)z, (const float *)b, (float *)y, B, O);
}

/* ---- backward ---- */

/* The threads' sums of a column, added up by rows in order; true for the threads that have the total. */
static __device__ __forceinline__ bool column_total(double *sum) {
  __shared__ double of_thread[BACKWARD_COLUMNS * BACKWARD_ROWS];
  of_thread[threadIdx.x] = *sum;
  __syncthreads();
  if (threadIdx.x >= BACKWARD_COLUMNS) return false;
  for (int r = 1; r < BACKWARD_ROWS; r++) *sum += of_thread[r * BACKWARD_COLUMNS + threadIdx.x];
  return true;
}

template <typename T> static __device__ __forceinline__ void put_sum(T *to, double sum, bool add) {
  *to = (T)((add ? (double)*to : 0) + sum);
}

/* Sums of a chunk of rows go to db where it is the only one, otherwise to part [chunks,O]. */
template <typename A, typename T, typename Z>
__global__ void gradient(const T *__restrict__ dy, const T *__restrict__ y, const T *__restrict__ z,
                         Z *__restrict__ dz, T *__restrict__ db, double *__restrict__ part, bool add,
                         area s) {
  const int64_t column = blockIdx.x % s.panels * BACKWARD_COLUMNS + threadIdx.x % BACKWARD_COLUMNS,
                chunk = blockIdx.x / s.panels;
  const int64_t lo = chunk * s.rows, hi = lo + s.rows < s.B ? lo + s.rows : s.B;
  double sum = 0;
  if (column < s.O)
#pragma unroll UNROLL
    for (int64_t r = lo + threadIdx.x / BACKWARD_COLUMNS; r < hi; r += BACKWARD_ROWS) {
      const int64_t i = r * s.O + column;
      const T value = A::slope(z[i], y[i], dy[i]);
      sum += (double)value;
      if (dz) put(dz + i, value);
    }
  if (!db || !column_total(&sum) || column >= s.O) return;
  if (part)
    part[chunk * s.O + column] = sum;
  else
    put_sum(db + column, sum, add);
}

template <typename T>
__global__ void add_chunks(const double *part, T *db, bool add, int64_t chunks, int64_t O) {
  const int64_t column = (int64_t)blockIdx.x * BACKWARD_COLUMNS + threadIdx.x % BACKWARD_COLUMNS;
  double sum = 0;
  if (column < O)
    for (int64_t i = threadIdx.x / BACKWARD_COLUMNS; i < chunks; i += BACKWARD_ROWS)
      sum += part[i * O + column];
  if (column_total(&sum) && column < O) put_sum(db + column, sum, add);
}

/* Rows of a chunk follow from B alone, so that equal sums have equal bits on every GPU. */
static area backward_area(int64_t B, int64_t O) {
  const int64_t turns = (B + CHUNK_ROWS * MOST_CHUNKS - 1) / (CHUNK_ROWS * MOST_CHUNKS);
  const area s = {B, O, (O + BACKWARD_COLUMNS - 1) / BACKWARD_COLUMNS, CHUNK_ROWS * (turns > 1 ? turns : 1)};
  return s;
}

template <typename T, typename Z>
static gd_status gradient_as(gd_device *d, const gdi_activation_gradient *g, double *part, int64_t chunks,
                             area s) {
#define LAUNCH(A)                                                                                            \
  gdi_launch(d, "activation_gradient", gradient<A, T, Z>, s.panels *chunks, BACKWARD_COLUMNS *BACKWARD_ROWS, \
             (const T *)g->dy, (const T *)g->y, (const T *)g->z, (Z *)g->dz, (T *)g->db, part, g->add, s)
  FOR_ACTIVATION(g->act, LAUNCH);
#undef LAUNCH
}

template <typename T>
static gd_status add_chunks_as(gd_device *d, const gdi_activation_gradient *g, const double *part,
                               int64_t chunks, area s) {
  return gdi_launch(d, "bias_gradient", add_chunks<T>, s.panels, BACKWARD_COLUMNS * BACKWARD_ROWS, part,
                    (T *)g->db, g->add, chunks, s.O);
}

gd_status gdi_cuda_activation_gradient(gd_device *d, const gdi_activation_gradient *g) {
  const area s = backward_area(g->B, g->O);
  const int64_t chunks = g->B > 0 ? (g->B - 1) / s.rows + 1 : 1; /* one sums nothing, to 0 */
  void *part = NULL;
  if (!g->dz && !g->db) return GD_OK;
  if (g->db && chunks > 1) GD_TRY(gdi_cuda_scratch(d, chunks * g->O, sizeof(double), &part));
  if (g->type == GD_F64)
    GD_TRY((gradient_as<double, double>(d, g, (double *)part, chunks, s)));
  else if (g->dz_type == GD_BF16)
    GD_TRY((gradient_as<float, uint16_t>(d, g, (double *)part, chunks, s)));
  else
    GD_TRY((gradient_as<float, float>(d, g, (double *)part, chunks, s)));
  if (!part) return GD_OK;
  return g->type == GD_F64 ? add_chunks_as<double>(d, g, (const double *)part, chunks, s)
                           : add_chunks_as<float>(d, g, (const double *)part, chunks, s);
}

/* Sums of the columns of [B,O], and passes over it in which a thread keeps to its columns. */
#ifndef GDI_OPS_CUDA_COLUMNS_CUH
#define GDI_OPS_CUDA_COLUMNS_CUH

#include "device/cuda/pack.cuh"

/*
 * Sums are in f64. The threads of a block are rows by columns of a narrow panel, of whole 64-byte pieces: a small batch then
 * has a row for every thread, in enough blocks. A thread has one column or, where rows begin at multiples of 16 bytes,
 * as many as fit there: the sums are the same.
 */
enum {
  GDI_SUM_COLUMNS = 16,
  GDI_SUM_ROWS = 32,
  GDI_CHUNK_ROWS = 256, /* of the batch, at least, whose sums one block takes */
  GDI_MOST_CHUNKS = 512
};

typedef struct gdi_area {
  int64_t B, O, panels, rows; /* rows: of a block */
} gdi_area;

/* Rows of a chunk follow from B alone, so that equal sums have equal bits on every GPU. */
static inline gdi_area gdi_sum_area(int64_t B, int64_t O) {
  const int64_t most = GDI_CHUNK_ROWS * GDI_MOST_CHUNKS, turns = (B + most - 1) / most;
  return {B, O, (O + GDI_SUM_COLUMNS - 1) / GDI_SUM_COLUMNS, GDI_CHUNK_ROWS * (turns > 1 ? turns : 1)};
}

static inline int64_t gdi_sum_chunks(const gdi_area *s) {
  return s->B > 0 ? (s->B - 1) / s->rows + 1 : 1; /* one sums nothing, to 0 */
}

/*
 * K sums of each of the N columns that a thread has, rows of them under each other, added up by rows in order: true for
 * the first GDI_SUM_COLUMNS threads, which then have the totals of one column each.
 */
template <int N, int K>
static __device__ __forceinline__ bool gdi_column_totals(double sum[K][N], double total[K]) {
  enum { BLOCK = GDI_SUM_ROWS * GDI_SUM_COLUMNS };
  __shared__ double of_row[K * BLOCK];
  for (int k = 0; k < K; k++)
    for (int c = 0; c < N; c++) of_row[k * BLOCK + threadIdx.x * N + c] = sum[k][c];
  __syncthreads();
  if (threadIdx.x >= GDI_SUM_COLUMNS) return false;
  for (int k = 0; k < K; k++) {
    total[k] = of_row[k * BLOCK + threadIdx.x];
    for (int r = 1; r < GDI_SUM_ROWS; r++) total[k] += of_row[k * BLOCK + r * GDI_SUM_COLUMNS + threadIdx.x];
  }
  return true;
}

/*
 * K sums of each column from those of chunks, part [chunks,K,O], by blocks of GDI_SUM_ROWS rows, one for each panel: true for
 * a thread that has them.
 */
template <int K>
static __device__ __forceinline__ bool gdi_add_chunks(const double *part, int64_t chunks, int64_t O,
                                                      int64_t *column, double total[K]) {
  double sum[K][1] = {};
  *column = (int64_t)blockIdx.x * GDI_SUM_COLUMNS + threadIdx.x % GDI_SUM_COLUMNS;
  if (*column < O)
    for (int64_t i = threadIdx.x / GDI_SUM_COLUMNS; i < chunks; i += GDI_SUM_ROWS)
      for (int k = 0; k < K; k++) sum[k][0] += part[(i * K + k) * O + *column];
  return gdi_column_totals<1, K>(sum, total) && *column < O;
}

/*
 * A pass F has a struct F::columns<N>, what a thread keeps of columns c .. c + N - 1: made of (pass, c), it has
 *   add(i, sum)   elements i .. i + N - 1 into the sums [F::SUMS][N]
 *   put(i)        what there is to do with them
 */
template <int N, typename F> static __global__ void gdi_sum_columns_of(F f, double *part, gdi_area s) {
  enum { K = F::SUMS, ACROSS = GDI_SUM_COLUMNS / N };
  const int64_t first = blockIdx.x % s.panels * GDI_SUM_COLUMNS, chunk = blockIdx.x / s.panels,
                column = first + threadIdx.x % ACROSS * N, own = first + threadIdx.x;
  const int64_t lo = chunk * s.rows, hi = lo + s.rows < s.B ? lo + s.rows : s.B;
  double sum[K][N] = {}, total[K];
  if (column < s.O) {
    const typename F::template columns<N> of(f, column);
#pragma unroll 4
    for (int64_t r = lo + threadIdx.x / ACROSS; r < hi; r += GDI_SUM_ROWS) of.add(r * s.O + column, sum);
  }
  if (!gdi_column_totals<N, K>(sum, total) || own >= s.O) return;
  for (int k = 0; k < K; k++) part[(chunk * K + k) * s.O + own] = total[k];
}

template <int N, typename F> static __global__ void gdi_put_columns_of(F f, int64_t rows, int64_t O) {
  const int64_t across = O / N, thread = (int64_t)blockIdx.x * blockDim.x + threadIdx.x,
                threads = (int64_t)gridDim.x * blockDim.x / across * across;
  if (thread >= threads) return;
  const typename F::template columns<N> of(f, thread % across * N);
#pragma unroll 4
  for (int64_t i = thread; i < rows * across; i += threads) of.put(i * N);
}

/* Sums of chunks, part [chunks,F::SUMS,O]. `addresses` of the arrays of T, or-ed. */
template <typename T, typename F>
static gd_status gdi_sum_columns(gd_device *d, const char *name, const F &f, gdi_area s, uintptr_t addresses,
                                 double *part) {
  enum { N = gdi_wide<T>::N, THREADS = GDI_SUM_COLUMNS * GDI_SUM_ROWS };
  const int64_t blocks = s.panels * gdi_sum_chunks(&s);
  return gdi_in_packs<T>(s.O, addresses)
             ? gdi_launch(d, name, gdi_sum_columns_of<N, F>, blocks, THREADS / N, f, part, s)
             : gdi_launch(d, name, gdi_sum_columns_of<1, F>, blocks, THREADS, f, part, s);
}

template <int N, typename F>
static gd_status gdi_put_columns_by(gd_device *d, const char *name, const F &f, int64_t rows, int64_t O) {
  const int64_t least = (O / N + GDI_THREADS - 1) / GDI_THREADS; /* a thread for every pack of a row */
  int64_t blocks = gdi_blocks_for(d, rows * (O / N));
  if (rows > 0 && blocks < least) blocks = least;
  return gdi_launch(d, name, gdi_put_columns_of<N, F>, blocks, GDI_THREADS, f, rows, O);
}

template <typename T, typename F>
static gd_status gdi_put_columns(gd_device *d, const char *name, const F &f, int64_t rows, int64_t O,
                                 uintptr_t addresses) {
  return gdi_in_packs<T>(O, addresses) ? gdi_put_columns_by<gdi_wide<T>::N>(d, name, f, rows, O)
                                       : gdi_put_columns_by<1>(d, name, f, rows, O);
}

#endif

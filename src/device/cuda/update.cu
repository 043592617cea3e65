/*
 * Sums of gradients and the update of a slice: one kernel each over the whole slice, bound by memory. The
 * bits are those of sync/sum.c, sync/squares.c and optim/update.c.
 */
#include "device/cuda/operands.cuh"
#include "device/cuda/bf16.cuh"
#include "device/cuda/math.cuh"
#include "device/norms.h"

/* Enough blocks to fill the GPU, if there is work for them. */
static int64_t at_most_full(const gd_device *d, int64_t blocks) {
  const int64_t full = 8 * (int64_t)gdi_cuda_of(d)->processors;
  return blocks < full ? blocks : full;
}

/* ---- sums ---- */

template <typename T, bool ONE> struct summing {
  gdi_operands_of sum;
  T *to;
  template <int N> __device__ __forceinline__ int at(int64_t i) const {
    gdi_store<N>(to + i, gdi_sum_at<T, N, ONE>(sum, i));
    return 0;
  }
};

template <typename T, bool ONE> static __global__ void tree_sum(gdi_operands_of sum, gd_range r, T *to) {
  enum { N = GDI_PACK_BYTES / sizeof(T) };
  const bool packed = gdi_packed(gdi_operands_look_up(&sum) | (uintptr_t)to);
  const summing<T, ONE> body = {sum, to};
  const int64_t first = r.lo / N;
  GDI_EACH(p, (r.hi + N - 1) / N - first) gdi_some<N>(body, (first + p) * N, r, packed);
}

template <typename T>
static gd_status launch_tree_sum(gd_device *d, const gdi_gpu_sum *sum, gd_range r, char *to) {
  if (r.lo >= r.hi) return GD_OK;
  return gdi_launch(d, "sum gradients", sum->n_operands == 1 ? tree_sum<T, true> : tree_sum<T, false>,
                    gdi_blocks_for(d, (r.hi - r.lo) / (GDI_PACK_BYTES / (int64_t)sizeof(T)) + 2), GDI_THREADS,
                    gdi_operands_from(sum, NULL), r, (T *)to);
}

extern "C" gd_status gdi_cuda_tree_sum(gd_device *d, gd_dtype type, const gdi_gpu_sum *sum, gd_range elements,
                                       char *to) {
  return type == GD_F64 ? launch_tree_sum<double>(d, sum, elements, to)
                        : launch_tree_sum<float>(d, sum, elements, to);
}

/* ---- sums and their squares ---- */

/* A stretch of a segment on its way: the sums stay in `kept`; those and the parameters are put to the tiles.
 */
template <typename T, int NORMS, bool ONE> struct summing_to_tiles {
  gdi_operands_of sum;
  T *kept, *tile;
  int64_t first; /* element tile[0] */
  const T *w;
  T *w_tile; /* NORMS 2: squares of parameters too */
  template <int N> __device__ __forceinline__ int at(int64_t i) const {
    const gdi_pack<T, N> x = gdi_sum_at<T, N, ONE>(sum, i);
    gdi_store<N>(kept + i, x);
    gdi_store<N>(tile + (i - first), x);
    if (NORMS > 1) gdi_store<N>(w_tile + (i - first), gdi_load<N>(w + i));
    return 0;
  }
};

/*
 * A block of threads per segment. All of them form the sums; then a thread per lane adds up squares one
 * after the other, as the CPU does, while other blocks load.
 */
template <typename T, int NORMS, bool ONE>
static __global__ void __launch_bounds__(GDI_THREADS) sum_and_square(gdi_gpu_slice s, gdi_operands_of sum) {
  enum {
    N = GDI_PACK_BYTES / sizeof(T),
    LANES = GDI_SQUARE_LANES,
    TILE = sizeof(T) * NORMS > 8 ? GD_BLOCK / 2 : GD_BLOCK /* in the 48 KiB that every GPU has */
  };
  __shared__ gdi_pack<T, N> tile[NORMS][TILE / N];
  const int t = (int)threadIdx.x;
  const uintptr_t addresses = gdi_operands_look_up(&sum) | (uintptr_t)s.kept | (uintptr_t)s.w;
  for (int64_t g = s.own.lo + blockIdx.x; g < s.own.hi; g += gridDim.x) {
    const int64_t end = s.segment[g + 1];
    double lane = 0;
    for (int64_t at = s.segment[g]; at < end; at += TILE) {
      const gd_range r = {at, end - at < TILE ? end : at + TILE};
      const bool packed = gdi_packed(addresses | (uintptr_t)(at % N));
      const summing_to_tiles<T, NORMS, ONE> body = {sum, (T *)s.kept,    (T *)tile[0],
                                                    at,  (const T *)s.w, (T *)tile[NORMS - 1]};
      for (int64_t i = (at / N + t) * N; i < r.hi; i += GDI_THREADS * N) gdi_some<N>(body, i, r, packed);
      __syncthreads();
      if (t < LANES * NORMS)
        for (int64_t i = t % LANES; i < r.hi - r.lo; i += LANES) {
          const double v = (double)((const T *)tile[t / LANES])[i];
          lane += v * v;
        }
      __syncthreads();
    }
    if (t >= 32) continue; /* the order of gdi_squares_sum() */
    for (int k = 1; k < LANES; k *= 2) lane += __shfl_xor_sync(0xffffffffu, lane, k);
    if (t < LANES * NORMS && t % LANES == 0) s.square[g * NORMS + t / LANES] = lane;
  }
}

template <typename T>
static gd_status launch_sum_and_square(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum) {
  const bool one = sum->n_operands == 1;
  return gdi_launch(d, "square gradients",
                    s->norms > 1 ? (one ? sum_and_square<T, 2, true> : sum_and_square<T, 2, false>)
                                 : (one ? sum_and_square<T, 1, true> : sum_and_square<T, 1, false>),
                    at_most_full(d, s->own.hi - s->own.lo), GDI_THREADS, *s, gdi_operands_from(sum, NULL));
}

extern "C" gd_status gdi_cuda_sum_and_square(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum) {
  return s->dtype == GD_F64 ? launch_sum_and_square<double>(d, s, sum)
                            : launch_sum_and_square<float>(d, s, sum);
}

/* ---- updates ---- */

/* The rules: numbers of the step, and what an element has. */
#define GDI_RULE(name, states, statement)                                                                    \
  template <typename T> struct name##_rule {                                                                 \
    typedef T real;                                                                                          \
    enum { STATES = states };                                                                                \
    T rate, shrink, keep0, keep1, take0, take1, look_ahead, root, eps;                                       \
    T w, g, s0, s1, s2;                                                                                      \
    __device__ __forceinline__ void run() { statement; }                                                     \
  };
#include "device/update.def"

template <typename RULE> static __device__ __forceinline__ RULE numbers_of(const gdi_constants *c) {
  typedef typename RULE::real T;
  RULE r = {};
  r.rate = (T)c->rate, r.shrink = (T)c->shrink;
  r.keep0 = (T)c->keep[0], r.keep1 = (T)c->keep[1];
  r.take0 = (T)c->take[0], r.take1 = (T)c->take[1];
  r.look_ahead = (T)c->look_ahead, r.root = (T)c->root, r.eps = (T)c->eps;
  return r;
}

/* Not finite: NaN and the difference of infinities equal nothing. */
template <typename T> static __device__ __forceinline__ bool wild(T x) {
  return !(x - x == 0);
}

template <typename RULE, bool ONE> struct updating {
  typedef typename RULE::real T;
  RULE rule;
  gdi_operands_of sum;
  T *w, *s0, *s1, *s2; /* element 0 of the run */
  T *average;          /* the same, NULL: none, or none in this step */
  uint16_t *rounded;   /* the same, NULL: none */
  T scale, limit, l2, part;

  template <int N> __device__ __forceinline__ int at(int64_t i) const {
    gdi_pack<T, N> g = gdi_sum_at<T, N, ONE>(sum, i), p = gdi_load<N>(w + i), a = {}, b = {}, c = {};
    if (RULE::STATES > 0) a = gdi_load<N>(s0 + i);
    if (RULE::STATES > 1) b = gdi_load<N>(s1 + i);
    if (RULE::STATES > 2) c = gdi_load<N>(s2 + i);
    int bad = 0;
    for (int k = 0; k < N; k++) {
      RULE r = rule;
      r.w = p.v[k], r.g = scale * g.v[k], r.s0 = a.v[k], r.s1 = b.v[k], r.s2 = c.v[k];
      bad |= wild(r.g);
      r.g = r.g > limit ? limit : r.g; /* NaN stays NaN */
      r.g = (r.g < -limit ? -limit : r.g) + l2 * r.w;
      r.run();
      bad |= wild(r.w);
      p.v[k] = r.w, a.v[k] = r.s0, b.v[k] = r.s1, c.v[k] = r.s2;
    }
    gdi_store<N>(w + i, p);
    if (rounded) gdi_store<N>(rounded + i, gdi_rounded(p));
    if (RULE::STATES > 0) gdi_store<N>(s0 + i, a);
    if (RULE::STATES > 1) gdi_store<N>(s1 + i, b);
    if (RULE::STATES > 2) gdi_store<N>(s2 + i, c);
    if (average) {
      gdi_pack<T, N> s = gdi_load<N>(average + i);
      for (int k = 0; k < N; k++) s.v[k] = part == 1 ? p.v[k] : s.v[k] + part * (p.v[k] - s.v[k]);
      gdi_store<N>(average + i, s);
    }
    return bad;
  }
};

/*
 * A span is what a block of threads does at once. Blocks of parameters are cut into spans; with lars or groups so
 * is every segment, since its parameter has a rate or constants of its own.
 */
template <typename T> struct spans {
  enum { N = GDI_PACK_BYTES / sizeof(T), SPAN = GDI_THREADS * N, OF_A_BLOCK = GD_BLOCK / SPAN };
  static __host__ __device__ int64_t count(const gdi_gpu_slice &s) {
    if (s.rate || s.setting) return (s.own.hi - s.own.lo) * OF_A_BLOCK;
    return s.elements.lo < s.elements.hi ? (s.elements.hi - 1) / SPAN - s.elements.lo / SPAN + 1 : 0;
  }
};

/* State k where element 0 of the run is or would be. */
template <typename RULE>
static __device__ __forceinline__ typename RULE::real *state_of(const gdi_gpu_slice &s, int k) {
  return k < RULE::STATES ? (typename RULE::real *)s.state[k] - s.state_first : NULL;
}

/* The average of the parameters, in the steps that change it; of statistics it has the present ones. */
template <typename RULE>
static __device__ __forceinline__ typename RULE::real *average_of(const gdi_gpu_slice &s,
                                                                  const gdi_constants *c) {
  char *average = s.state[RULE::STATES];
  return average && (c->average != 0 || s.statistics) ? (typename RULE::real *)average - s.state_first : NULL;
}

/*
 * Teams of GDI_THREADS threads take the spans in turns: how many there are in a block, and how many blocks,
 * changes no bit.
 */
template <typename RULE, bool ONE, int TEAMS>
static __global__ void __launch_bounds__(TEAMS *GDI_THREADS)
    update(gdi_gpu_slice s, gdi_operands_of sum, const gdi_step_input *in, gdi_totals *now) {
  typedef typename RULE::real T;
  typedef spans<T> spans;
  if (!now->go) return;
  const gdi_constants *c = in->constants;
  const double samples = now->record[GDI_RECORD_SAMPLES];
  const double scale = !s.statistics ? now->scale : samples > 0 ? 1 / samples : 0;
  const uintptr_t operands = gdi_operands_look_up(&sum);
  updating<RULE, ONE> body = {numbers_of<RULE>(c),
                              sum,
                              (T *)s.w,
                              state_of<RULE>(s, 0),
                              state_of<RULE>(s, 1),
                              state_of<RULE>(s, 2),
                              average_of<RULE>(s, c),
                              s.rounded,
                              (T)scale,
                              (T)c->limit,
                              (T)c->l2,
                              (T)c->average};
  if (s.statistics) body.limit = (T)INFINITY, body.l2 = 0, body.part = 1;
  const bool packed = gdi_packed(operands | (uintptr_t)body.w | (uintptr_t)body.s0 | (uintptr_t)body.s1 |
                                 (uintptr_t)body.s2 | (uintptr_t)body.average);
  const int team = TEAMS > 1 ? (int)threadIdx.x / GDI_THREADS : 0,
            thread = (int)threadIdx.x - team * GDI_THREADS;
  int bad = 0;
  for (int64_t k = (int64_t)blockIdx.x * TEAMS + team; k < spans::count(s); k += (int64_t)gridDim.x * TEAMS) {
    gd_range r = s.elements;
    int64_t first = (r.lo / spans::SPAN + k) * spans::SPAN;
    if (s.rate || s.setting) {
      const int64_t g = s.own.lo + k / spans::OF_A_BLOCK;
      r.lo = s.segment[g], r.hi = s.segment[g + 1];
      first = r.lo / GD_BLOCK * GD_BLOCK + k % spans::OF_A_BLOCK * spans::SPAN;
      const int32_t param = s.param[g];
      if (s.statistics) {
        body.rule.rate = (T)s.rate[param];
      } else {
        const gdi_constants *own = c + (s.setting ? s.setting[param] : 0);
        body.rule = numbers_of<RULE>(own);
        body.l2 = (T)own->l2;
        if (s.rate) body.rule.take0 = (T)(own->take[0] * s.rate[param]);
      }
    }
    bad |= gdi_some<spans::N>(body, first + (int64_t)thread * spans::N, r, packed);
  }
  if (bad) atomicOr(&now->nonfinite, 1);
}

typedef void (*update_kernel)(gdi_gpu_slice, gdi_operands_of, const gdi_step_input *, gdi_totals *);

template <typename T, bool ONE, int TEAMS> static update_kernel kernel_of(gdi_rule rule) {
  static update_kernel const kernels[GDI_RULES] = {
#define GDI_RULE(name, states, statement) update<name##_rule<T>, ONE, TEAMS>,
#include "device/update.def"
  };
  return kernels[rule];
}

/*
 * A block of a large matrix product wants a multiprocessor for itself. Blocks that fill the GPU and live as
 * long as the update would let none in, so beside products there are few: large ones, since a multiprocessor
 * that has any of these threads is lost to products anyway.
 */
enum { BESIDE = 4 }; /* teams of a large block */

static int64_t blocks_beside(const gd_device *d, int64_t spans) {
  const gdi_cuda *c = gdi_cuda_of(d);
  const int64_t lent = c->processors / c->tuning.update_share, needed = (spans + BESIDE - 1) / BESIDE;
  return needed < lent ? needed : lent > 0 ? lent : 1;
}

template <typename T, int TEAMS>
static gd_status launch_update(gd_device *d, int64_t blocks, const gdi_gpu_slice *s, const gdi_gpu_sum *sum,
                               const gdi_step_input *in, gdi_totals *now) {
  const bool one = !sum || sum->n_operands == 1;
  return gdi_launch(d, "update parameters",
                    one ? kernel_of<T, true, TEAMS>(s->rule) : kernel_of<T, false, TEAMS>(s->rule), blocks,
                    TEAMS * GDI_THREADS, *s, gdi_operands_from(sum, s->kept), in, now);
}

template <typename T>
static gd_status update_slice(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum,
                              const gdi_step_input *in, gdi_totals *now) {
  const int64_t n = spans<T>::count(*s);
  if (s->beside && gdi_cuda_of(d)->tuning.update_share > 0)
    return launch_update<T, BESIDE>(d, blocks_beside(d, n), s, sum, in, now);
  return launch_update<T, 1>(d, at_most_full(d, n), s, sum, in, now);
}

extern "C" gd_status gdi_cuda_update(gd_device *d, const gdi_gpu_slice *s, const gdi_gpu_sum *sum,
                                     const gdi_step_input *in, gdi_totals *now) {
  return s->dtype == GD_F64 ? update_slice<double>(d, s, sum, in, now)
                            : update_slice<float>(d, s, sum, in, now);
}

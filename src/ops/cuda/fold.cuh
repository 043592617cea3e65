/*
 * Folding many elements into few, always in the same order: what decides it is the sizes alone, never the
 * GPU. Each result is folded by `lanes` threads of a block, each of which takes every lanes-th element; the
 * lanes are joined as a tree. Where results are few, their elements are cut into chunks, and a second pass
 * folds the results of chunks.
 *
 * A kind K of folding has
 *   K::acc                        what is carried along
 *   K::start()                    of no elements
 *   K::take(s, v, r, centre)      s with element r of a result, v, added
 *   K::join(s, t)                 of two parts
 */
#ifndef GDI_CUDA_FOLD_CUH
#define GDI_CUDA_FOLD_CUH

#include "device/cuda/places.cuh"

/* How the elements of x make up the results. */
typedef struct gdi_fold {
  gdi_places kept, folded;                    /* kept.count results of folded.count elements each */
  gdi_operand<const char> kept_at, folded_at; /* for the strides */
  bool across;                                /* neighbours in memory belong to different results */
  int lanes;                                  /* a power of 2 */
  int64_t chunk, chunks;                      /* elements of a result per chunk */
} gdi_fold;

enum { GDI_FOLD_ELEMENTS = 16, GDI_FOLD_BLOCKS = 1024, GDI_FOLD_COLUMNS = 32 };

static inline int64_t gdi_fold_tiles(const gdi_fold *f) {
  const int64_t columns = GDI_THREADS / f->lanes;
  return (f->kept.count + columns - 1) / columns;
}

/* Every lane gets some elements; lanes of different results read neighbours together; few blocks
 * become many. */
static inline void gdi_fold_share(gdi_fold *f) {
  const int64_t R = f->folded.count;
  int columns = 1;
  while (f->across && columns < GDI_FOLD_COLUMNS && columns < f->kept.extent[0]) columns *= 2;
  for (f->lanes = 1; f->lanes < GDI_THREADS / columns && f->lanes * (int64_t)GDI_FOLD_ELEMENTS < R;)
    f->lanes *= 2;
  const int64_t least = (int64_t)f->lanes * GDI_FOLD_ELEMENTS, tiles = gdi_fold_tiles(f);
  const int64_t wanted = tiles > 0 && tiles < GDI_FOLD_BLOCKS ? GDI_FOLD_BLOCKS / tiles : 1;
  f->chunk = (R + wanted - 1) / wanted;
  if (f->chunk < least) f->chunk = least;
  f->chunks = R > f->chunk ? (R + f->chunk - 1) / f->chunk : 1;
}

/* Elements of `shape`, to be folded over the dimensions in `over`, a bit each. */
static inline gdi_fold gdi_fold_of(int ndim, const int64_t shape[], uint32_t over) {
  gdi_fold f = {};
  int64_t extent[2][GD_MAX_DIMS], run = 1;
  int dims[2] = {0, 0};
  for (int i = ndim - 1; i >= 0; run *= shape[i--]) {
    const int folded = (int)(over >> i & 1);
    (folded ? f.folded_at : f.kept_at).stride[dims[folded]] = run;
    extent[folded][dims[folded]++] = shape[i];
  }
  f.kept = gdi_merge(dims[0], extent[0], f.kept_at);
  f.folded = gdi_merge(dims[1], extent[1], f.folded_at);
  f.across = f.kept.count > 1 && f.kept_at.stride[0] < f.folded_at.stride[0];
  gdi_fold_share(&f);
  return f;
}

/* ---- on the device ---- */

static inline __device__ int64_t gdi_offset(const gdi_places &p, const gdi_operand<const char> &o,
                                            int64_t n) {
  if (p.ndim == 1) return n * o.stride[0];
  int64_t index[GD_MAX_DIMS] = {0};
  gdi_locate(p, 0, n, index);
  return gdi_at(p, o, index) - o.data;
}

/* Elements lo + lane, lo + lane + lanes ... below hi of result `o`. */
template <typename K, typename X>
static inline __device__ typename K::acc gdi_fold_lane(const gdi_fold &f, const X *x, const double *centre,
                                                       int64_t o, int64_t lo, int64_t hi) {
  const X *from = x + gdi_offset(f.kept, f.kept_at, o);
  const double c = centre ? centre[o] : 0;
  typename K::acc s = K::start();
  if (f.folded.ndim == 1)
    for (int64_t r = lo; r < hi; r += f.lanes) s = K::take(s, from[r * f.folded_at.stride[0]], r, c);
  else
    for (int64_t r = lo; r < hi; r += f.lanes)
      s = K::take(s, from[gdi_offset(f.folded, f.folded_at, r)], r, c);
  return s;
}

/* write(o, chunk, s) gets what is folded of result `o`. */
template <typename K, typename X, typename W>
static __global__ void gdi_fold_blocks(gdi_fold f, const X *x, const double *centre, W write) {
  __shared__ typename K::acc part[GDI_THREADS];
  const int me = (int)threadIdx.x, columns = GDI_THREADS / f.lanes;
  const int lane = f.across ? me / columns : me % f.lanes, column = f.across ? me % columns : me / f.lanes;
  const int64_t chunk = blockIdx.x % f.chunks, o = blockIdx.x / f.chunks * columns + column;
  const int64_t lo = chunk * f.chunk, hi = lo + f.chunk < f.folded.count ? lo + f.chunk : f.folded.count;
  part[me] = o < f.kept.count ? gdi_fold_lane<K>(f, x, centre, o, lo + lane, hi) : K::start();
  for (int half = f.lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) part[me] = K::join(part[me], part[me + half * (f.across ? columns : 1)]);
  }
  if (lane == 0 && o < f.kept.count) write(o, chunk, part[me]);
}

template <typename T> struct gdi_write_part {
  T *to;
  int64_t chunks;
  __device__ void operator()(int64_t o, int64_t chunk, T s) const { to[o * chunks + chunk] = s; }
};

/* Folding parts. */
template <typename K> struct gdi_rejoin {
  typedef typename K::acc acc;
  static __device__ acc start() { return K::start(); }
  static __device__ acc take(acc s, acc v, int64_t, double) { return K::join(s, v); }
  static __device__ acc join(acc s, acc t) { return K::join(s, t); }
};

/* ---- on the host ---- */

template <typename K, typename X, typename W>
static gd_status gdi_fold_launch(gd_device *d, const gdi_fold &f, const X *x, const double *centre, W write) {
  return gdi_launch(d, "a reduction", gdi_fold_blocks<K, X, W>, gdi_fold_tiles(&f) * f.chunks, GDI_THREADS, f,
                    x, centre, write);
}

/* write(o, 0, s) for every result `o`, numbered as they lie; centre [results] or NULL. Takes scratch
 * memory. */
template <typename K, typename X, typename W>
static gd_status gdi_fold_run(gd_device *d, const gdi_fold &f, const X *x, const double *centre, W write) {
  typedef typename K::acc acc;
  if (f.chunks == 1) return gdi_fold_launch<K>(d, f, x, centre, write);
  void *parts;
  GD_TRY(gdi_cuda_scratch(d, f.kept.count * f.chunks, sizeof(acc), &parts));
  GD_TRY(gdi_fold_launch<K>(d, f, x, centre, gdi_write_part<acc>{(acc *)parts, f.chunks}));
  const int64_t shape[] = {f.kept.count, f.chunks};
  gdi_fold again = gdi_fold_of(2, shape, 1u << 1);
  again.chunk = f.chunks, again.chunks = 1; /* at most GDI_FOLD_BLOCKS: lanes are enough */
  return gdi_fold_launch<gdi_rejoin<K>>(d, again, (const acc *)parts, NULL, write);
}

#endif

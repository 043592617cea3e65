/* Samples of a batch are mixed with others of it, as data/augment/mixup.c and cutmix.c do, with their bits. */
#include "device/cuda/bf16.cuh"
#include "device/cuda/places.cuh"

typedef struct job {
  gdi_stored set;
  const gdi_batch_input *in;
  int64_t offset, rows, x_n, y_n;
  int k;
  gdi_divisor x_values, y_values; /* x_n, y_n */
} job;

/* The batch's numbers are those of its first sample. */
static __device__ __forceinline__ const gdi_change &change_of(const job &j) {
  const int64_t first = gdi_order_sample(&j.in->order, j.in->first + j.offset);
  const char *y = (const char *)j.set.y + first * j.set.y_row;
  return ((const gdi_change *)(y + j.set.changes.offset))[j.k];
}

/* Element e of rows of n, in the row of its partner. */
static __device__ __forceinline__ int64_t in_partner(const job &j, int64_t shift, gdi_divisor by, int64_t n,
                                                     int64_t e) {
  const int64_t row = gdi_quotient(by, e);
  return row + shift < j.rows ? e + shift * n : e + (shift - j.rows) * n;
}

/* Value k of an image, top, left, bottom, right. */
static __device__ __forceinline__ bool inside(const gdi_changes &c, const int64_t box[4], int64_t k) {
  const int wide = (int)c.width, pixel = (int)k / (c.planes ? 1 : (int)c.channels),
            at = c.planes ? pixel % (wide * (int)c.height) : pixel, y = at / wide, x = at - y * wide;
  return y >= box[0] && y < box[2] && x >= box[1] && x < box[3];
}

template <typename T>
static __global__ void mix(job j, const T *x, T *to_x, uint16_t *rounded, const T *y, T *to_y) {
  const gdi_change &w = change_of(j);
  const int64_t shift = gdi_mix_shift(w.word, j.rows), kind = w.kind;
  const T keep = (T)w.f[0], rest = (T)(1 - w.f[0]);
  GDI_EACH(e, j.rows * j.x_n) {
    const T own = x[e], other = x[in_partner(j, shift, j.x_values, j.x_n, e)];
    T v = own;
    if (kind == GDI_CHANGE_MIXUP) v = keep * own + rest * other;
    if (kind == GDI_CHANGE_CUTMIX && inside(j.set.changes, w.i, e - gdi_quotient(j.x_values, e) * j.x_n))
      v = other;
    to_x[e] = v;
    if (rounded) rounded[e] = gdi_to_bf16((float)v);
  }
  GDI_EACH(e, j.rows * j.y_n) {
    const T own = y[e], other = y[in_partner(j, shift, j.y_values, j.y_n, e)];
    to_y[e] = kind == GDI_CHANGE_NONE ? own : keep * own + rest * other;
  }
}

template <typename T>
static gd_status launch(gd_device *d, const job &j, const gdi_formed *from, const gdi_formed *to) {
  return gdi_launch(d, "mix a batch", mix<T>, gdi_blocks_for(d, j.rows * j.x_n), GDI_THREADS, j,
                    (const T *)from->x, (T *)to->x, to->rounded, (const T *)from->y, (T *)to->y);
}

extern "C" gd_status gdi_cuda_mix(gd_device *d, const gdi_stored *set, const gdi_batch_input *in,
                                  int64_t offset, int64_t rows, int k, const gdi_formed *from,
                                  const gdi_formed *to) {
  const int64_t y_n = set->y_classes ? set->y_classes : set->y_n;
  const job j = {*set, in, offset, rows, set->x_n, y_n, k, gdi_divisor_of(set->x_n), gdi_divisor_of(y_n)};
  return to->type == GD_F64 ? launch<double>(d, j, from, to) : launch<float>(d, j, from, to);
}

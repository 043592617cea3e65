/*
 * Images that are changed before a batch is formed of them, as data/augment has it: what was drawn comes with the samples. A
 * block has an image at work, as floats, in one of two places; its arithmetic is the CPU's, and so are its bits.
 */
#include <math.h>

#include "device/cuda/launch.cuh"
#include "device/hue.h"

typedef struct image {
  int H, W, C, n;
  bool planes; /* each channel lies by itself */
  float top;
  float *now, *next;
} image;

typedef struct place {
  int y, x, c;
} place;

static __device__ __forceinline__ int at(const image &m, int y, int x, int c) {
  return m.planes ? (c * m.H + y) * m.W + x : (y * m.W + x) * m.C + c;
}

static __device__ __forceinline__ place place_of(const image &m, int k) {
  const int wide = m.planes ? m.W : m.C, outer = k / wide, inner = k - outer * wide;
  const int high = m.planes ? m.H : m.W, outermost = outer / high, middle = outer - outermost * high;
  return m.planes ? place{middle, inner, outermost} : place{outermost, middle, inner};
}

/* Every value becomes f(place), of the values before. */
template <typename F> static __device__ __forceinline__ void make(image *m, const F &f) {
  for (int k = (int)threadIdx.x; k < m->n; k += GDI_THREADS) m->next[k] = f(place_of(*m, k));
  float *made = m->next;
  m->next = m->now, m->now = made;
  __syncthreads();
}

static __device__ __forceinline__ int mirrored(int i, int n) {
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

static __device__ void crop(image *m, const gdi_change &w) {
  const image was = *m;
  make(m, [&](place p) -> float {
    int y = p.y + (int)w.i[0], x = p.x + (int)w.i[1];
    if (w.i[2]) y = mirrored(y, was.H), x = mirrored(x, was.W);
    return y < 0 || y >= was.H || x < 0 || x >= was.W ? 0 : was.now[at(was, y, x, p.c)];
  });
}

static __device__ void flip(image *m) {
  const image was = *m;
  make(m, [&](place p) -> float { return was.now[at(was, p.y, was.W - 1 - p.x, p.c)]; });
}

static __device__ void blacken(image *m, const gdi_change &w) {
  const image was = *m;
  make(m, [&](place p) -> float {
    const bool inside = p.y >= w.i[0] && p.y < w.i[2] && p.x >= w.i[1] && p.x < w.i[3];
    return inside ? 0 : was.now[at(was, p.y, p.x, p.c)];
  });
}

/* Where pixels come from. */
typedef struct point {
  double y, x;
} point;

static __device__ __forceinline__ point turned(const image &m, const gdi_change &w, place p) {
  const double middle_y = (double)(m.H - 1) / 2, middle_x = (double)(m.W - 1) / 2;
  const double v = (double)p.y - middle_y - w.f[0], u = (double)p.x - middle_x - w.f[1];
  return {middle_y + w.f[2] * v - w.f[3] * u, middle_x + w.f[3] * v + w.f[2] * u};
}

static __device__ __forceinline__ double within(double v, int64_t first, int64_t n) {
  return fmin(fmax(v, (double)first), (double)(first + n - 1));
}

static __device__ __forceinline__ point resized(const image &m, const gdi_change &w, place p) {
  const double v = (double)w.i[0] + ((double)p.y + 0.5) * (double)w.i[2] / (double)m.H - 0.5,
               u = (double)w.i[1] + ((double)p.x + 0.5) * (double)w.i[3] / (double)m.W - 0.5;
  return {within(v, w.i[0], w.i[2]), within(u, w.i[1], w.i[3])};
}

/* Bilinear; outside all is black. */
static __device__ __forceinline__ float between(const image &m, point from, int c) {
  const double top = floor(from.y), left = floor(from.x);
  const float down = (float)(from.y - top), right = (float)(from.x - left);
  float corner[4];
  for (int k = 0; k < 4; k++) {
    const double v = top + k / 2, u = left + k % 2;
    const bool inside = v >= 0 && u >= 0 && v < (double)m.H && u < (double)m.W;
    corner[k] = inside ? m.now[at(m, (int)v, (int)u, c)] : 0;
  }
  return (corner[0] * (1 - right) + corner[1] * right) * (1 - down) +
         (corner[2] * (1 - right) + corner[3] * right) * down;
}

static __device__ void resample(image *m, const gdi_change &w) {
  const image was = *m;
  make(m, [&](place p) -> float {
    return between(was, w.kind == GDI_CHANGE_AFFINE ? turned(was, w, p) : resized(was, w, p), p.c);
  });
}

static __device__ __forceinline__ float blend(const image &m, float factor, float v, float other) {
  const float mixed = factor * v + (1 - factor) * other;
  return mixed < 0 ? 0 : mixed > m.top ? m.top : mixed;
}

static __device__ __forceinline__ float grey(const image &m, int y, int x) {
  const float *v = m.now;
  return m.C < 3 ? v[at(m, y, x, 0)]
                 : 0.299F * v[at(m, y, x, 0)] + 0.587F * v[at(m, y, x, 1)] + 0.114F * v[at(m, y, x, 2)];
}

static __device__ __forceinline__ void turn(const image &m, const gdi_change &w, int y, int x) {
  float v[3];
  for (int c = 0; c < 3; c++) v[c] = m.now[at(m, y, x, c)];
  gdi_turn_hue(v, w.f[3]);
  for (int c = 0; c < 3; c++) m.now[at(m, y, x, c)] = v[c];
}

/* Brightness, contrast about the mean grey, saturation, hue; a thread has all channels of its pixels. */
static __device__ void colour(const image &m, const gdi_change &w) {
  __shared__ double lane[GDI_CHANGE_LANES];
  const int me = (int)threadIdx.x, pixels = m.H * m.W;
  const float bright = (float)w.f[0], contrast = (float)w.f[1], saturation = (float)w.f[2];
  double sum = 0;
  for (int i = me; i < pixels; i += GDI_CHANGE_LANES) {
    const int y = i / m.W, x = i - y * m.W;
    for (int c = 0; c < m.C; c++) m.now[at(m, y, x, c)] = blend(m, bright, m.now[at(m, y, x, c)], 0);
    sum += (double)grey(m, y, x) / (double)pixels;
  }
  lane[me] = sum;
  for (int half = GDI_CHANGE_LANES / 2; half > 0; half /= 2) {
    __syncthreads();
    if (me < half) lane[me] += lane[me + half];
  }
  __syncthreads();
  const float mean = (float)lane[0];
  for (int i = me; i < pixels; i += GDI_CHANGE_LANES) {
    const int y = i / m.W, x = i - y * m.W;
    for (int c = 0; c < m.C; c++) m.now[at(m, y, x, c)] = blend(m, contrast, m.now[at(m, y, x, c)], mean);
    const float own = grey(m, y, x);
    for (int c = 0; c < m.C && m.C >= 3; c++)
      m.now[at(m, y, x, c)] = blend(m, saturation, m.now[at(m, y, x, c)], own);
    if (m.C >= 3 && w.f[3] != 0) turn(m, w, y, x);
  }
  __syncthreads(); /* before `lane` is written again, too */
}

static __device__ void change(image *m, const gdi_change &w) {
  switch (w.kind) {
  case GDI_CHANGE_CROP: crop(m, w); return;
  case GDI_CHANGE_FLIP: flip(m); return;
  case GDI_CHANGE_BLACKEN: blacken(m, w); return;
  case GDI_CHANGE_AFFINE:
  case GDI_CHANGE_RESIZE: resample(m, w); return;
  case GDI_CHANGE_COLOURS: colour(*m, w); return;
  default: return;
  }
}

static __device__ __forceinline__ void store(float v, uint8_t *to) {
  *to = (uint8_t)(v > 0 ? v < 255 ? (uint8_t)(v + 0.5F) : 255 : 0);
}
static __device__ __forceinline__ void store(float v, float *to) {
  *to = v;
}
static __device__ __forceinline__ void store(float v, double *to) {
  *to = (double)v;
}

template <typename S>
static __global__ void __launch_bounds__(GDI_THREADS)
    change_images(gdi_stored set, const gdi_batch_input *in, int64_t offset, int64_t rows) {
  const gdi_changes &all = set.changes;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const int64_t sample = gdi_order_sample(&in->order, in->first + offset + row);
    const S *x = (const S *)set.x + sample * set.x_n;
    const gdi_change *drawn = (const gdi_change *)((const char *)set.y + sample * set.y_row + all.offset);
    float *const room = all.room + blockIdx.x * 2 * set.x_n;
    image m = {(int)all.height, (int)all.width, (int)all.channels, (int)set.x_n, all.planes,
               all.top,         room,           room + set.x_n};
    for (int k = (int)threadIdx.x; k < m.n; k += GDI_THREADS) m.now[k] = (float)x[k];
    __syncthreads();
    for (int i = 0; i < all.n; i++) change(&m, drawn[i]);
    S *to = (S *)all.made + row * set.x_n;
    for (int k = (int)threadIdx.x; k < m.n; k += GDI_THREADS) store(m.now[k], to + k);
    __syncthreads();
  }
}

gd_status gdi_cuda_change_images(gd_device *d, const gdi_stored *set, const gdi_batch_input *in,
                                 int64_t offset, int64_t rows) {
  const int64_t blocks = rows < set->changes.at_once ? rows : set->changes.at_once;
  void (*const kernel)(gdi_stored, const gdi_batch_input *, int64_t, int64_t) =
      set->x_type == GD_U8    ? change_images<uint8_t>
      : set->x_type == GD_F32 ? change_images<float>
                              : change_images<double>;
  return gdi_launch(d, "augment images", kernel, blocks, GDI_THREADS, *set, in, offset, rows);
}

/*
 * Convolutions of depth: each channel of x makes o / c channels of y by itself. A product would have a row for nothing but
 * the taps of its kernel, so these are loops: they read x and y in the type of the convolution, in every precision.
 */
#include "device/cuda/conv.h"

#include "device/cuda/places.cuh"

typedef struct depth {
  gdi_conv c;
  int64_t per_channel; /* channels of y for one of x */
  gdi_divisor channels, outputs, multiple, width, height, out_width, out_height, stride[2];
} depth;

static depth depth_of(const gdi_conv *c) {
  depth p = {};
  p.c = *c, p.per_channel = c->o / c->c;
  p.channels = gdi_divisor_of(c->c), p.outputs = gdi_divisor_of(c->o);
  p.multiple = gdi_divisor_of(p.per_channel);
  p.width = gdi_divisor_of(c->in[1]), p.height = gdi_divisor_of(c->in[0]);
  p.out_width = gdi_divisor_of(c->out[1]), p.out_height = gdi_divisor_of(c->out[0]);
  for (int i = 0; i < 2; i++) p.stride[i] = gdi_divisor_of(c->stride[i]);
  return p;
}

/* n % by, and n becomes n / by. */
static __device__ __forceinline__ int64_t digit(const gdi_divisor &d, int64_t by, int64_t *n) {
  const int64_t quotient = gdi_quotient(d, *n), rest = *n - quotient * by;
  *n = quotient;
  return rest;
}

/* Where tap number k of the kernel over place `at` of y lies in x; or outside: -1. */
static __device__ __forceinline__ int64_t under(const depth &p, int axis, int64_t at, int64_t k) {
  const int64_t place = at * p.c.stride[axis] - p.c.begin[axis] + k * p.c.dilation[axis];
  return place < p.c.in[axis] ? place : -1;
}

/* The place of y whose kernel has tap number k over place `at` of x; or none: -1. */
static __device__ __forceinline__ int64_t over(const depth &p, int axis, int64_t at, int64_t k) {
  const int64_t from = at + p.c.begin[axis] - k * p.c.dilation[axis];
  if (from < 0) return -1;
  const int64_t place = gdi_quotient(p.stride[axis], from);
  return place * p.c.stride[axis] == from && place < p.c.out[axis] ? place : -1;
}

template <typename T>
__global__ void forward(const T *__restrict__ x, const T *__restrict__ w, T *__restrict__ y, bool add,
                        depth p) {
  GDI_EACH(e, p.c.n * p.c.out[0] * p.c.out[1] * p.c.o) {
    int64_t n = e;
    const int64_t o = digit(p.outputs, p.c.o, &n), j = digit(p.out_width, p.c.out[1], &n),
                  i = digit(p.out_height, p.c.out[0], &n), c = gdi_quotient(p.multiple, o);
    const T *tap = w + o * p.c.kernel[0] * p.c.kernel[1];
    T sum = 0;
    for (int64_t k = 0; k < p.c.kernel[0]; k++) {
      const int64_t row = under(p, 0, i, k);
      for (int64_t l = 0; l < p.c.kernel[1]; l++, tap++) {
        const int64_t column = under(p, 1, j, l);
        if (row >= 0 && column >= 0)
          sum += x[((n * p.c.in[0] + row) * p.c.in[1] + column) * p.c.c + c] * *tap;
      }
    }
    y[e] = add ? y[e] + sum : sum;
  }
}

template <typename T>
__global__ void data(T *__restrict__ x, const T *__restrict__ w, const T *__restrict__ y, bool add, depth p) {
  GDI_EACH(e, p.c.n * p.c.in[0] * p.c.in[1] * p.c.c) {
    int64_t n = e;
    const int64_t c = digit(p.channels, p.c.c, &n), j = digit(p.width, p.c.in[1], &n),
                  i = digit(p.height, p.c.in[0], &n), taps = p.c.kernel[0] * p.c.kernel[1];
    T sum = 0;
    for (int64_t k = 0; k < taps; k++) {
      const int64_t down = k / p.c.kernel[1], row = over(p, 0, i, down),
                    column = over(p, 1, j, k - down * p.c.kernel[1]);
      if (row < 0 || column < 0) continue;
      const T *of = y + ((n * p.c.out[0] + row) * p.c.out[1] + column) * p.c.o + c * p.per_channel,
              *tap = w + c * p.per_channel * taps + k;
      for (int64_t m = 0; m < p.per_channel; m++) sum += of[m] * tap[m * taps];
    }
    x[e] = add ? x[e] + sum : sum;
  }
}

/*
 * Gradients of weights: a block has 32 outputs for a tap and a chunk of y's pixels, its warps every 8th of them. Pixels of a
 * chunk follow from their number alone.
 */
enum { ACROSS = 32, DOWN = GDI_THREADS / ACROSS, CHUNK_PIXELS = 1024, MOST_CHUNKS = 256 };

typedef struct chunks {
  int64_t pixels, of_chunk, chunks, panels, taps;
} chunks;

static chunks chunks_of(const gdi_conv *c) {
  chunks s = {};
  s.pixels = c->n * c->out[0] * c->out[1];
  s.of_chunk = (s.pixels + MOST_CHUNKS - 1) / MOST_CHUNKS;
  if (s.of_chunk < CHUNK_PIXELS) s.of_chunk = CHUNK_PIXELS;
  s.chunks = (s.pixels + s.of_chunk - 1) / s.of_chunk;
  s.panels = (c->o + ACROSS - 1) / ACROSS;
  s.taps = gdi_conv_taps(c);
  return s;
}

/* The sum over some pixels of the product of y's output o and what lies under tap k. */
template <typename T>
static __device__ double some_pixels(const T *x, const T *y, int64_t o, int64_t k, int64_t first, int64_t end,
                                     const depth &p) {
  const int64_t c = gdi_quotient(p.multiple, o), down = k / p.c.kernel[1], across = k - down * p.c.kernel[1];
  double sum = 0;
  for (int64_t pixel = first; pixel < end; pixel += DOWN) {
    int64_t n = pixel;
    const int64_t column = under(p, 1, digit(p.out_width, p.c.out[1], &n), across),
                  row = under(p, 0, digit(p.out_height, p.c.out[0], &n), down);
    if (row >= 0 && column >= 0)
      sum +=
          (double)y[pixel * p.c.o + o] * (double)x[((n * p.c.in[0] + row) * p.c.in[1] + column) * p.c.c + c];
  }
  return sum;
}

/* part [chunks, o, taps] */
template <typename T>
__global__ void weights(const T *__restrict__ x, const T *__restrict__ y, double *__restrict__ part, depth p,
                        chunks s) {
  __shared__ double of_warp[DOWN][ACROSS];
  const int64_t k = blockIdx.x % s.taps, others = blockIdx.x / s.taps, chunk = others / s.panels;
  const int lane = (int)threadIdx.x % ACROSS, warp = (int)threadIdx.x / ACROSS;
  const int64_t o = others % s.panels * ACROSS + lane, lo = chunk * s.of_chunk,
                hi = lo + s.of_chunk < s.pixels ? lo + s.of_chunk : s.pixels;
  of_warp[warp][lane] = o < p.c.o ? some_pixels(x, y, o, k, lo + warp, hi, p) : 0;
  __syncthreads();
  if (warp > 0 || o >= p.c.o) return;
  double sum = of_warp[0][lane];
  for (int i = 1; i < DOWN; i++) sum += of_warp[i][lane];
  part[(chunk * p.c.o + o) * s.taps + k] = sum;
}

template <typename T>
__global__ void add_parts(const double *__restrict__ part, T *__restrict__ w, bool add, int64_t n,
                          int64_t parts) {
  GDI_EACH(i, n) {
    double sum = add ? (double)w[i] : 0;
    for (int64_t k = 0; k < parts; k++) sum += part[k * n + i];
    w[i] = (T)sum;
  }
}

template <typename T> static gd_status run(gd_device *d, const gdi_conv_call *v) {
  const gdi_conv *c = &v->conv;
  const depth p = depth_of(c);
  T *x = (T *)v->x, *w = (T *)v->w, *y = (T *)v->y;
  if (v->pass == GDI_CONV_FORWARD)
    return gdi_launch(d, "depthwise", forward<T>, gdi_blocks_for(d, c->n * gdi_conv_y_image(c)), GDI_THREADS,
                      x, w, y, v->add, p);
  if (v->pass == GDI_CONV_DATA)
    return gdi_launch(d, "depthwise_data", data<T>, gdi_blocks_for(d, c->n * gdi_conv_x_image(c)),
                      GDI_THREADS, x, w, y, v->add, p);
  const chunks s = chunks_of(c);
  const int64_t elements = c->o * s.taps;
  void *part;
  GD_TRY(gdi_cuda_scratch(d, s.chunks * elements, sizeof(double), &part));
  GD_TRY(gdi_launch(d, "depthwise_weights", weights<T>, s.chunks * s.panels * s.taps, GDI_THREADS, x, y,
                    (double *)part, p, s));
  return gdi_launch(d, "depthwise_sum", add_parts<T>, gdi_blocks_for(d, elements), GDI_THREADS,
                    (const double *)part, w, v->add, elements, s.chunks);
}

gd_status gdi_cuda_depthwise(gd_device *d, const gdi_conv_call *v) {
  return v->conv.type == GD_F64 ? run<double>(d, v) : run<float>(d, v);
}

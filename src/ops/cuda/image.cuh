/* Images [B,H,W,C] by packs of neighbouring channels, a thread each: neighbours in a warp are neighbours in memory. */
#ifndef GDI_OPS_CUDA_IMAGE_CUH
#define GDI_OPS_CUDA_IMAGE_CUH

#include "device/cuda/pack.cuh"
#include "device/cuda/places.cuh"

typedef struct gdi_images {
  int64_t H, W, C;
  gdi_divisor channels, columns, rows;
} gdi_images;

typedef struct gdi_pixel {
  int64_t image, row, column, channel;
} gdi_pixel;

static inline gdi_images gdi_images_of(const gd_tensor *x) {
  const int64_t H = x->shape[1], W = x->shape[2], C = x->shape[3];
  return {H, W, C, gdi_divisor_of(C), gdi_divisor_of(W), gdi_divisor_of(H)};
}

/* Where element i lies. */
static __device__ __forceinline__ gdi_pixel gdi_pixel_of(const gdi_images &s, int64_t i) {
  const int64_t pixel = gdi_quotient(s.channels, i), line = gdi_quotient(s.columns, pixel);
  const int64_t image = gdi_quotient(s.rows, line);
  return {image, line - image * s.H, pixel - line * s.W, i - pixel * s.C};
}

static __device__ __forceinline__ int64_t gdi_pixel_at(const gdi_images &s, const gdi_pixel &p) {
  return ((p.image * s.H + p.row) * s.W + p.column) * s.C + p.channel;
}

template <int N, typename F> static __global__ void gdi_image_packs(F f, int64_t packs) {
  GDI_EACH(n, packs) f.template at<N>(n * N);
}

/*
 * f.at<N>(i) for the elements i .. i + N - 1 of images, by one thread: N is 1 unless `rows` of T, several or-ed, are whole
 * packs, and arrays at `addresses`, or-ed, may be taken so.
 */
template <typename T, typename F>
static gd_status gdi_over_images(gd_device *d, const char *name, const F &f, const gd_tensor *images,
                                 int64_t rows, uintptr_t addresses) {
  enum { N = gdi_wide<T>::N };
  const int64_t n = gd_numel(images);
  return gdi_in_packs<T>(rows, addresses)
             ? gdi_launch(d, name, gdi_image_packs<N, F>, gdi_blocks_for(d, n / N), GDI_THREADS, f, n / N)
             : gdi_launch(d, name, gdi_image_packs<1, F>, gdi_blocks_for(d, n), GDI_THREADS, f, n);
}

#endif

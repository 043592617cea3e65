/* Runs of f32 in bf16. */
#include "device/cuda/bf16.cuh"

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

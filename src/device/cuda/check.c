/* What every file here stands on: errors of the run-time library, and memory of one kernel call. */
#include "device/cuda/cuda.h"

gd_status gdi_cuda_check(const gd_device *d, cudaError_t e, const char *what) {
  if (e == cudaSuccess) return GD_OK;
  (void)cudaGetLastError(); /* or the next launch would be blamed */
  return GD_FAIL(GD_ERR_GPU, "GPU %d: %s: %s (%s)", d->index, what, cudaGetErrorString(e),
                 cudaGetErrorName(e));
}

gd_status gdi_cuda_scratch(gd_device *d, int64_t n, size_t element_bytes, void **out) {
  *out = gd_arena_alloc(d->scratch, (size_t)n * element_bytes);
  return *out ? GD_OK : GD_ERR_OOM;
}

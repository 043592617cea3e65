#include "device/cuda/launch.cuh"
#include "ops/cuda/rows.cuh"
#include "ops/track.h"

/* Forward of a view has nothing to do: the output shares the values. */
gd_status gdi_cuda_track_forward(gd_device *d, gd_node *n) {
  (void)d, (void)n;
  return GD_OK;
}

template <typename T>
static __global__ void track(int64_t count, T samples, const T *r, const T *s, T *to, bool add) {
  GDI_EACH(i, count) {
    const T g = samples * (r[i] - s[i]);
    to[i] = add ? to[i] + g : g;
  }
}

template <typename T>
static gd_status contribute(gd_device *d, const gd_node *n, const gd_tensor *to, bool add) {
  const int64_t count = gd_numel(to), samples = ((const gdi_tracked *)n->params)->samples;
  return gdi_launch(d, "track a statistic", track<T>, gdi_blocks_for(d, count), GDI_THREADS, count,
                    (T)samples, (const T *)n->in[1]->data, (const T *)n->in[2]->data, (T *)to->data, add);
}

/* dx += dy;  dr += n (r - s) */
gd_status gdi_cuda_track_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                  const bool add[]) {
  const int64_t all = gd_numel(dout);
  if (din[0]) {
    const gdi_pieces p = {dout->dtype, 1, all, all, all, (char *)din[0]->data, (const char *)dout->data};
    GD_TRY(gdi_put(d, &p, add[0]));
  }
  if (!din[1]) return GD_OK;
  return n->in[1]->dtype == GD_F64 ? contribute<double>(d, n, din[1], add[1])
                                   : contribute<float>(d, n, din[1], add[1]);
}

#include "ops/cpu/cpu.h"
#include "ops/track.h"

/* Forward of a view has nothing to do: the output shares the values. */
gd_status gdi_cpu_track_forward(gd_device *d, gd_node *n) {
  (void)d, (void)n;
  return GD_OK;
}

#define CONTRIBUTE(type)                                                                                     \
  do {                                                                                                       \
    const type *r = statistic->data, *s = value->data;                                                       \
    type *to = din[1]->data;                                                                                 \
    for (int64_t i = 0; i < count; i++) {                                                                    \
      const type g = (type)samples * (r[i] - s[i]);                                                          \
      to[i] = add[1] ? to[i] + g : g;                                                                        \
    }                                                                                                        \
  } while (0)

/* dx += dy;  dr += n (r - s): few numbers, in one thread */
gd_status gdi_cpu_track_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  const gd_tensor *statistic = n->in[1], *value = n->in[2];
  const int64_t samples = ((const gdi_tracked *)n->params)->samples, count = gd_numel(statistic);
  if (din[0]) gdi_cpu_put(d, dout->dtype, gd_numel(dout), din[0]->data, dout->data, add[0]);
  if (!din[1]) return GD_OK;
  if (statistic->dtype == GD_F32)
    CONTRIBUTE(float);
  else
    CONTRIBUTE(double);
  return GD_OK;
}

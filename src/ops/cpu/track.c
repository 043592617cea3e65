#include "ops/cpu/track.h"

#include "ops/cpu/cpu.h"
#include "ops/track.h"

/* Forward of a view has nothing to do: the output shares the values. */
gd_status gdi_cpu_track_forward(gd_device *d, gd_node *n) {
  (void)d, (void)n;
  return GD_OK;
}

/* to = n (r - s), or +=: few numbers, in one thread */
#define FOLLOW(suffix, type, unused)                                                                         \
  static void follow_##suffix(const gd_tensor *statistic, const double *s, int64_t samples, gd_tensor *to,   \
                              bool add) {                                                                    \
    const type *r = statistic->data;                                                                         \
    type *g = to->data;                                                                                      \
    for (int64_t i = 0; i < gd_numel(statistic); i++) {                                                      \
      const type own = (type)samples * (r[i] - (type)s[i]);                                                  \
      g[i] = add ? g[i] + own : own;                                                                         \
    }                                                                                                        \
  }
GDI_FLOAT_TYPES(FOLLOW, )

void gdi_cpu_follow(const gd_tensor *statistic, const double *value, int64_t samples, gd_tensor *to,
                    bool add) {
  (gdi_is_f64(statistic->dtype) ? follow_f64 : follow_f32)(statistic, value, samples, to, add);
}

/* dx += dy;  dr += n (r - s) */
gd_status gdi_cpu_track_backward(gd_device *d, gd_node *n, const gd_tensor *dout, gd_tensor *const din[],
                                 const bool add[]) {
  const gd_tensor *statistic = n->in[1], *value = n->in[2];
  const int64_t samples = ((const gdi_tracked *)n->params)->samples, count = gd_numel(statistic);
  if (din[0]) gdi_cpu_put(d, dout->dtype, gd_numel(dout), din[0]->data, dout->data, add[0]);
  if (!din[1]) return GD_OK;
  const size_t mark = gd_arena_mark(d->scratch);
  void *memory;
  GD_TRY(gdi_scratch(d, count, sizeof(double), &memory));
  for (int64_t i = 0; i < count; i++) ((double *)memory)[i] = gdi_value_at(value, i);
  gdi_cpu_follow(statistic, memory, samples, din[1], add[1]);
  gd_arena_release(d->scratch, mark);
  return GD_OK;
}

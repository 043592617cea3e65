#include "ops/cuda/fold.cuh"
#include "ops/ops.h"

typedef struct best {
  double value; /* holds any f32 too */
  int64_t at;   /* -1: none yet */
} best;

/* The first largest; the first NaN counts as larger than all. Lanes hold no runs, so that `at` decides among
 * equals. */
struct first_largest {
  typedef best acc;
  static __device__ best start() { return {0, -1}; }
  static __device__ best take(best s, double v, int64_t r, double) { return join(s, {v, r}); }
  static __device__ best join(best s, best t) {
    if (s.at < 0 || t.at < 0) return s.at < 0 ? t : s;
    const bool s_nan = s.value != s.value, t_nan = t.value != t.value;
    const bool same = s.value == t.value || (s_nan && t_nan), more = t.value > s.value || (t_nan && !s_nan);
    return more || (same && t.at < s.at) ? t : s;
  }
};

struct write_index {
  int64_t *to;
  __device__ void operator()(int64_t o, int64_t, best s) const { to[o] = s.at; }
};

gd_status gdi_cuda_argmax_forward(gd_device *d, gd_node *n) {
  const gd_tensor *x = n->in[0];
  const gdi_fold f = gdi_fold_of(x->ndim, x->shape, 1u << ((const gdi_along *)n->params)->dim);
  const write_index write = {(int64_t *)n->out->data};
  const size_t mark = gd_arena_mark(d->scratch);
  gd_status st = x->dtype == GD_F64 ? gdi_fold_run<first_largest>(d, f, (const double *)x->data, NULL, write)
                                    : gdi_fold_run<first_largest>(d, f, (const float *)x->data, NULL, write);
  gd_arena_release(d->scratch, mark);
  return st;
}

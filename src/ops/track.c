/* A value that a statistic is to follow. */
#include "ops/track.h"

#include <string.h>

#include "gd/ops.h"

static gd_status shape(gd_node *n, gd_op_result *out) {
  const gd_tensor *x = n->in[0], *r = n->in[1], *s = n->in[2];
  GD_TRY(gdi_check_float(n, x));
  GD_TRY(gdi_check_float(n, r));
  GD_TRY(gdi_check_same_type(n, r, s));
  if (r->ndim != s->ndim || memcmp(r->shape, s->shape, (size_t)r->ndim * sizeof *r->shape) != 0)
    return gdi_do_not_fit(n, r, s);
  gdi_result_like(out, x);
  out->view = x->data;
  return GD_OK;
}

const gd_op gdi_op_track = {.name = "track",
                            .grad_fn = "TrackBackward",
                            .min_in = 3,
                            .max_in = 3,
                            .params_bytes = sizeof(gdi_tracked),
                            .shape = shape,
                            .kernel = GDI_KERNELS(track)};

gd_tensor *gd_track(gd_tape *t, gd_tensor *x, gd_tensor *statistic, gd_tensor *value, int64_t samples) {
  gd_tensor *in[] = {x, statistic, value ? gd_detach(t, value) : NULL};
  return gd_apply(t, &gdi_op_track, &(gdi_tracked){samples}, 3, in);
}

/* Padding, up-sampling to the nearest, sub-sampling: operations that move pixels and compute nothing. */
#include "ops/remap.h"

static gd_status shape(gd_node *n, gd_op_result *r) {
  const gdi_remap *p = n->params;
  const gd_tensor *x = n->in[0];
  int64_t out[3];
  GD_TRY(gdi_check_image(n, x));
  for (int a = 0; a < 3; a++) {
    if (p->before[a] < 0 || p->after[a] < 0)
      return GD_FAIL(GD_ERR_SHAPE, "%s: a padding of %lld and %lld", n->op->name, (long long)p->before[a],
                     (long long)p->after[a]);
    out[a] = x->shape[1 + a] + p->before[a] + p->after[a];
    if (a < 2 && p->kind == GDI_REMAP_REFLECT &&
        (p->before[a] >= x->shape[1 + a] || p->after[a] >= x->shape[1 + a]))
      return GD_FAIL(GD_ERR_SHAPE, "%s: %lld pixels cannot be reflected to a padding of %lld and %lld",
                     n->op->name, (long long)x->shape[1 + a], (long long)p->before[a],
                     (long long)p->after[a]);
    if (a < 2 && p->kind == GDI_REMAP_SCALE) {
      if (p->times[a] < 1 || p->every[a] < 1)
        return GD_FAIL(GD_ERR_SHAPE, "%s: a factor below 1", n->op->name);
      out[a] = (x->shape[1 + a] * p->times[a] - 1) / p->every[a] + 1;
    }
  }
  gdi_result_image(r, x, out, out[2]);
  return GD_OK;
}

const gd_op gdi_op_remap = {.name = "remap",
                            .grad_fn = "RemapBackward",
                            .min_in = 1,
                            .max_in = 1,
                            .params_bytes = sizeof(gdi_remap),
                            .shape = shape,
                            .kernel = GDI_KERNELS(remap)};

gd_tensor *gd_pad2d(gd_tape *t, gd_tensor *x, const int64_t before[3], const int64_t after[3], bool reflect) {
  const gdi_remap p = {.kind = reflect ? GDI_REMAP_REFLECT : GDI_REMAP_ZEROS,
                       .before = {before[0], before[1], before[2]},
                       .after = {after[0], after[1], after[2]}};
  return gd_apply(t, &gdi_op_remap, &p, 1, &x);
}

gd_tensor *gd_upsample_nearest2d(gd_tape *t, gd_tensor *x, const int64_t factor[2]) {
  const gdi_remap p = {.kind = GDI_REMAP_SCALE, .times = {factor[0], factor[1]}, .every = {1, 1}};
  return gd_apply(t, &gdi_op_remap, &p, 1, &x);
}

gd_tensor *gd_subsample2d(gd_tape *t, gd_tensor *x, const int64_t stride[2], int64_t front, int64_t back) {
  const gdi_remap p = {.kind = GDI_REMAP_SCALE,
                       .times = {1, 1},
                       .every = {stride[0], stride[1]},
                       .before = {0, 0, front},
                       .after = {0, 0, back}};
  return gd_apply(t, &gdi_op_remap, &p, 1, &x);
}

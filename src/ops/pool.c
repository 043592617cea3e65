/* Pooling: the largest value, or the mean, of windows. */
#include "ops/pool.h"

/* Else a window could lie in the padding alone. */
static gd_status check_padding(const gd_node *n, const gd_window *w) {
  for (int i = 0; i < 2; i++)
    if (w->begin[i] > w->kernel[i] / 2 || w->end[i] > w->kernel[i] / 2)
      return GD_FAIL(GD_ERR_SHAPE, "%s: a padding of %lld must be at most half of the kernel, %lld",
                     n->op->name, (long long)(w->begin[i] > w->end[i] ? w->begin[i] : w->end[i]),
                     (long long)w->kernel[i]);
  return GD_OK;
}

static gd_status shape_of_window(gd_node *n, gd_op_result *r) {
  gdi_pool *p = n->params;
  const gd_tensor *x = n->in[0];
  int64_t out[2];
  p->window = gdi_window_full(&p->window);
  GD_TRY(gdi_window_out(n->op->name, &p->window, x->shape + 1, out));
  GD_TRY(check_padding(n, &p->window));
  gdi_result_image(r, x, out, x->shape[3]);
  return GD_OK;
}

static gd_status shape_max(gd_node *n, gd_op_result *r) {
  GD_TRY(gdi_check_image(n, n->in[0]));
  return shape_of_window(n, r);
}

static gd_status shape_avg(gd_node *n, gd_op_result *r) {
  const gdi_pool *p = gdi_pool_of(n);
  GD_TRY(gdi_check_image(n, n->in[0]));
  if (!p->adaptive[0] && !p->adaptive[1]) return shape_of_window(n, r);
  if (p->adaptive[0] < 1 || p->adaptive[1] < 1)
    return GD_FAIL(GD_ERR_SHAPE, "%s: an output of %lld x %lld", n->op->name, (long long)p->adaptive[0],
                   (long long)p->adaptive[1]);
  gdi_result_image(r, n->in[0], p->adaptive, n->in[0]->shape[3]);
  return GD_OK;
}

const gd_op gdi_op_max_pool2d = {.name = "max_pool2d",
                                 .grad_fn = "MaxPool2dBackward",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .params_bytes = sizeof(gdi_pool),
                                 .shape = shape_max,
                                 .kernel = GDI_KERNELS(max_pool2d)};

const gd_op gdi_op_avg_pool2d = {.name = "avg_pool2d",
                                 .grad_fn = "AvgPool2dBackward",
                                 .min_in = 1,
                                 .max_in = 1,
                                 .params_bytes = sizeof(gdi_pool),
                                 .shape = shape_avg,
                                 .kernel = GDI_KERNELS(avg_pool2d)};

gd_tensor *gd_max_pool2d(gd_tape *t, gd_tensor *x, const gd_window *w) {
  return gd_apply(t, &gdi_op_max_pool2d, &(gdi_pool){.window = *w}, 1, &x);
}

gd_tensor *gd_avg_pool2d(gd_tape *t, gd_tensor *x, const gd_window *w, bool count_include_pad) {
  const gdi_pool p = {.window = *w, .count_include_pad = count_include_pad};
  if (w->dilation[0] > 1 || w->dilation[1] > 1)
    return gd_tape_fail(t, GD_FAIL(GD_ERR_USAGE, "avg_pool2d: windows without dilation"));
  return gd_apply(t, &gdi_op_avg_pool2d, &p, 1, &x);
}

gd_tensor *gd_adaptive_avg_pool2d(gd_tape *t, gd_tensor *x, const int64_t out[2]) {
  return gd_apply(t, &gdi_op_avg_pool2d, &(gdi_pool){.adaptive = {out[0], out[1]}}, 1, &x);
}

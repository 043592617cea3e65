/* Convolution of images and its transpose: one computation, read in two directions. */
#include "ops/conv2d.h"

#include <stdio.h>

static gd_status check_groups(const gd_node *n, int64_t channels, const char *which, int64_t groups) {
  if (groups >= 1 && channels % groups == 0) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s: %lld %s channels cannot be cut into %lld groups", n->op->name,
                 (long long)channels, which, (long long)groups);
}

/* W [O, I/groups, kH, kW], or [I, O/groups, kH, kW] of the transpose. */
static gd_status check_operands(const gd_node *n, int64_t *O) {
  const gdi_conv2d *p = n->params;
  const gd_tensor *x = n->in[0], *W = n->in[1], *b = n->in[2];
  GD_TRY(gdi_check_image(n, x));
  GD_TRY(gdi_check_same_type(n, x, W));
  if (W->ndim != 4) return gdi_do_not_fit(n, x, W);
  GD_TRY(check_groups(n, x->shape[3], "input", p->groups));
  *O = p->transposed ? W->shape[1] * p->groups : W->shape[0];
  if (*O < 1) return gdi_do_not_fit(n, x, W);
  GD_TRY(check_groups(n, *O, "output", p->groups));
  if (p->transposed ? W->shape[0] != x->shape[3] : W->shape[1] * p->groups != x->shape[3])
    return gdi_do_not_fit(n, x, W);
  if (!b) return GD_OK;
  GD_TRY(gdi_check_same_type(n, x, b));
  return b->ndim == 1 && b->shape[0] == *O ? GD_OK : gdi_do_not_fit(n, W, b);
}

static gd_status shape(gd_node *n, gd_op_result *r) {
  gdi_conv2d *p = n->params;
  const gd_tensor *x = n->in[0], *W = n->in[1];
  int64_t out[2], O = 0;
  GD_TRY(check_operands(n, &O));
  if (p->act != GD_ACT_NONE && p->act != GD_ACT_RELU)
    return GD_FAIL(GD_ERR_USAGE, "%s carries relu and no other activation", n->op->name);
  p->window.kernel[0] = W->shape[2], p->window.kernel[1] = W->shape[3];
  p->window = gdi_window_full(&p->window);
  GD_TRY(p->transposed ? gdi_window_in(n->op->name, &p->window, x->shape + 1, p->output_padding, out)
                       : gdi_window_out(n->op->name, &p->window, x->shape + 1, out));
  gdi_result_image(r, x, out, O);
  return GD_OK;
}

gdi_conv gdi_conv_of(const gd_node *n) {
  const gdi_conv2d *p = n->params;
  const gd_tensor *image = p->transposed ? n->out : n->in[0], *map = p->transposed ? n->in[0] : n->out;
  gdi_conv c = {.type = image->dtype,
                .bias = n->in[2] && !p->transposed,
                .n = image->shape[0],
                .groups = p->groups,
                .c = image->shape[3],
                .o = map->shape[3]};
  for (int i = 0; i < 2; i++) {
    c.in[i] = image->shape[1 + i], c.out[i] = map->shape[1 + i];
    c.kernel[i] = p->window.kernel[i], c.stride[i] = p->window.stride[i];
    c.dilation[i] = p->window.dilation[i];
    c.begin[i] = p->window.begin[i], c.end[i] = p->window.end[i];
  }
  return c;
}

static double flops(const gd_node *n) {
  const gdi_conv2d *p = n->params;
  const gd_tensor *W = n->in[1];
  const double each =
      (double)gd_numel(W) / (double)W->shape[0]; /* of one channel of whichever side W begins with */
  return 2 * each * (double)gd_numel(p->transposed ? n->in[0] : n->out);
}

static void describe(const gd_node *n, char *buf, size_t bytes) {
  if (((const gdi_conv2d *)n->params)->act == GD_ACT_RELU) snprintf(buf, bytes, " + relu");
}

#define RECORD(word, prints)                                                                                 \
  const gd_op gdi_op_##word = {.name = #word,                                                                \
                               .grad_fn = prints,                                                            \
                               .min_in = 2,                                                                  \
                               .max_in = 3,                                                                  \
                               .params_bytes = sizeof(gdi_conv2d),                                           \
                               .shape = shape,                                                               \
                               .kernel = GDI_KERNELS(conv2d),                                                \
                               .flops = flops,                                                               \
                               .bare = gdi_conv2d_bare,                                                      \
                               .describe = describe};
RECORD(conv2d, "Conv2dBackward")
RECORD(conv_transpose2d, "ConvTranspose2dBackward")

gd_tensor *gd_conv2d(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b, const gd_window *w, int64_t groups,
                     gd_activation act) {
  gd_tensor *in[] = {x, W, b};
  const gdi_conv2d p = {.window = *w, .groups = groups, .act = act};
  return gd_apply(t, &gdi_op_conv2d, &p, 3, in);
}

gd_tensor *gd_conv_transpose2d(gd_tape *t, gd_tensor *x, gd_tensor *W, gd_tensor *b, const gd_window *w,
                               const int64_t output_padding[2], int64_t groups) {
  gd_tensor *in[] = {x, W, b};
  const gdi_conv2d p = {.window = *w,
                        .groups = groups,
                        .output_padding = {output_padding[0], output_padding[1]},
                        .transposed = true};
  return gd_apply(t, &gdi_op_conv_transpose2d, &p, 3, in);
}

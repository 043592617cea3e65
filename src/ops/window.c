#include "ops/window.h"

gd_window gdi_window_full(const gd_window *w) {
  gd_window full = *w;
  for (int i = 0; i < 2; i++) {
    if (full.stride[i] == 0) full.stride[i] = 1;
    if (full.dilation[i] == 0) full.dilation[i] = 1;
  }
  return full;
}

/* So that no product of extents overflows. */
static bool in_range(const gd_window *w, int axis) {
  enum { MOST = 1 << 24 };
  return w->kernel[axis] >= 1 && w->kernel[axis] <= MOST && w->stride[axis] >= 1 && w->stride[axis] <= MOST &&
         w->dilation[axis] >= 1 && w->dilation[axis] <= MOST && w->begin[axis] >= 0 &&
         w->begin[axis] <= MOST && w->end[axis] >= 0 && w->end[axis] <= MOST;
}

static gd_status check(const char *who, const gd_window *w) {
  for (int i = 0; i < 2; i++)
    if (!in_range(w, i))
      return GD_FAIL(GD_ERR_SHAPE, "%s: kernel %lld, stride %lld, dilation %lld, padding %lld and %lld", who,
                     (long long)w->kernel[i], (long long)w->stride[i], (long long)w->dilation[i],
                     (long long)w->begin[i], (long long)w->end[i]);
  return GD_OK;
}

gd_status gdi_window_out(const char *who, const gd_window *w, const int64_t in[2], int64_t out[2]) {
  GD_TRY(check(who, w));
  for (int i = 0; i < 2; i++) {
    const int64_t span = w->dilation[i] * (w->kernel[i] - 1) + 1,
                  room = in[i] + w->begin[i] + w->end[i] - span;
    if (room < 0)
      return GD_FAIL(
          GD_ERR_SHAPE,
          "%s: a kernel that spans %lld does not fit into images %lld %s with padding %lld and %lld", who,
          (long long)span, (long long)in[i], i ? "wide" : "high", (long long)w->begin[i],
          (long long)w->end[i]);
    out[i] = room / w->stride[i] + 1;
    if (w->ceil_mode && room % w->stride[i] && out[i] * w->stride[i] < in[i] + w->begin[i]) out[i]++;
  }
  return GD_OK;
}

gd_status gdi_window_in(const char *who, const gd_window *w, const int64_t out[2],
                        const int64_t output_padding[2], int64_t in[2]) {
  GD_TRY(check(who, w));
  for (int i = 0; i < 2; i++) {
    const int64_t span = w->dilation[i] * (w->kernel[i] - 1) + 1;
    if (output_padding[i] < 0 || (output_padding[i] >= w->stride[i] && output_padding[i] >= w->dilation[i]))
      return GD_FAIL(GD_ERR_SHAPE, "%s: an output_padding of %lld must be below the stride or the dilation",
                     who, (long long)output_padding[i]);
    in[i] = (out[i] - 1) * w->stride[i] - w->begin[i] - w->end[i] + span + output_padding[i];
    if (in[i] < 1)
      return GD_FAIL(GD_ERR_SHAPE, "%s: a padding of %lld and %lld leaves nothing", who,
                     (long long)w->begin[i], (long long)w->end[i]);
  }
  return GD_OK;
}

gd_status gdi_check_image(const gd_node *n, const gd_tensor *x) {
  char text[GDI_SHAPE_TEXT];
  GD_TRY(gdi_check_float(n, x));
  if (x->ndim == 4 && x->shape[1] > 0 && x->shape[2] > 0 && x->shape[3] > 0) return GD_OK;
  return GD_FAIL(GD_ERR_SHAPE, "%s takes images [B,H,W,C], not %s", n->op->name,
                 gdi_shape_text(x, text, sizeof text));
}

void gdi_result_image(gd_op_result *r, const gd_tensor *x, const int64_t extent[2], int64_t channels) {
  *r = (gd_op_result){.dtype = x->dtype, .ndim = 4, .shape = {x->shape[0], extent[0], extent[1], channels}};
}

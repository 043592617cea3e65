/* As torchvision's ColorJitter, one after the other in this order. */
#include "data/augment.h"
#include "device/hue.h"

static const gd_arg args[] = {
    {"brightness", GD_ARG_REAL, "0", 0, 1, NULL, "brighter or darker by at most this part"},
    {"contrast", GD_ARG_REAL, "0", 0, 1, NULL, "further from or nearer to its mean grey"},
    {"saturation", GD_ARG_REAL, "0", 0, 1, NULL, "further from or nearer to its own grey: of colours only"},
    {"hue", GD_ARG_REAL, "0", 0, 0.5, NULL, "turned on the circle of colours by at most this part of it"},
    {0}};

static float grey(const float *v, int64_t channels) {
  return channels < 3 ? v[0] : 0.299F * v[0] + 0.587F * v[1] + 0.114F * v[2];
}

/* factor v + (1 - factor) other, kept between black and white. */
static float blend(const gdi_pixels *p, float factor, float v, float other) {
  const float mixed = factor * v + (1 - factor) * other;
  return mixed < 0 ? 0 : mixed > p->top ? p->top : mixed;
}

/* In lanes, as a block of a GPU's threads has it. */
static float mean_grey(const float *pixel, int64_t pixels, int64_t channels) {
  double lane[GDI_CHANGE_LANES] = {0};
  for (int64_t i = 0; i < pixels; i++)
    lane[i % GDI_CHANGE_LANES] += grey(pixel + i * channels, channels) / (double)pixels;
  for (int half = GDI_CHANGE_LANES / 2; half > 0; half /= 2)
    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
  return (float)lane[0];
}

/* f: brightness, contrast, saturation, hue. */
static void draw(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out) {
  (void)s;
  for (int k = 0; k < 3; k++) out->f[k] = gdi_draw(d, 1 - a[k].f, 1 + a[k].f);
  out->f[3] = gdi_draw(d, -a[3].f, a[3].f);
}

static void apply(const gdi_drawn *w, gdi_pixels *p) {
  const int64_t c = p->channels, pixels = p->height * p->width;
  const float bright = (float)w->f[0], contrast = (float)w->f[1], saturation = (float)w->f[2];
  float *pixel = gdi_pixels_compute(p);
  for (int64_t k = 0; k < pixels * c; k++) pixel[k] = blend(p, bright, pixel[k], 0);
  const float mean = mean_grey(pixel, pixels, c);
  for (int64_t i = 0; i < pixels; i++) {
    float *v = pixel + i * c;
    for (int64_t k = 0; k < c; k++) v[k] = blend(p, contrast, v[k], mean);
    const float own = grey(v, c);
    for (int64_t k = 0; k < c && c >= 3; k++) v[k] = blend(p, saturation, v[k], own);
    if (c >= 3 && w->f[3] != 0) gdi_turn_hue(v, w->f[3]);
  }
}

const gdi_augmentation gdi_augment_color_jitter = {
    .word = "color_jitter",
    .about = "brightness, contrast, saturation and hue",
    .example = "{color_jitter: {brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1}}",
    .args = args,
    .draw = draw,
    .apply = apply,
    .on_gpu = GDI_CHANGE_COLOURS};

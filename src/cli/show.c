/* gdtrain data show: what a data set looks like, as a picture. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/sheet.h"

typedef struct show {
  gd_dataset *d;
  const gd_data_info *i;
  gdi_image_shape shape;
  int64_t n, seed;
  gd_device *device;
  gd_arena *arena;
  gd_augment *augment;
  gdi_sheet sheet;
  bool masks; /* each image has a mask below it */
} show;

/* Bytes are 0 to 255; other numbers are drawn from the least to the largest of the sheet. */
static void to_levels(const show *s, float *x, int64_t n) {
  float low = x[0], high = x[0];
  for (int64_t k = 1; k < n; k++) low = x[k] < low ? x[k] : low, high = x[k] > high ? x[k] : high;
  if (s->i->x_type == GD_U8) low = 0, high = (float)(255 * s->i->x_scale);
  const float factor = high > low ? 1 / (high - low) : 0;
  for (int64_t k = 0; k < n; k++) x[k] = (x[k] - low) * factor;
}

static void draw_images(show *s, int which, const gd_batch *b) {
  const int64_t values = s->shape.height * s->shape.width * s->shape.channels;
  float *x = b->field[0].tensor->data;
  to_levels(s, x, s->n * values);
  for (int64_t k = 0; k < s->n; k++) gdi_sheet_image(&s->sheet, k, which, &s->shape, x + k * values);
}

/* One colour for each class, the first of them dark; grey where none counts. */
static void to_colours(const int64_t *label, float *rgb, int64_t n) {
  static const float colour[][3] = {{0.08F, 0.08F, 0.1F},  {0.9F, 0.33F, 0.25F},  {0.25F, 0.55F, 0.9F},
                                    {0.35F, 0.75F, 0.35F}, {0.95F, 0.77F, 0.25F}, {0.65F, 0.4F, 0.85F},
                                    {0.2F, 0.75F, 0.75F},  {0.95F, 0.55F, 0.7F}};
  static const float ignored[3] = {0.6F, 0.6F, 0.6F};
  const int64_t colours = sizeof colour / sizeof *colour;
  for (int64_t k = 0; k < n; k++)
    memcpy(rgb + 3 * k,
           label[k] < 0 ? ignored : colour[label[k] < colours ? label[k] : 1 + label[k] % (colours - 1)],
           sizeof ignored);
}

static gd_status draw_masks(show *s, int which, const gd_batch *b) {
  const gdi_image_shape shape = {s->shape.height, s->shape.width, 3, false};
  const int64_t pixels = shape.height * shape.width, *label = b->field[1].tensor->data;
  float *rgb = gd_arena_alloc(s->arena, (size_t)(3 * pixels) * sizeof *rgb);
  if (!rgb) return GD_ERR_OOM;
  for (int64_t k = 0; k < s->n; k++) {
    to_colours(label + k * pixels, rgb, pixels);
    gdi_sheet_image(&s->sheet, k, which, &shape, rgb);
  }
  return GD_OK;
}

static void draw_texts(show *s, const gd_batch *b) {
  char text[GD_MAX_CLASS_NAME];
  for (int64_t k = 0; k < s->n; k++) {
    const int64_t label = s->i->labels ? ((int64_t *)b->field[1].tensor->data)[k] : 0;
    if (!s->i->labels)
      snprintf(text, sizeof text, "%.4g", (double)((float *)b->field[1].tensor->data)[k * s->i->targets]);
    else if (label < 0)
      snprintf(text, sizeof text, "-");
    else if (s->i->class_name)
      snprintf(text, sizeof text, "%s", s->i->class_name[label]);
    else
      snprintf(text, sizeof text, "%lld", (long long)label);
    if (s->i->y_name[0]) gdi_sheet_text(&s->sheet, k, text);
  }
}

static void draw_title(show *s, const char *augment) {
  const char *slash = strrchr(s->i->path, '/');
  char title[80], below[160];
  int used = snprintf(below, sizeof below, "%lld samples of %lld x %lld", (long long)s->i->n,
                      (long long)s->shape.width, (long long)s->shape.height);
  if (s->shape.channels > 1)
    used += snprintf(below + used, sizeof below - (size_t)used, " x %lld", (long long)s->shape.channels);
  if (s->i->labels)
    used += snprintf(below + used, sizeof below - (size_t)used, ", %lld classes", (long long)s->i->classes);
  if (augment) snprintf(below + used, sizeof below - (size_t)used, "; below: %.60s", augment);
  snprintf(title, sizeof title, "%.40s", slash ? slash + 1 : s->i->path);
  gdi_sheet_title(&s->sheet, title, below);
}

/* The samples that an epoch begins with, as a run with this seed meets them; `which`: above or below. */
static gd_status draw_batch(show *s, int which, const gd_augment *augment) {
  gd_loader *loader = NULL;
  gd_batch b;
  const gd_loader_options o = {.order = gd_order_all(s->i->n, (uint64_t)s->seed),
                               .device = s->device,
                               .dtype = GD_F32,
                               .max_rows = s->n,
                               .augment = augment};
  gd_status st = gd_loader_new(&loader, s->d, &o);
  if (st == GD_OK) st = gd_loader_get(loader, 0, (gd_range){0, s->n}, &b);
  const int images = s->masks ? 2 : 1;
  if (st == GD_OK) draw_images(s, which * images, &b);
  if (st == GD_OK && s->masks) st = draw_masks(s, which * images + 1, &b);
  if (st == GD_OK && which == 0 && s->i->y_ndim == 0) draw_texts(s, &b);
  gd_loader_free(loader);
  return st;
}

static gd_status draw(show *s, const char *path, const char *augment) {
  gd_tree *list = NULL;
  GD_TRY(
      gd_dataset_open(&s->d, path, &(gd_data_options){.memory = GD_MEMORY_STREAM, .without_targets = true}));
  s->i = gd_dataset_info(s->d);
  GD_TRY(gdi_image_shape_of(&s->shape, s->i));
  if (s->n > s->i->n) s->n = s->i->n;
  GD_TRY(gd_device_open(&s->device, NULL));
  GD_TRY(gd_arena_new(&s->arena, "augment"));
  if (augment) GD_TRY(gd_tree_parse(&list, s->arena, augment, "--augment"));
  GD_TRY(gd_augment_new(&s->augment, list, s->i, (uint64_t)s->seed));
  s->masks = s->i->y_ndim == 2 && s->i->y_sample[0] == s->shape.height && s->i->y_sample[1] == s->shape.width;
  GD_TRY(gdi_sheet_new(&s->sheet, s->n, (s->augment ? 2 : 1) * (s->masks ? 2 : 1), s->shape.width,
                       s->shape.height, s->i->class_name ? s->i->classes : 0, s->i->class_name));
  GD_TRY(draw_batch(s, 0, NULL));
  if (s->augment) GD_TRY(draw_batch(s, 1, s->augment));
  draw_title(s, list ? list->text : NULL);
  return GD_OK;
}

gd_status gdi_data_show(args *a, const char *out) {
  show s = {.n = 64, .seed = 1};
  GD_TRY(gdi_args_check(a, "out n seed augment"));
  GD_TRY(gdi_args_i64(a, "n", 1, 4096, &s.n));
  GD_TRY(gdi_args_i64(a, "seed", 0, INT64_MAX, &s.seed));
  if (a->n_words != 2 || !out)
    return GD_FAIL(GD_ERR_USAGE,
                   "usage: gdtrain data show FILE --out SHEET.png [--n 64] [--augment \"crop:4 flip\"]");
  GD_TRY(gdi_args_keep_input(out, a->word[1]));
  gd_status st = draw(&s, a->word[1], gdi_args_get(a, "augment"));
  if (st == GD_OK) st = gdi_image_write_png(&s.sheet.page, out);
  free(s.sheet.page.pixel);
  gd_augment_free(s.augment);
  gd_arena_free(s.arena);
  gd_device_close(s.device);
  gd_dataset_close(s.d);
  return st;
}

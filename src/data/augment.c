#include "data/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"
#include "base/words.h"
#include "data/mix.h"
#include "device/device.h"
#include "gd/arena.h"
#include "gd/loss.h"

enum { MOST_ARGS = 8 };

typedef struct entry {
  const gdi_augmentation *kind;
  gdi_arg_value value[MOST_ARGS];
} entry;

struct gd_augment {
  gd_arena *arena; /* of the tree that words of arguments stand in */
  gdi_image_shape shape;
  gd_dtype type;
  uint64_t seed;
  bool moves_labels; /* of pixels */
  bool window;       /* the first takes its window from an encoded image as it is, before it is resized */
  int n;
  entry item[GDI_MOST_AUGMENTATIONS];
};

static const gdi_augmentation *const known[] = {
#define GD_AUGMENTATION(name) &gdi_augment_##name,
#include "data/augment.def"
#undef GD_AUGMENTATION
};
enum { KNOWN = sizeof known / sizeof *known };

/* ---- from a list of words ---- */

static gd_status find(const gdi_augmentation **out, const char *word) {
  const char *words[KNOWN + 1] = {0};
  int at;
  for (int i = 0; i < KNOWN; i++) words[i] = known[i]->word;
  GD_TRY(gdi_word_index(&at, "augmentation", word, words));
  *out = known[at];
  return GD_OK;
}

/* "flip", or {crop: 4}, or {crop: {padding: 4}} */
static gd_status add(gd_augment *a, const gd_tree *t) {
  const bool word = t->kind == GD_TREE_SCALAR, map = t->kind == GD_TREE_MAP && t->n == 1;
  if (!word && !map)
    return GD_FAIL(GD_ERR_USAGE,
                   "augment: each entry is a word, or a word with arguments: [{crop: 4}, flip]");
  if (a->n == GDI_MOST_AUGMENTATIONS)
    return GD_FAIL(GD_ERR_USAGE, "augment: more than %d entries", GDI_MOST_AUGMENTATIONS);
  entry *e = &a->item[a->n++];
  GD_TRY(find(&e->kind, word ? t->text : t->key[0]));
  GD_TRY(gdi_arguments_read(e->value, e->kind->args, e->kind->word, e->kind->example,
                            word ? NULL : t->item[0], NULL));
  return e->kind->check ? e->kind->check(e->value, &a->shape) : GD_OK;
}

/* Labels of pixels go where their pixels go. */
static gd_status check_labels(gd_augment *a, const gdi_augmentation *kind, const gd_data_info *i) {
  const gdi_image_shape *s = &a->shape;
  char of_x[GDI_SHAPE_TEXT], of_y[GDI_SHAPE_TEXT];
  if (i->y_ndim > 0 && kind->mix)
    return GD_FAIL(GD_ERR_USAGE,
                   "augment: %s mixes the classes of whole images, but %s of %s has labels of pixels",
                   kind->word, i->y_name, i->path);
  if (i->y_ndim == 0 || !kind->moves) return GD_OK;
  a->moves_labels = true;
  if (i->y_ndim == 2 && i->y_sample[0] == s->height && i->y_sample[1] == s->width) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE,
                 "augment: %s moves pixels, and labels with them: but %s of %s are %s, its images %s",
                 kind->word, i->y_name, i->path, gdi_dims_text(i->y_ndim, i->y_sample, of_y),
                 gdi_dims_text(2, (const int64_t[]){s->height, s->width}, of_x));
}

static gd_status fill(gd_augment *a, const gd_tree *list, const gd_data_info *i) {
  gd_tree *copy;
  GD_TRY(gdi_image_shape_of(&a->shape, i));
  if (a->type != GD_U8 && a->type != GD_F32 && a->type != GD_F64)
    return GD_FAIL(GD_ERR_DATA, "%s: images of bytes, f32 and f64 are augmented, not of %s", i->path,
                   gd_dtype_name(a->type));
  GD_TRY(gd_arena_new(&a->arena, "augment"));
  GD_TRY(gdi_tree_copy(&copy, a->arena, list));
  for (int k = 0; k < copy->n; k++) {
    GD_TRY(add(a, copy->item[k]));
    GD_TRY(check_labels(a, a->item[k].kind, i));
  }
  a->window = i->from_images && a->item[0].kind == &gdi_augment_resized_crop;
  return GD_OK;
}

gd_status gd_augment_new(gd_augment **out, const gd_tree *list, const gd_data_info *i, uint64_t seed) {
  *out = NULL;
  if (!list || list->n == 0) return GD_OK;
  gd_augment *a = calloc(1, sizeof *a);
  if (!a) return GD_FAIL(GD_ERR_OOM, "no memory for augmentations");
  a->type = i->x_type, a->seed = seed;
  const gd_status st = fill(a, list, i);
  if (st == GD_OK)
    *out = a;
  else
    gd_augment_free(a);
  return st;
}

void gd_augment_free(gd_augment *a) {
  if (!a) return;
  gd_arena_free(a->arena);
  free(a);
}

gd_status gd_augment_manual(FILE *f, const char *name) {
  const gdi_augmentation *k;
  if (name && strncmp(name, "--", 2) != 0) {
    GD_TRY(find(&k, name));
    fprintf(f, "%s: %s\n", k->word, k->about);
    gdi_arguments_manual(f, k->args, k->example);
    return GD_OK;
  }
  fputs("Augmentations of training images, one after the other, in one line (--augment \"crop:4 flip\")\nor "
        "in YAML "
        "(augment: [{crop: 4}, flip]); drawn by seed, epoch and sample:\n\n",
        f);
  for (int i = 0; i < KNOWN; i++) fprintf(f, "  %-14s %s\n", known[i]->word, known[i]->about);
  fputs("\ngdtrain --help-augment NAME: its arguments\n", f);
  return GD_OK;
}

/* ---- a sample ---- */

int gdi_augment_count(const gd_augment *a) {
  return a->n;
}

const gdi_augmentation *gdi_augment_kind(const gd_augment *a, int i) {
  return a->item[i].kind;
}

/* Those of entry i of the list. */
static gdi_draws draws_of(const gd_augment *a, int64_t epoch, int64_t index, int i) {
  const uint64_t key = gd_rng_u64(gd_rng_stream(a->seed, GD_RNG_AUGMENT, (uint64_t)epoch), (uint64_t)index);
  return (gdi_draws){.rng = gd_rng_stream(key, GD_RNG_AUGMENT, (uint64_t)i)};
}

bool gdi_augment_window(const gd_augment *a, int64_t epoch, int64_t index, int height, int width,
                        int64_t box[4]) {
  if (!a->window) return false;
  gdi_draws d = draws_of(a, epoch, index, 0);
  gdi_drawn w = {0};
  a->item[0].kind->draw(a->item[0].value, &d, &(gdi_image_shape){.height = height, .width = width}, &w);
  memcpy(box, w.i, sizeof w.i);
  return true;
}

void gdi_augment_draw(const gd_augment *a, int64_t epoch, int64_t index, gdi_drawn out[]) {
  for (int i = 0; i < a->n; i++) {
    gdi_draws d = draws_of(a, epoch, index, i);
    out[i] = (gdi_drawn){.nothing = !a->item[i].kind->apply || (i == 0 && a->window)};
    if (!out[i].nothing) a->item[i].kind->draw(a->item[i].value, &d, &a->shape, &out[i]);
  }
}

/* One image: room for it as it is stored, and as floats, whichever is more. */
static size_t image_bytes(const gd_augment *a) {
  const size_t stored = gd_dtype_bytes(a->type), value = stored > sizeof(float) ? stored : sizeof(float);
  return (size_t)(a->shape.height * a->shape.width * a->shape.channels) * value;
}

/* Of labels, as floats. */
static size_t mask_bytes(const gd_augment *a) {
  return a->moves_labels ? (size_t)(a->shape.height * a->shape.width) * sizeof(float) : 0;
}

size_t gdi_augment_room(const gd_augment *a) {
  return 2 * image_bytes(a) + 3 * mask_bytes(a);
}

const void *gdi_augment_sample(const gd_augment *a, int64_t epoch, int64_t index, const void *from,
                               void *room) {
  gdi_drawn w[GDI_MOST_AUGMENTATIONS];
  gdi_pixels p;
  gdi_augment_draw(a, epoch, index, w);
  gdi_pixels_begin(&p, &a->shape, a->type, from, room, (char *)room + image_bytes(a));
  for (int i = 0; i < a->n; i++)
    if (!w[i].nothing) a->item[i].kind->apply(&w[i], &p);
  return gdi_pixels_end(&p);
}

bool gdi_augment_moves_labels(const gd_augment *a) {
  return a->moves_labels;
}

/* An image of labels, counted from GD_IGNORED: then black, which comes in from outside, is what does not count. */
void gdi_augment_labels(const gd_augment *a, int64_t epoch, int64_t index, gd_dtype type, void *label,
                        void *room) {
  const gdi_image_shape shape = {a->shape.height, a->shape.width, 1, false};
  const int64_t n = shape.height * shape.width;
  float *source = (float *)(void *)((char *)room + 2 * image_bytes(a));
  gdi_drawn w[GDI_MOST_AUGMENTATIONS];
  gdi_pixels p;
  gdi_augment_draw(a, epoch, index, w);
  uint8_t *byte =
      type == GD_U8 ? label : NULL; /* 255 is GD_IGNORED, and so one more than its neighbour's 0 */
  int64_t *wide = label;
  for (int64_t k = 0; k < n; k++)
    source[k] = byte ? (float)(uint8_t)(byte[k] + 1) : (float)(wide[k] - GD_IGNORED);
  gdi_pixels_begin(&p, &shape, GD_F32, source, (char *)(source + n), (char *)(source + 2 * n));
  p.labels = true;
  for (int i = 0; i < a->n; i++)
    if (!w[i].nothing && a->item[i].kind->moves) a->item[i].kind->apply(&w[i], &p);
  const float *moved = gdi_pixels_end(&p);
  for (int64_t k = 0; k < n; k++)
    if (byte)
      byte[k] = (uint8_t)((int)moved[k] - 1);
    else
      wide[k] = (int64_t)moved[k] + GD_IGNORED;
}

/* ---- a micro-batch ---- */

bool gd_augment_mixes(const gd_augment *a) {
  for (int i = 0; a && i < a->n; i++)
    if (a->item[i].kind->mix) return true;
  return false;
}

uint64_t gdi_augment_draw_mix(const gd_augment *a, int64_t epoch, int64_t first, int i, gdi_drawn *out) {
  const uint64_t behind_samples = (uint64_t)1 << 63; /* numbers of the epoch that no sample has */
  gdi_draws d = draws_of(a, epoch, (int64_t)(behind_samples + (uint64_t)first), i);
  const uint64_t word = gd_rng_u64(d.rng, d.drawn++);
  *out = (gdi_drawn){0};
  a->item[i].kind->draw(a->item[i].value, &d, &a->shape, out);
  return word;
}

void gdi_augment_mix(const gd_augment *a, int64_t epoch, int64_t first, gdi_mixing *m) {
  const size_t width = gd_dtype_bytes(m->type);
  m->shape = &a->shape;
  for (int i = 0; i < a->n; i++) {
    gdi_drawn w;
    if (!a->item[i].kind->mix) continue;
    m->shift = gdi_mix_shift(gdi_augment_draw_mix(a, epoch, first, i, &w), m->n);
    if (w.nothing) continue;
    memcpy(m->was_x, m->x, (size_t)(m->n * m->values) * width);
    memcpy(m->was_y, m->y, (size_t)(m->n * m->targets) * width);
    a->item[i].kind->mix(&w, m);
  }
}

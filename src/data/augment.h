/*
 * Augmentation: images are changed at random before they are learned from. What is drawn depends on (seed, epoch, sample)
 * and the place in the list alone, never on ranks, threads or the order of reading.
 *
 * A kind of augmentation is a record in a file of its own below augment/ and a line of augment.def; augment/flip.c is
 * the shortest. An image comes as it is stored and leaves so: bytes stay bytes. What is drawn is kept apart from the work
 * on pixels, which a GPU may do as well.
 */
#ifndef GDI_DATA_AUGMENT_H
#define GDI_DATA_AUGMENT_H

#include "base/arguments.h"
#include "data/pixels.h"
#include "device/gpu.h"

/* The random numbers of one augmentation of one sample, one after the other. */
typedef struct gdi_draws {
  gd_rng rng;
  uint64_t drawn;
} gdi_draws;

/* Uniform on [lo, hi). */
static inline double gdi_draw(gdi_draws *d, double lo, double hi) {
  return lo + (hi - lo) * gd_rng_uniform(d->rng, d->drawn++);
}
/* Uniform on 0 .. n-1. */
static inline int64_t gdi_draw_below(gdi_draws *d, int64_t n) {
  return gd_rng_below(d->rng, d->drawn++, n);
}

typedef struct gdi_mixing gdi_mixing; /* mix.h */

typedef struct gdi_augmentation {
  const char *word, *about, *example;
  const gd_arg *args; /* values come in this order */
  /* Are they possible for such images? NULL: always. Errors: GD_ERR_USAGE */
  gd_status (*check)(const gdi_arg_value a[], const gdi_image_shape *s);
  /* One image: first the draws, then the pixels. Or all of a micro-batch at once. */
  void (*draw)(const gdi_arg_value a[], gdi_draws *d, const gdi_image_shape *s, gdi_drawn *out);
  void (*apply)(const gdi_drawn *w, gdi_pixels *p);
  bool moves; /* pixels go to other places: apply() does the same to their labels */
  void (*mix)(const gdi_drawn *w, gdi_mixing *m);
  gdi_change_kind
      on_gpu; /* what a GPU does with i and f of the draws, with the bits of apply(); 0: it cannot */
} gdi_augmentation;

#define GD_AUGMENTATION(name) extern const gdi_augmentation gdi_augment_##name;
#include "data/augment.def"
#undef GD_AUGMENTATION

/* How many there are, and which; what was drawn for sample `index` of the set in `epoch`: out [n]. */
int gdi_augment_count(const gd_augment *a);
const gdi_augmentation *gdi_augment_kind(const gd_augment *a, int i);
void gdi_augment_draw(const gd_augment *a, int64_t epoch, int64_t index, gdi_drawn out[]);

/*
 * Of an encoded image, which is larger than its sample: the window that becomes sample `index` (top, left, height, width).
 * false: the list does not begin with resized_crop.
 */
bool gdi_augment_window(const gd_augment *a, int64_t epoch, int64_t index, int height, int width,
                        int64_t box[4]);
/* Sample `index`, as it is stored: changed, in `room` or where it was. room: gdi_augment_room() bytes */
const void *gdi_augment_sample(const gd_augment *a, int64_t epoch, int64_t index, const void *from,
                               void *room);
size_t gdi_augment_room(const gd_augment *a);
/* Are there labels of pixels, which move with them? Then where they go, in place, as i64 or bytes; outside none counts. */
bool gdi_augment_moves_labels(const gd_augment *a);
void gdi_augment_labels(const gd_augment *a, int64_t epoch, int64_t index, gd_dtype type, void *label,
                        void *room);

/*
 * Can a GPU make these changes? It gets what they are of, with memory of `memory`, and for every sample what was drawn, out
 * [count]: also what is drawn for a micro-batch, as if it began at this position of the epoch.
 */
bool gdi_augment_on_gpu(const gd_augment *a, const gd_data_info *i);
gd_status gdi_augment_changes(gdi_changes *out, const gd_loader_options *o, const gd_data_info *i,
                              gd_arena *memory) GD_CHECKED;
void gdi_augment_tell(const gd_augment *a, int64_t epoch, int64_t index, int64_t position, gdi_change out[]);

/* The most there can be in a list. */
enum { GDI_MOST_AUGMENTATIONS = 32 };

#endif

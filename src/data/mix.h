/* Augmentations of pairs: the samples of a micro-batch are mixed, and what they are to be learned as. */
#ifndef GDI_DATA_MIX_H
#define GDI_DATA_MIX_H

#include "data/augment.h"

/* A micro-batch, in the model's type: every sample gets something of the one that lies `shift` behind it, as that was. */
struct gdi_mixing {
  const gdi_image_shape *shape; /* of x */
  gd_dtype type;                /* f32 or f64 */
  int64_t n, values, targets;   /* samples; numbers of one in x and in y */
  char *x, *y;                  /* [n, values], [n, targets]: classes as probabilities, or targets */
  char *was_x, *was_y;          /* before, with room for as much */
  int64_t shift;                /* drawn: a sample has another as partner, where there is one */
};

/* Beta(alpha, alpha) for alpha up to 1. */
double gdi_draw_beta(gdi_draws *d, double alpha);
/* to = keep to + (1 - keep) from, n numbers. */
void gdi_blend(gd_dtype type, char *to, const char *from, int64_t n, double keep);
/* Everybody's y keeps this part of itself. */
void gdi_mix_targets(gdi_mixing *m, double keep);
static inline int64_t gdi_mix_partner(const gdi_mixing *m, int64_t i) {
  return (i + m->shift) % m->n;
}
/* x of sample i, and of its partner as it was. */
static inline char *gdi_mix_to(const gdi_mixing *m, int64_t i) {
  return m->x + (size_t)(i * m->values) * gd_dtype_bytes(m->type);
}
static inline const char *gdi_mix_from(const gdi_mixing *m, int64_t i) {
  return m->was_x + (size_t)(gdi_mix_partner(m, i) * m->values) * gd_dtype_bytes(m->type);
}

/*
 * What was drawn for entry i of the list, which mixes, and that micro-batch; returns a random word, of which its samples make
 * the partners: gdi_mix_shift().
 */
uint64_t gdi_augment_draw_mix(const gd_augment *a, int64_t epoch, int64_t first, int i, gdi_drawn *out);
/* All that mix, one after the other, over the micro-batch that begins at position `first` of the epoch. */
void gdi_augment_mix(const gd_augment *a, int64_t epoch, int64_t first, gdi_mixing *m);

#endif

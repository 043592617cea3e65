/* Generators: a table, filled sample by sample from (seed, sample) alone. */
#ifndef GDI_DATA_GENERATE_H
#define GDI_DATA_GENERATE_H

#include "gd/data.h"

enum { GDI_GLYPH_SIDE = 28 };
/* A digit 0-9, drawn from strokes. `noise`: amplitude of the pixels' noise, 0 .. 1. */
void gdi_glyph_draw(uint8_t pixel[GDI_GLYPH_SIDE * GDI_GLYPH_SIDE], int digit, gd_rng r, double noise);

enum { GDI_SHAPE_CLASSES = 4 };
extern const char *const gdi_shape_names[GDI_SHAPE_CLASSES];
/*
 * One to three circles, squares and triangles in colours, side x side x 3; label: the class of each pixel, 0 where there is
 * none of them. `noise`: amplitude of the pixels' noise, 0 .. 1.
 */
void gdi_shapes_draw(uint8_t *pixel, int64_t *label, int64_t side, gd_rng r, double noise);

#endif

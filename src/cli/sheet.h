/* A contact sheet: images in rows and columns with a line of text below each. */
#ifndef GDI_CLI_SHEET_H
#define GDI_CLI_SHEET_H

#include "data/image.h"

typedef struct gdi_sheet {
  gdi_image page;
  int columns, zoom, width, height, text; /* of a cell's images as drawn; of its text: pixels of a dot */
  int stacked;                            /* images of a cell, one above the other */
} gdi_sheet;

/*
 * Room for n cells of `stacked` images each, under two lines of title. Small images are drawn larger, large ones are
 * thinned out. `names`: the widest of them decides how large text is. Owner: caller, free(page.pixel)
 */
gd_status gdi_sheet_new(gdi_sheet *s, int64_t n, int stacked, int64_t width, int64_t height, int64_t names,
                        char (*name)[64]) GD_CHECKED;
void gdi_sheet_title(gdi_sheet *s, const char *title, const char *below);
/* Image `which` of cell i: [height, width, channels], or planes, of 0 to 1. */
void gdi_sheet_image(gdi_sheet *s, int64_t i, int which, const gdi_image_shape *shape, const float *value);
void gdi_sheet_text(gdi_sheet *s, int64_t i, const char *text);

#endif

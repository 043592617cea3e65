#include "cli/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  MARGIN = 28,
  GAP = 14,
  LINE = 12,
  TITLE = 3,
  PAGE = 0xFFFFFF,
  FRAME = 0xD8DBE0,
  INK = 0x1F2933,
  FAINT = 0x7B8794
};
enum { SMALL = 112, LARGE = 256, COLUMNS = 8 }; /* images are drawn in pixels of about this size */

/* ---- text: 5 x 8 dots, a byte for each column, the upper dot in the lowest bit; from the blank to the tilde ---- */

static const uint8_t font[95][5] = {{0},
                                    {0, 0, 0x5F},
                                    {0, 7, 0, 7},
                                    {0x14, 0x7F, 0x14, 0x7F, 0x14},
                                    {0x24, 0x2A, 0x7F, 0x2A, 0x12},
                                    {0x23, 0x13, 8, 0x64, 0x62},
                                    {0x36, 0x49, 0x55, 0x22, 0x50},
                                    {0, 5, 3},
                                    {0, 0x1C, 0x22, 0x41},
                                    {0, 0x41, 0x22, 0x1C},
                                    {0x14, 8, 0x3E, 8, 0x14},
                                    {8, 8, 0x3E, 8, 8},
                                    {0, 0x50, 0x30},
                                    {8, 8, 8, 8, 8},
                                    {0, 0x60, 0x60},
                                    {0x20, 0x10, 8, 4, 2},
                                    {0x3E, 0x51, 0x49, 0x45, 0x3E},
                                    {0, 0x42, 0x7F, 0x40},
                                    {0x42, 0x61, 0x51, 0x49, 0x46},
                                    {0x21, 0x41, 0x45, 0x4B, 0x31},
                                    {0x18, 0x14, 0x12, 0x7F, 0x10},
                                    {0x27, 0x45, 0x45, 0x45, 0x39},
                                    {0x3C, 0x4A, 0x49, 0x49, 0x30},
                                    {1, 0x71, 9, 5, 3},
                                    {0x36, 0x49, 0x49, 0x49, 0x36},
                                    {6, 0x49, 0x49, 0x29, 0x1E},
                                    {0, 0x36, 0x36},
                                    {0, 0x56, 0x36},
                                    {8, 0x14, 0x22, 0x41},
                                    {0x14, 0x14, 0x14, 0x14, 0x14},
                                    {0, 0x41, 0x22, 0x14, 8},
                                    {2, 1, 0x51, 9, 6},
                                    {0x32, 0x49, 0x79, 0x41, 0x3E},
                                    {0x7E, 0x11, 0x11, 0x11, 0x7E},
                                    {0x7F, 0x49, 0x49, 0x49, 0x36},
                                    {0x3E, 0x41, 0x41, 0x41, 0x22},
                                    {0x7F, 0x41, 0x41, 0x22, 0x1C},
                                    {0x7F, 0x49, 0x49, 0x49, 0x41},
                                    {0x7F, 9, 9, 9, 1},
                                    {0x3E, 0x41, 0x49, 0x49, 0x7A},
                                    {0x7F, 8, 8, 8, 0x7F},
                                    {0, 0x41, 0x7F, 0x41},
                                    {0x20, 0x40, 0x41, 0x3F, 1},
                                    {0x7F, 8, 0x14, 0x22, 0x41},
                                    {0x7F, 0x40, 0x40, 0x40, 0x40},
                                    {0x7F, 2, 0xC, 2, 0x7F},
                                    {0x7F, 4, 8, 0x10, 0x7F},
                                    {0x3E, 0x41, 0x41, 0x41, 0x3E},
                                    {0x7F, 9, 9, 9, 6},
                                    {0x3E, 0x41, 0x51, 0x21, 0x5E},
                                    {0x7F, 9, 0x19, 0x29, 0x46},
                                    {0x46, 0x49, 0x49, 0x49, 0x31},
                                    {1, 1, 0x7F, 1, 1},
                                    {0x3F, 0x40, 0x40, 0x40, 0x3F},
                                    {0x1F, 0x20, 0x40, 0x20, 0x1F},
                                    {0x3F, 0x40, 0x38, 0x40, 0x3F},
                                    {0x63, 0x14, 8, 0x14, 0x63},
                                    {7, 8, 0x70, 8, 7},
                                    {0x61, 0x51, 0x49, 0x45, 0x43},
                                    {0, 0x7F, 0x41, 0x41},
                                    {2, 4, 8, 0x10, 0x20},
                                    {0, 0x41, 0x41, 0x7F},
                                    {4, 2, 1, 2, 4},
                                    {0x40, 0x40, 0x40, 0x40, 0x40},
                                    {0, 1, 2, 4},
                                    {0x20, 0x54, 0x54, 0x54, 0x78},
                                    {0x7F, 0x48, 0x44, 0x44, 0x38},
                                    {0x38, 0x44, 0x44, 0x44, 0x20},
                                    {0x38, 0x44, 0x44, 0x48, 0x7F},
                                    {0x38, 0x54, 0x54, 0x54, 0x18},
                                    {8, 0x7E, 9, 1, 2},
                                    {0x18, 0xA4, 0xA4, 0xA4, 0x7C},
                                    {0x7F, 8, 4, 4, 0x78},
                                    {0, 0x44, 0x7D, 0x40},
                                    {0x40, 0x80, 0x84, 0x7D},
                                    {0x7F, 0x10, 0x28, 0x44},
                                    {0, 0x41, 0x7F, 0x40},
                                    {0x7C, 4, 0x18, 4, 0x78},
                                    {0x7C, 8, 4, 4, 0x78},
                                    {0x38, 0x44, 0x44, 0x44, 0x38},
                                    {0xFC, 0x24, 0x24, 0x24, 0x18},
                                    {0x18, 0x24, 0x24, 0x24, 0xFC},
                                    {0x7C, 8, 4, 4, 8},
                                    {0x48, 0x54, 0x54, 0x54, 0x20},
                                    {4, 0x3F, 0x44, 0x40, 0x20},
                                    {0x3C, 0x40, 0x40, 0x20, 0x7C},
                                    {0x1C, 0x20, 0x40, 0x20, 0x1C},
                                    {0x3C, 0x40, 0x30, 0x40, 0x3C},
                                    {0x44, 0x28, 0x10, 0x28, 0x44},
                                    {0x1C, 0xA0, 0xA0, 0xA0, 0x7C},
                                    {0x44, 0x64, 0x54, 0x4C, 0x44},
                                    {0, 8, 0x36, 0x41},
                                    {0, 0, 0x7F},
                                    {0, 0x41, 0x36, 8},
                                    {0x10, 8, 8, 0x10, 8}};

/* The dots of a character, without the empty columns at its sides; a blank has 2. */
static int dots(char c, const uint8_t **from) {
  const uint8_t *glyph = font[c < ' ' || c > '~' ? '?' - ' ' : c - ' '];
  int first = 0, end = 5;
  while (first < 5 && !glyph[first]) first++;
  while (end > first && !glyph[end - 1]) end--;
  *from = glyph + (first < 5 ? first : 0);
  return first < 5 ? end - first : 2;
}

static int text_width(const char *text, int dot) {
  const uint8_t *unused;
  int width = 0;
  for (; *text; text++) width += (dots(*text, &unused) + 1) * dot;
  return width;
}

static void fill(gdi_image *page, int x, int y, int width, int height, unsigned colour) {
  for (int v = y; v < y + height && v < page->height; v++)
    for (int u = x; u < x + width && u < page->width; u++) {
      uint8_t *p = page->pixel + 3 * ((size_t)v * (size_t)page->width + (size_t)u);
      p[0] = (uint8_t)(colour >> 16), p[1] = (uint8_t)(colour >> 8), p[2] = (uint8_t)colour;
    }
}

static void write_text(gdi_image *page, int x, int y, int dot, unsigned colour, const char *text) {
  for (; *text; text++) {
    const uint8_t *column;
    const int n = dots(*text, &column);
    for (int u = 0; u < n; u++)
      for (int v = 0; v < 8; v++)
        if (column[u] >> v & 1) fill(page, x + u * dot, y + v * dot, dot, dot, colour);
    x += (n + 1) * dot;
  }
}

/* ---- the page ---- */

static int cell_height(const gdi_sheet *s) {
  return s->stacked * (s->height + GAP / 2) + LINE * s->text + GAP;
}

static int head(void) {
  return MARGIN + LINE * TITLE + LINE * 2 + GAP;
}

gd_status gdi_sheet_new(gdi_sheet *s, int64_t n, int stacked, int64_t width, int64_t height, int64_t names,
                        char (*name)[64]) {
  const int64_t larger = width > height ? width : height;
  int widest = 0;
  *s = (gdi_sheet){.zoom = (int)(larger <= SMALL  ? (SMALL + larger - 1) / larger
                                 : larger > LARGE ? -((larger + LARGE - 1) / LARGE)
                                                  : 1),
                   .stacked = stacked,
                   .columns = n < COLUMNS ? (int)n : COLUMNS};
  s->width = (int)(s->zoom > 0 ? width * s->zoom : (width - s->zoom - 1) / -s->zoom);
  s->height = (int)(s->zoom > 0 ? height * s->zoom : (height - s->zoom - 1) / -s->zoom);
  for (int64_t i = 0; i < names; i++) {
    const int w = text_width(name[i], 1);
    widest = w > widest ? w : widest;
  }
  s->text = 2 * widest <= s->width + GAP / 2 ? 2 : 1;
  const int rows = (int)((n + s->columns - 1) / s->columns);
  const int across = 2 * MARGIN + s->columns * (s->width + GAP) - GAP, least = 560;
  s->page = (gdi_image){.width = across > least ? across : least,
                        .height = head() + rows * cell_height(s) + MARGIN - GAP,
                        .channels = 3};
  s->page.pixel = malloc(3 * (size_t)s->page.width * (size_t)s->page.height);
  if (!s->page.pixel)
    return GD_FAIL(GD_ERR_OOM, "no memory for a sheet of %d x %d pixels", s->page.width, s->page.height);
  fill(&s->page, 0, 0, s->page.width, s->page.height, PAGE);
  return GD_OK;
}

void gdi_sheet_title(gdi_sheet *s, const char *title, const char *below) {
  write_text(&s->page, MARGIN, MARGIN, TITLE, INK, title);
  write_text(&s->page, MARGIN, MARGIN + LINE * TITLE, 2, FAINT, below);
}

static int left(const gdi_sheet *s, int64_t i) {
  return MARGIN + (int)(i % s->columns) * (s->width + GAP);
}

static int top(const gdi_sheet *s, int64_t i) {
  return head() + (int)(i / s->columns) * cell_height(s);
}

static unsigned level(float v) {
  return v > 0 ? v < 1 ? (unsigned)(255 * v + 0.5F) : 255 : 0; /* NaN is black */
}

static unsigned colour_at(const gdi_image_shape *h, const float *value, int64_t y, int64_t x) {
  const int64_t at = y * h->width + x, plane = h->height * h->width;
  const bool colour = h->channels >= 3;
  unsigned rgb = 0;
  for (int64_t c = 0; c < 3; c++) {
    const int64_t k = colour ? c : 0;
    rgb = rgb << 8 | level(value[h->planes ? k * plane + at : at * h->channels + k]);
  }
  return rgb;
}

void gdi_sheet_image(gdi_sheet *s, int64_t i, int which, const gdi_image_shape *shape, const float *value) {
  const int x = left(s, i), y = top(s, i) + which * (s->height + GAP / 2);
  fill(&s->page, x - 1, y - 1, s->width + 2, s->height + 2, FRAME);
  if (s->zoom < 0) {
    for (int v = 0; v < s->height; v++)
      for (int u = 0; u < s->width; u++)
        fill(&s->page, x + u, y + v, 1, 1,
             colour_at(shape, value, (int64_t)v * -s->zoom, (int64_t)u * -s->zoom));
    return;
  }
  for (int64_t v = 0; v < shape->height; v++)
    for (int64_t u = 0; u < shape->width; u++)
      fill(&s->page, x + (int)u * s->zoom, y + (int)v * s->zoom, s->zoom, s->zoom,
           colour_at(shape, value, v, u));
}

void gdi_sheet_text(gdi_sheet *s, int64_t i, const char *text) {
  char cut[64];
  snprintf(cut, sizeof cut, "%s", text);
  for (size_t n = strlen(cut); n > 2 && text_width(cut, s->text) > s->width + GAP; n--)
    strcpy(cut + n - 2, ".");
  const int x = left(s, i) + (s->width - text_width(cut, s->text) + s->text) / 2;
  write_text(&s->page, x, top(s, i) + s->stacked * (s->height + GAP / 2), s->text, INK, cut);
}

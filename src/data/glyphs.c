/*
 * Digits drawn from strokes: the points of a way of writing the digit are disturbed, mapped by a random
 * affine map and joined by smooth curves; every pixel is shaded by its distance to the nearest of them.
 */
#include <math.h>

#include "data/generate.h"

enum { SIDE = GDI_GLYPH_SIDE, MAX_POINTS = 16, WAYS = 2 };

/* Points xxyy in hundredths of a box, y downwards; | lifts the pen. */
static const char *const ways[10][WAYS] = {
    {"5000 1515 0250 1585 5099 8585 9850 8515 5000", "6000 3012 1550 2288 4899 7585 8645 8012 5202"},
    {"2822 5500 5299", "5500 4899 | 2299 7899"},
    {"0825 3002 7505 8535 5065 0599 | 0599 9599", "1020 4500 8220 6555 2095 1285 3082 6598 9590"},
    {"1012 5000 8520 7044 4048 7554 9078 5099 0888", "1202 8502 4540 8250 9078 6099 2598 0585"},
    {"6000 0565 | 0565 9566 | 7035 6870 6699", "1500 1030 1550 5052 8545 | 8500 8050 7599"},
    {"9002 2202 | 2202 1542 6038 9060 8090 4599 0890", "8505 3000 1825 3042 7050 8575 6097 3098 0885"},
    {"7502 3520 1060 2092 5599 8882 7555 4052 1472", "4000 2040 1280 4099 7595 8070 5060 1578"},
    {"0503 9203 | 9203 3599", "0812 1004 | 1004 9002 | 9002 5550 4299 | 2550 7550"},
    {"5048 1830 2505 5500 8012 7535 3060 1082 4599 8585 5048",
     "5045 1525 5000 8522 5045 | 5045 1072 5099 9075 5045"},
    {"8630 6048 2545 1220 4500 8010 8840 7575 5099", "8225 5050 1535 2505 6000 8220 | 8220 7899"},
};

typedef struct point {
  float x, y;
} point;

/* Random numbers one after the other, from one stream. */
typedef struct dice {
  gd_rng r;
  uint64_t drawn;
} dice;

static float uniform(dice *d, float lo, float hi) {
  return lo + (hi - lo) * (float)gd_rng_uniform(d->r, ++d->drawn);
}

/* About normal, cheaply: the sum of three uniforms on (-1, 1) has variance 1. */
static float bump(dice *d) {
  return uniform(d, -1, 1) + uniform(d, -1, 1) + uniform(d, -1, 1);
}

/* A pixel's square distance to the nearest stroke. */
typedef struct canvas {
  float d2[SIDE][SIDE];
  float reach; /* pixels further away than this stay blank */
} canvas;

static int pixel_at(float v) {
  return v < 0 ? 0 : v > SIDE - 1 ? SIDE - 1 : (int)v;
}

static void draw_segment(canvas *c, point a, point b) {
  float dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy + 1e-9f;
  int x0 = pixel_at(fminf(a.x, b.x) - c->reach), x1 = pixel_at(fmaxf(a.x, b.x) + c->reach + 1);
  int y0 = pixel_at(fminf(a.y, b.y) - c->reach), y1 = pixel_at(fmaxf(a.y, b.y) + c->reach + 1);
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++) {
      float px = (float)x - a.x, py = (float)y - a.y;
      float t = (px * dx + py * dy) / length2;
      t = t < 0 ? 0 : t > 1 ? 1 : t;
      float ex = px - t * dx, ey = py - t * dy, d2 = ex * ex + ey * ey;
      c->d2[y][x] = d2 < c->d2[y][x] ? d2 : c->d2[y][x];
    }
}

/* A smooth curve through n points (Catmull and Rom 1974). */
static void draw_curve(canvas *c, const point p[], int n) {
  enum { CUTS = 4 };
  for (int i = 0; i + 1 < n; i++) {
    point a = p[i > 0 ? i - 1 : 0], b = p[i], d = p[i + 1], e = p[i + 2 < n ? i + 2 : n - 1], last = b;
    int cuts = n > 2 ? CUTS : 1;
    for (int k = 1; k <= cuts; k++) {
      float t = (float)k / (float)cuts, t2 = t * t, t3 = t2 * t;
      float wa = -t + 2 * t2 - t3, wb = 2 - 5 * t2 + 3 * t3, wd = t + 4 * t2 - 3 * t3, we = t3 - t2;
      point next = {(wa * a.x + wb * b.x + wd * d.x + we * e.x) / 2,
                    (wa * a.y + wb * b.y + wd * d.y + we * e.y) / 2};
      draw_segment(c, last, next);
      last = next;
    }
  }
}

/* Box -> pixels: scale, shear, rotate, shift. */
typedef struct map {
  float xx, xy, yx, yy, x, y;
} map;

static map random_map(dice *d) {
  float angle = 0.17f * bump(d), shear = 0.2f * bump(d);
  float width = uniform(d, 8, 15), height = uniform(d, 14, 21), c = cosf(angle), s = sinf(angle);
  map m = {c * width, (c * shear - s) * height, s * width, (s * shear + c) * height, 0, 0};
  m.x = (SIDE - 1) / 2.0f + 1.2f * bump(d);
  m.y = (SIDE - 1) / 2.0f + 1.2f * bump(d);
  return m;
}

static void draw_strokes(canvas *c, const char *way, const map *m, dice *d) {
  point p[MAX_POINTS];
  int n = 0;
  for (const char *s = way;; s++) {
    if (*s == ' ') continue;
    if (*s == '|' || *s == 0) {
      draw_curve(c, p, n);
      n = 0;
      if (*s == 0) return;
      continue;
    }
    float x = (float)((s[0] - '0') * 10 + s[1] - '0') / 100 - 0.5f + 0.035f * bump(d);
    float y = (float)((s[2] - '0') * 10 + s[3] - '0') / 100 - 0.5f + 0.035f * bump(d);
    p[n++] = (point){m->x + m->xx * x + m->xy * y, m->y + m->yx * x + m->yy * y};
    s += 3;
  }
}

/* Triangular noise on (-1, 1), eight pixels from one block of random numbers. */
static void noise_block(dice *d, float out[8]) {
  uint32_t w[4];
  const uint64_t i = ++d->drawn | (uint64_t)1 << 40;
  gd_philox4x32((const uint32_t[]){(uint32_t)d->r.seed, (uint32_t)(d->r.seed >> 32)},
                (const uint32_t[]){(uint32_t)i, (uint32_t)(i >> 32), (uint32_t)d->r.stream,
                                   (uint32_t)(d->r.stream >> 32)},
                w);
  for (int k = 0; k < 8; k++) {
    uint32_t half = w[k / 2] >> 16 * (k % 2);
    out[k] = ((float)(half & 255) - (float)(half >> 8 & 255)) / 256;
  }
}

void gdi_glyph_draw(uint8_t pixel[SIDE * SIDE], int digit, gd_rng r, double noise) {
  dice d = {r, 0};
  canvas c;
  map m = random_map(&d);
  float half = uniform(&d, 0.5f, 1.7f), soft = uniform(&d, 0.7f, 1.6f), ink = uniform(&d, 0.65f, 1);
  c.reach = half + soft;
  for (int i = 0; i < SIDE * SIDE; i++) (&c.d2[0][0])[i] = 1e9f;
  draw_strokes(&c, ways[digit][gd_rng_below(r, ++d.drawn, WAYS)], &m, &d);
  for (int i = 0; i < SIDE * SIDE; i += 8) {
    float grain[8];
    noise_block(&d, grain);
    for (int k = 0; k < 8; k++) {
      float edge = (c.reach - sqrtf((&c.d2[0][0])[i + k])) / soft;
      float v = ink * (edge < 0 ? 0 : edge > 1 ? 1 : edge) + (float)noise * grain[k];
      pixel[i + k] = (uint8_t)(255 * (v < 0 ? 0 : v > 1 ? 1 : v) + 0.5f);
    }
  }
}

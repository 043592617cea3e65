/*
 * Mean and variance per feature, or target, in one pass. Each block of samples is summed on its own, about its first
 * sample, and merged by the formula of Chan, Golub and LeVeque (1983):
 *   n = na + nb,  delta = mean_b - mean_a,  mean = mean_a + delta nb / n,  M2 = M2a + M2b + delta^2 na nb / n
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/convert.h"
#include "data/dataset.h"
#include "data/image.h"
#include "data/order.h"

enum { BLOCK_BYTES = 1 << 20 };

typedef struct moments {
  int64_t features, n;     /* merged so far */
  double *mean, *m2;       /* of those */
  int64_t block_n;         /* in the block under way */
  double *shift, *s1, *s2; /* its first sample; sums of x - shift and of their squares */
  double *row;             /* a sample in f64 */
} moments;

static gd_status moments_make(moments *m, int64_t features) {
  size_t n = (size_t)features;
  double *all = calloc(6 * n + 1, sizeof *all);
  if (!all) return GD_FAIL(GD_ERR_OOM, "no memory for the statistics of %lld features", (long long)features);
  *m = (moments){features, 0, all, all + n, 0, all + 2 * n, all + 3 * n, all + 4 * n, all + 5 * n};
  return GD_OK;
}

static void add_row(moments *m) {
  const size_t bytes = (size_t)m->features * sizeof(double);
  if (m->block_n == 0) {
    memcpy(m->shift, m->row, bytes);
    memset(m->s1, 0, bytes);
    memset(m->s2, 0, bytes);
  }
  m->block_n++;
  for (int64_t j = 0; j < m->features; j++) {
    double v = m->row[j] - m->shift[j];
    m->s1[j] += v;
    m->s2[j] += v * v;
  }
}

static void merge_block(moments *m) {
  double na = (double)m->n, nb = (double)m->block_n, n = na + nb;
  if (m->block_n == 0) return;
  for (int64_t j = 0; j < m->features; j++) {
    double mean = m->shift[j] + m->s1[j] / nb, m2 = m->s2[j] - m->s1[j] * m->s1[j] / nb;
    double delta = mean - m->mean[j];
    m->mean[j] += delta * nb / n;
    m->m2[j] += (m2 > 0 ? m2 : 0) + delta * delta * na * nb / n;
  }
  m->n += m->block_n;
  m->block_n = 0;
}

/* What is looked at: samples, or their targets. */
typedef struct side {
  bool targets;
  const char *loaded; /* [N] rows, of a held set */
  size_t row;         /* bytes */
  gdi_convert convert;
} side;

static gd_status side_make(side *s, const gd_dataset *d, bool targets) {
  if (targets) {
    *s = (side){.targets = true, .loaded = d->loaded_y, .row = d->y_row};
    return gdi_convert_make(&s->convert, GD_F64, GD_F64, d->info.targets, 1, NULL);
  }
  *s = (side){.loaded = d->loaded_x, .row = d->x_row};
  return gdi_convert_make(&s->convert, d->info.x_type, GD_F64, d->features, d->info.x_scale, NULL);
}

static gd_status add_blocks(moments *m, gd_dataset *d, const uint8_t *bit, const side *s, char *buffer) {
  int64_t rows = gdi_dataset_read_rows(d, BLOCK_BYTES);
  for (int64_t lo = 0; lo < d->info.n; lo += rows) {
    int64_t hi = lo + rows < d->info.n ? lo + rows : d->info.n;
    const char *from = s->loaded + (d->streamed ? 0 : (size_t)lo * s->row);
    if (d->streamed) {
      char *y = buffer, *x = buffer + (size_t)rows * d->y_row;
      GD_TRY(gdi_dataset_read(d, lo, hi, x, y));
      from = s->targets ? y : x;
    }
    for (int64_t i = lo; i < hi; i++) {
      if (!(bit[i / 8] >> i % 8 & 1)) continue;
      gdi_convert_row(&s->convert, from + (size_t)(i - lo) * s->row, m->row);
      add_row(m);
    }
    merge_block(m);
  }
  return GD_OK;
}

/* All pixels of a channel get the moments of all of them, which are of as many times as many values. */
static void pool_channels(moments *m, const gdi_image_shape *s) {
  const int64_t pixels = s->height * s->width, step = s->planes ? 1 : s->channels;
  for (int64_t c = 0; c < s->channels; c++) {
    const int64_t first = s->planes ? c * pixels : c;
    double mean = 0, m2 = 0;
    for (int64_t i = 0; i < pixels; i++) mean += m->mean[first + i * step] / (double)pixels;
    for (int64_t i = 0; i < pixels; i++) {
      const double apart = m->mean[first + i * step] - mean;
      m2 += (m->m2[first + i * step] + (double)m->n * apart * apart) / (double)pixels;
    }
    for (int64_t i = 0; i < pixels; i++) m->mean[first + i * step] = mean, m->m2[first + i * step] = m2;
  }
}

static gd_status finish(gd_standardize *out, const moments *m) {
  *out = (gd_standardize){m->features, calloc((size_t)m->features, sizeof(double)),
                          calloc((size_t)m->features, sizeof(double))};
  if (!out->mean || !out->std) {
    gd_standardize_free(out);
    return GD_FAIL(GD_ERR_OOM, "no memory for the statistics of %lld features", (long long)m->features);
  }
  for (int64_t j = 0; j < m->features; j++) {
    double std = sqrt(m->m2[j] / (double)m->n), least = 1e-12 * fabs(m->mean[j]);
    out->mean[j] = m->mean[j];
    out->std[j] = std > least ? std : 1; /* no spread: what is left is rounding */
  }
  return GD_OK;
}

/* channels: what is pooled, or NULL. */
static gd_status fit(gd_standardize *out, gd_dataset *d, const gd_order *part, bool targets,
                     const gdi_image_shape *channels) {
  moments m = {0};
  side s = {0};
  uint8_t *bit = NULL;
  char *buffer = NULL;
  gd_status st = GD_OK;
  *out = (gd_standardize){0};
  if (part->set_n != d->info.n || part->n < 1)
    return GD_FAIL(GD_ERR_USAGE, "%s has %lld samples, not %lld", d->info.path, (long long)d->info.n,
                   (long long)part->set_n);
  if (!d->streamed && !d->loaded_x)
    return GD_FAIL(GD_ERR_USAGE, "%s is not in memory yet: gd_dataset_load()", d->info.path);
  GD_GOTO(st, moments_make(&m, targets ? d->info.targets : d->features), done);
  GD_GOTO(st, side_make(&s, d, targets), done);
  GD_GOTO(st, gdi_order_mark(part, &bit), done);
  if (d->streamed) {
    buffer = malloc((size_t)gdi_dataset_read_rows(d, BLOCK_BYTES) * (d->x_row + d->y_row));
    if (!buffer) GD_GOTO(st, GD_FAIL(GD_ERR_OOM, "no memory to read %s", d->info.path), done);
  }
  GD_GOTO(st, add_blocks(&m, d, bit, &s, buffer), done);
  if (channels) pool_channels(&m, channels);
  st = finish(out, &m);
done:
  free(m.mean), free(bit), free(buffer);
  gdi_convert_free(&s.convert);
  return st;
}

gd_status gd_standardize_fit(gd_standardize *out, gd_dataset *d, const gd_order *part) {
  return fit(out, d, part, false, NULL);
}

gd_status gd_standardize_fit_channels(gd_standardize *out, gd_dataset *d, const gd_order *part) {
  gdi_image_shape shape;
  *out = (gd_standardize){0};
  GD_TRY(gdi_image_shape_of(&shape, &d->info));
  return fit(out, d, part, false, &shape);
}

gd_status gd_standardize_fit_targets(gd_standardize *out, gd_dataset *d, const gd_order *part) {
  *out = (gd_standardize){0};
  if (d->info.labels)
    return GD_FAIL(GD_ERR_USAGE,
                   "standardize_targets: %s holds labels, which have no mean: leave it out, or say "
                   "--target-type numbers",
                   d->info.path);
  return fit(out, d, part, true, NULL);
}

void gd_standardize_undo(const gd_standardize *s, double *value, int64_t rows) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < s->features; k++, value++) *value = *value * s->std[k] + s->mean[k];
}

void gd_standardize_free(gd_standardize *s) {
  free(s->mean), free(s->std);
  *s = (gd_standardize){0};
}

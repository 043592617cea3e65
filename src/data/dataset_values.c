/* The values of a data set: read and checked, held in memory, digested. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/encoded.h"
#include "data/source.h"
#include "gd/partition.h"

enum { READ_BYTES = 4 << 20, DIGEST_ALL_BYTES = 64 << 20, DIGEST_SAMPLES = 1024 };

/* ---- reading, with every value checked ---- */

/* Index of the first value that is NaN or infinite, or n. */
#define FIRST_NOT_FINITE(T)                                                                                  \
  static int64_t first_not_finite_##T(const T *v, int64_t n) {                                               \
    int bad = 0;                                                                                             \
    for (int64_t i = 0; i < n; i++) bad |= v[i] - v[i] != 0;                                                 \
    int64_t i = bad ? 0 : n;                                                                                 \
    while (i < n && v[i] - v[i] == 0) i++;                                                                   \
    return i;                                                                                                \
  }
FIRST_NOT_FINITE(float)
FIRST_NOT_FINITE(double)

static gd_status check_finite(const gd_dataset *d, const char *name, gd_dtype type, const void *v, int64_t lo,
                              int64_t rows, int64_t columns, char (*names)[GD_MAX_COLUMN_NAME]) {
  int64_t n = rows * columns, bad = n;
  if (type == GD_F32) bad = first_not_finite_float(v, n);
  if (type == GD_F64) bad = first_not_finite_double(v, n);
  if (bad == n) return GD_OK;
  const int64_t column = bad % columns;
  return GD_FAIL(GD_ERR_DATA, "%s: %s is not finite at sample %lld, column %lld%s%.80s%s", d->info.path, name,
                 (long long)(lo + bad / columns), (long long)column, names ? " (" : "",
                 names ? names[column] : "", names ? ")" : "");
}

/* Numbers of any type that a field may have. */
static double number_at(gd_dtype type, const void *v) {
  switch (type) {
  case GD_U8: return *(const uint8_t *)v;
  case GD_I32: return *(const int32_t *)v;
  case GD_I64: return (double)*(const int64_t *)v;
  case GD_F32: return (double)*(const float *)v;
  default: return *(const double *)v;
  }
}

/* " at sample 3, pixel (row 5, column 7)", of label k of the sample. */
static const char *place_of(const gd_data_info *i, int64_t sample, int64_t k, char buf[120]) {
  const int n = snprintf(buf, 120, "at sample %lld", (long long)sample);
  if (i->y_ndim == 2)
    snprintf(buf + n, 120 - (size_t)n, ", pixel (row %lld, column %lld)", (long long)(k / i->y_sample[1]),
             (long long)(k % i->y_sample[1]));
  else if (i->y_ndim > 0)
    snprintf(buf + n, 120 - (size_t)n, ", position %lld", (long long)k);
  return buf;
}

static gd_status check_labels(const gd_dataset *d, const char *y, int64_t sample) {
  char place[120];
  for (int64_t k = 0; k < d->info.targets; k++) {
    const int64_t label = gdi_label_at(d, y, k);
    if (!(label == GD_IGNORED || (label >= 0 && label < d->info.classes)))
      return GD_FAIL(GD_ERR_DATA, "%s: %s is %lld %s; labels are 0 to %lld, or %d to be ignored",
                     d->info.path, d->info.y_name, (long long)label, place_of(&d->info, sample, k, place),
                     (long long)d->info.classes - 1, GD_IGNORED);
  }
  return GD_OK;
}

/*
 * Columns as they are wanted: map[k] is where column k of n lies in the file; NULL: where it is wanted. Samples go to
 * places `row` bytes apart.
 */
static gd_status read_columns(const gdi_h5_array *a, gd_dtype type, const int64_t *map, int64_t n, int64_t lo,
                              int64_t hi, char *to, size_t row) {
  const size_t width = gd_dtype_bytes(type);
  if (!map && row == (size_t)n * width) return gdi_h5_array_read(a, type, lo, hi, to);
  const int64_t stored = a->n / a->shape[0];
  char *rows = malloc((size_t)((hi - lo) * stored) * width + 1);
  if (!rows) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", a->file->path);
  const gd_status st = gdi_h5_array_read(a, type, lo, hi, rows);
  for (int64_t i = 0; st == GD_OK && i < hi - lo; i++)
    for (int64_t k = 0; k < n; k++)
      memcpy(to + (size_t)i * row + (size_t)k * width,
             rows + (size_t)(i * stored + (map ? map[k] : k)) * width, width);
  free(rows);
  return st;
}

/* Labels are read as they can be, one after the other, and then put into their rows. */
static gd_status read_targets(const gd_dataset *d, int64_t lo, int64_t hi, char *y) {
  const gd_data_info *i = &d->info;
  if (!i->y_name[0]) return GD_OK;
  if (!i->labels) return read_columns(&d->y, GD_F64, d->y_map, i->targets, lo, hi, y, d->y_row);
  if (d->byte_labels) return read_columns(&d->y, GD_U8, NULL, i->targets, lo, hi, y, d->y_row);
  const size_t bytes = (size_t)i->targets * sizeof(int64_t);
  GD_TRY(gdi_dataset_labels(d, lo, hi, (int64_t *)(void *)y));
  for (int64_t k = i->n_more ? hi - lo - 1 : 0; k > 0; k--)
    memmove(y + (size_t)k * d->y_row, y + (size_t)k * bytes, bytes);
  return GD_OK;
}

static gd_status read_file(gd_dataset *d, int64_t lo, int64_t hi, char *x, char *y) {
  const gd_data_info *i = &d->info;
  if (x)
    GD_TRY(d->image_at ? gdi_encoded_samples(d, lo, hi, (uint8_t *)x)
                       : read_columns(&d->x, i->x_type, d->x_map, d->features, lo, hi, x, d->x_row));
  if (!i->y_name[0] || i->n_more || d->byte_labels) memset(y, 0, (size_t)(hi - lo) * d->y_row);
  GD_TRY(read_targets(d, lo, hi, y));
  for (int f = 0; f < i->n_more; f++)
    GD_TRY(read_columns(&d->more[f].array, i->more[f].dtype, NULL, d->more[f].n, lo, hi,
                        y + d->more[f].offset, d->y_row));
  return GD_OK;
}

/* ---- the values that were read */

/* Of numbers that are all finite: is one too large for the model's type? */
static gd_status check_size(const gd_dataset *d, const char *name, const double *v, int64_t lo, int64_t rows,
                            int64_t columns) {
  double most = 0;
  for (int64_t i = 0; d->largest > 0 && i < rows * columns; i++) most = fabs(v[i]) > most ? fabs(v[i]) : most;
  if (most <= d->largest) return GD_OK;
  int64_t i = 0;
  while (fabs(v[i]) <= d->largest) i++;
  return GD_FAIL(
      GD_ERR_DATA,
      "%s: %s is %g at sample %lld, column %lld: beyond %.2g, too large to compute with: mend or scale it, "
      "--standardize, or --precision fp64",
      d->info.path, name, v[i], (long long)(lo + i / columns), (long long)(i % columns), d->largest);
}

static gd_status check_more(const gd_dataset *d, const char *y, int64_t sample) {
  for (int f = 0; f < d->info.n_more; f++) {
    const gd_source_field *m = &d->info.more[f];
    const bool weight = strcmp(m->name, "w") == 0;
    const char *v = y + d->more[f].offset;
    GD_TRY(check_finite(d, weight ? d->info.w_name : m->name, m->dtype, v, sample, 1, d->more[f].n, NULL));
    if (weight && number_at(m->dtype, v) < 0)
      return GD_FAIL(GD_ERR_DATA, "%s: %s is %g at sample %lld; weights of samples are not below 0",
                     d->info.path, d->info.w_name, number_at(m->dtype, v), (long long)sample);
  }
  return GD_OK;
}

static gd_status check_targets(const gd_dataset *d, const void *y, int64_t lo, int64_t rows) {
  const gd_data_info *i = &d->info;
  for (int64_t k = 0; i->labels && k < rows; k++)
    GD_TRY(check_labels(d, (const char *)y + (size_t)k * d->y_row, lo + k));
  if (i->labels) return GD_OK;
  GD_TRY(check_finite(d, i->y_name, GD_F64, y, lo, rows, i->targets, i->names.y));
  return check_size(d, i->y_name, y, lo, rows, i->targets);
}

gd_status gdi_dataset_read(gd_dataset *d, int64_t lo, int64_t hi, void *x, void *y) {
  const gd_data_info *i = &d->info;
  GD_TRY(d->source ? gdi_source_read(d, lo, hi, x, y) : read_file(d, lo, hi, x, y));
  if (x) GD_TRY(check_finite(d, i->x_name, i->x_type, x, lo, hi - lo, d->features, i->names.x));
  if (i->x_type == GD_F64) GD_TRY(check_size(d, i->x_name, x, lo, hi - lo, d->features));
  if (i->n_more == 0) return check_targets(d, y, lo, hi - lo);
  const char *row = y;
  for (int64_t s = lo; s < hi; s++, row += d->y_row) {
    GD_TRY(check_targets(d, row, s, 1));
    GD_TRY(check_more(d, row, s));
  }
  return GD_OK;
}

/* Rows of targets, y_row bytes apart. */
static gd_status within(const gd_dataset *d, const char *y, int64_t lo, int64_t rows, double least,
                        double most, const char *why) {
  for (int64_t i = 0; i < rows; i++, y += d->y_row) {
    const double *v = (const double *)(const void *)y;
    for (int64_t k = 0; k < d->info.targets; k++)
      if (!(v[k] >= least && v[k] <= most))
        return GD_FAIL(GD_ERR_DATA, "%s: %s is %.9g at sample %lld, column %lld: %s", d->info.path,
                       d->info.y_name, v[k], (long long)(lo + i), (long long)k, why);
  }
  return GD_OK;
}

gd_status gdi_targets_within(gd_dataset *d, double least, double most, const char *why) {
  enum { ROWS = 1 << 14 };
  const int64_t n = d->info.n;
  if (d->loaded_y) return within(d, d->loaded_y, 0, n, least, most, why);
  if (d->source) return GD_OK; /* its samples are made as they are asked for */
  char *y = malloc((size_t)ROWS * d->y_row);
  gd_status st = y ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read targets of %s", d->info.path);
  for (int64_t lo = 0; st == GD_OK && lo < n; lo += ROWS) {
    const int64_t hi = lo + ROWS < n ? lo + ROWS : n;
    st = read_columns(&d->y, GD_F64, d->y_map, d->info.targets, lo, hi, y, d->y_row);
    if (st == GD_OK) st = within(d, y, lo, hi - lo, least, most, why);
  }
  free(y);
  return st;
}

static size_t y_offset(const gd_dataset *d) {
  return (d->info.x_bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
}

size_t gd_dataset_load_bytes(const gd_dataset *d) {
  return d->streamed ? 0 : y_offset(d) + d->info.y_bytes;
}

gd_status gd_dataset_load(gd_dataset *d, void *memory, bool load) {
  if (d->streamed) return GD_FAIL(GD_ERR_USAGE, "%s is streamed; it is not held in memory", d->info.path);
  char *x = memory, *y = x + y_offset(d);
  int64_t rows = gdi_dataset_read_rows(d, READ_BYTES);
  for (int64_t lo = 0; load && lo < d->info.n; lo += rows) {
    int64_t hi = lo + rows < d->info.n ? lo + rows : d->info.n;
    GD_TRY(gdi_dataset_read(d, lo, hi, x + (size_t)lo * d->x_row, y + (size_t)lo * d->y_row));
  }
  d->loaded_x = x, d->loaded_y = y;
  gdi_dataset_close_file(d);
  return GD_OK;
}

/* ---- digest ---- */

static void digest_head(gd_sha256 *h, const gd_dataset *d) {
  const gd_data_info *i = &d->info;
  int64_t head[GD_MAX_DIMS + 8] = {i->n, i->ndim, i->x_type, i->labels, i->targets, i->y_vector, i->classes};
  memcpy(head + 7, i->sample, (size_t)i->ndim * sizeof *head);
  gd_sha256_add(h, head, sizeof head);
  gd_sha256_add(h, &i->x_scale, sizeof i->x_scale);
  gd_sha256_add(h, i->y_sample, (size_t)i->y_ndim * sizeof *i->y_sample);
  if (i->class_name) gd_sha256_add(h, i->class_name, (size_t)i->classes * sizeof *i->class_name);
}

/*
 * Every sample of a small set, evenly spread ones of a large one, one after the other: a function of the data
 * alone, so that a run that held the set can be resumed where it has to be streamed.
 */
static gd_status digest_samples(gd_sha256 *h, gd_dataset *d) {
  const int64_t n = d->info.n;
  const bool all = n <= DIGEST_SAMPLES || d->info.x_bytes + d->info.y_bytes <= DIGEST_ALL_BYTES;
  const int64_t count = all ? n : DIGEST_SAMPLES, rows = all ? gdi_dataset_read_rows(d, READ_BYTES) : 1;
  const int64_t room = rows < n ? rows : n;
  char *memory = d->loaded_x ? NULL : malloc((size_t)room * (d->x_row + d->y_row) + 1);
  if (!d->loaded_x && !memory) return GD_FAIL(GD_ERR_OOM, "no memory for samples of %s", d->info.path);
  gd_status st = GD_OK;
  for (int64_t i = 0; st == GD_OK && i < count; i += rows) {
    int64_t lo = gd_share(n, count, i).lo, hi = lo + rows < n ? lo + rows : n;
    const char *x = NULL, *y = NULL;
    if (!memory) {
      x = d->loaded_x + (size_t)lo * d->x_row, y = d->loaded_y + (size_t)lo * d->y_row;
    } else {
      y = memory, x = memory + (size_t)room * d->y_row; /* y first: it is 8-byte aligned */
      st = gdi_dataset_read(d, lo, hi, memory + (size_t)room * d->y_row, memory);
    }
    for (int64_t r = 0; st == GD_OK && r < hi - lo; r++) {
      gd_sha256_add(h, y + (size_t)r * d->y_row, d->y_row);
      gd_sha256_add(h, x + (size_t)r * d->x_row, d->x_row);
    }
  }
  free(memory);
  return st;
}

/* Of encoded images the bytes are digested, not what a library makes of them. */
static gd_status digest_images(gd_sha256 *h, gd_dataset *d) {
  const int64_t n = d->info.n;
  const bool all = n <= DIGEST_SAMPLES || d->info.x_bytes + d->info.y_bytes <= DIGEST_ALL_BYTES;
  const int64_t count = all ? n : DIGEST_SAMPLES;
  gd_status st = GD_OK;
  for (int64_t i = 0; st == GD_OK && i < count; i++) {
    const int64_t k = gd_share(n, count, i).lo;
    const size_t bytes = gdi_encoded_bytes(d, k, k + 1);
    char *memory = malloc(d->y_row + bytes);
    st = memory ? gdi_dataset_read(d, k, k + 1, NULL, memory)
                : GD_FAIL(GD_ERR_OOM, "no memory for samples of %s", d->info.path);
    if (st == GD_OK) st = gdi_encoded_read(d, k, k + 1, memory + d->y_row);
    if (st == GD_OK) gd_sha256_add(h, memory, d->y_row + bytes);
    free(memory);
  }
  return st;
}

gd_status gd_dataset_digest(gd_dataset *d, gd_digest *out) {
  gd_sha256 h;
  gd_sha256_init(&h);
  digest_head(&h, d);
  if (!d->streamed && !d->loaded_x)
    return GD_FAIL(GD_ERR_USAGE, "%s: the digest needs the values; gd_dataset_load() first", d->info.path);
  GD_TRY(d->image_at ? digest_images(&h, d) : digest_samples(&h, d));
  *out = gd_sha256_end(&h);
  return GD_OK;
}

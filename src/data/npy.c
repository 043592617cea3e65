/* NumPy .npy files: versions 1 to 3, C order, little-endian. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/file.h"
#include "data/table.h"

enum { MAX_HEADER_BYTES = 1 << 16, MAX_CLASSES = 1 << 16 };

typedef struct npy {
  gdi_file file;
  gd_dtype type;
  size_t width;
  int ndim;
  int64_t shape[GD_MAX_DIMS], n;
} npy;

/* ---- the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), } ---- */

static gd_status bad_header(const npy *a, const char *what) {
  return GD_FAIL(GD_ERR_DATA, "%s: its header is not that of a .npy file: %s", a->file.path, what);
}

/* What follows 'key': in the header, or NULL. */
static const char *value_of(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s'", key);
  const char *p = strstr(header, quoted);
  if (!p) return NULL;
  p += strlen(quoted);
  p += strspn(p, " ");
  if (*p++ != ':') return NULL;
  return p + strspn(p, " ");
}

static gd_status parse_type(npy *a, const char *descr) {
  static const struct {
    const char *text;
    gd_dtype type;
    size_t width;
  } known[] = {{"'<f4'", GD_F32, 4},
               {"'<f8'", GD_F64, 8},
               {"'|u1'", GD_U8, 1},
               {"'<i4'", GD_I32, 4},
               {"'<i8'", GD_I64, 8}};
  if (!descr) return bad_header(a, "no 'descr'");
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strncmp(descr, known[i].text, 5) == 0) {
      a->type = known[i].type;
      a->width = known[i].width;
      return GD_OK;
    }
  return GD_FAIL(GD_ERR_DATA, "%s: element type %.*s; <f4, <f8, |u1, <i4 and <i8 are read", a->file.path,
                 (int)strcspn(descr, ",}"), descr);
}

static gd_status parse_shape(npy *a, const char *p) {
  if (!p || *p++ != '(') return bad_header(a, "no 'shape'");
  a->n = 1;
  for (a->ndim = 0; *(p += strspn(p, " ")) != ')'; a->ndim++) {
    if (*p < '0' || *p > '9') return bad_header(a, "its 'shape' is not a list of numbers");
    if (a->ndim == GD_MAX_DIMS)
      return GD_FAIL(GD_ERR_DATA, "%s: more than %d dimensions", a->file.path, GD_MAX_DIMS);
    int64_t extent = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
      extent = extent * 10 + (*p - '0');
      if (extent > (int64_t)1 << 48)
        return GD_FAIL(GD_ERR_DATA, "%s: its shape is impossibly large", a->file.path);
    }
    if (extent == 0 || a->n > ((int64_t)1 << 48) / extent)
      return GD_FAIL(GD_ERR_DATA, "%s: its shape is empty or impossibly large", a->file.path);
    a->shape[a->ndim] = extent;
    a->n *= extent;
    p += strspn(p, " ");
    if (*p == ',') p++;
  }
  return a->ndim > 0 ? GD_OK : GD_FAIL(GD_ERR_DATA, "%s: a single number, not an array", a->file.path);
}

static gd_status parse_header(npy *a, const char *header) {
  const char *order = value_of(header, "fortran_order");
  GD_TRY(parse_type(a, value_of(header, "descr")));
  if (!order) return bad_header(a, "no 'fortran_order'");
  if (strncmp(order, "False", 5) != 0)
    return GD_FAIL(GD_ERR_DATA, "%s: stored column by column; save numpy.ascontiguousarray(a)", a->file.path);
  return parse_shape(a, value_of(header, "shape"));
}

static gd_status npy_open(npy *a, const char *path) {
  uint8_t head[8], size[4] = {0};
  *a = (npy){0};
  GD_TRY(gdi_file_open(&a->file, path));
  GD_TRY(gdi_file_read(&a->file, "header", head, sizeof head));
  if (memcmp(head, "\x93NUMPY", 6) != 0) return bad_header(a, "it does not start with \\x93NUMPY");
  if (head[6] < 1 || head[6] > 3)
    return GD_FAIL(GD_ERR_DATA, "%s: .npy version %d; 1 to 3 are read", path, head[6]);
  size_t width = head[6] == 1 ? 2 : 4;
  GD_TRY(gdi_file_read(&a->file, "header", size, width));
  size_t bytes = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
  if (bytes > MAX_HEADER_BYTES) return bad_header(a, "it is too long");
  char *header = calloc(bytes + 1, 1);
  if (!header) return GD_FAIL(GD_ERR_OOM, "no memory for the header of %s", path);
  gd_status st = gdi_file_read(&a->file, "header", header, bytes);
  if (st == GD_OK) st = parse_header(a, header);
  free(header);
  GD_TRY(st);
  return gdi_file_expect(&a->file, sizeof head + width + bytes, (uint64_t)a->n * a->width);
}

static gd_status npy_values(npy *a, void *to) {
  GD_TRY(gdi_file_read(&a->file, "values", to, (size_t)a->n * a->width));
  return gdi_file_end(&a->file);
}

/* ---- values -> table ---- */

/* 32 and 64 bit integers become f64, in place of a buffer of their own where they are 64 bits wide. */
static gd_status npy_values_as_f64(npy *a, double *to) {
  char *raw = a->width == sizeof *to ? (char *)to : malloc((size_t)a->n * a->width);
  if (!raw) return GD_FAIL(GD_ERR_OOM, "no memory for the values of %s", a->file.path);
  gd_status st = npy_values(a, raw);
  for (int64_t i = 0; st == GD_OK && i < a->n; i++) {
    int64_t whole;
    if (a->type == GD_I64) {
      memcpy(&whole, raw + 8 * i, sizeof whole);
      to[i] = (double)whole;
      if (to[i] > 0x1p53 || to[i] < -0x1p53)
        st = GD_FAIL(GD_ERR_DATA, "%s: value %lld at position %lld is too large to be a number here",
                     a->file.path, (long long)whole, (long long)i);
    } else if (a->type == GD_I32) {
      to[i] = ((const int32_t *)(const void *)raw)[i];
    } else if (a->type == GD_F32) {
      to[i] = (double)((const float *)(const void *)raw)[i];
    } else if (a->type == GD_U8) {
      to[i] = ((const uint8_t *)raw)[i];
    }
  }
  if (raw != (char *)to) free(raw);
  return st;
}

static gd_status take_labels(gd_table *t, const npy *y) {
  double *value = t->y;
  for (int64_t i = 0; i < t->n; i++) {
    double v = value[i];
    if (!(v == -100 || (v >= 0 && v < MAX_CLASSES && v == (double)(int64_t)v)))
      return GD_FAIL(
          GD_ERR_DATA,
          "%s: %g at position %lld is no class: 0, 1, 2 ... %d, or -100 to be ignored; save numbers to "
          "predict as floats",
          y->file.path, v, (long long)i, MAX_CLASSES - 1);
    int64_t label = (int64_t)v;
    memcpy(&value[i], &label, sizeof label);
    if (label >= t->classes) t->classes = label + 1;
  }
  return t->classes > 0 ? gdi_table_number_classes(t)
                        : GD_FAIL(GD_ERR_DATA, "%s: no label at all", y->file.path);
}

static gd_status import_npy(gd_table *t, npy *x, npy *y, bool classes) {
  if (x->shape[0] != y->shape[0])
    return GD_FAIL(GD_ERR_DATA, "%s: %lld rows for the %lld samples of %s", y->file.path,
                   (long long)y->shape[0], (long long)x->shape[0], x->file.path);
  if (y->ndim > 2)
    return GD_FAIL(GD_ERR_DATA, "%s: targets have 1 or 2 dimensions, not %d", y->file.path, y->ndim);
  bool integers = y->type != GD_F32 && y->type != GD_F64;
  t->n = x->shape[0];
  t->ndim = x->ndim - 1;
  memcpy(t->sample, x->shape + 1, sizeof t->sample);
  t->x_type = x->type == GD_U8 || x->type == GD_F32 ? x->type : GD_F64;
  t->targets = y->n / y->shape[0];
  t->labels = classes || (integers && t->targets == 1);
  t->y_vector = t->labels || y->ndim == 1;
  if (t->labels && t->targets != 1)
    return GD_FAIL(GD_ERR_DATA, "%s: classes need one label per sample, not %lld", y->file.path,
                   (long long)t->targets);
  GD_TRY(gdi_table_alloc(t));
  GD_TRY(t->x_type == x->type ? npy_values(x, t->x) : npy_values_as_f64(x, t->x));
  GD_TRY(npy_values_as_f64(y, t->y));
  return t->labels ? take_labels(t, y) : GD_OK;
}

gd_status gd_import_npy(gd_table *out, const char *x_path, const char *y_path, bool classes) {
  npy x = {0}, y = {0};
  gd_table t = {0};
  gd_status st = npy_open(&x, x_path);
  if (st == GD_OK) st = npy_open(&y, y_path);
  if (st == GD_OK) st = import_npy(&t, &x, &y, classes);
  gdi_file_close(&x.file);
  gdi_file_close(&y.file);
  if (st != GD_OK) gd_table_free(&t);
  *out = t;
  return st;
}

/* NumPy arrays, .npy versions 1 to 3: every type that is a number, a truth value or text. */
#include "data/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/turn.h"
#include "data/classes.h"

enum { MAX_HEADER_BYTES = 1 << 16, MAX_TEXT_BYTES = 1 << 16 };

/* ---- the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), } ---- */

static gd_status bad_header(const gdi_npy *a, const char *what) {
  return GD_FAIL(GD_ERR_DATA, "%s: its header is not that of a .npy file: %s", a->path, what);
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

/* What a type is that is not read, and what to save instead. */
static gd_status refuse_type(const gdi_npy *a, const char *descr, char kind) {
  static const struct {
    char kind;
    const char *remedy;
  } known[] = {
      {'c', "complex numbers: save numpy.stack([a.real, a.imag], -1)"},
      {'O', "Python objects, which are not unpickled: save a.astype(str) as text, or a.astype('f8')"},
      {'M', "dates: save a.astype('i8'), or the days between them as numbers"},
      {'m', "times: save a.astype('i8')"},
      {'V', "raw bytes: save them as numbers"},
      {'f', "floats of another width: save a.astype('f8')"},
      {'[', "records: save the columns as one array, "
            "numpy.lib.recfunctions.structured_to_unstructured(a)"}};
  const char *remedy = "unknown: save a.astype('f8')";
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].kind == kind) remedy = known[i].remedy;
  return GD_FAIL(GD_ERR_DATA, "%s: its type is %.*s, %s", a->path,
                 kind == '[' ? 1 : (int)strcspn(descr, ",}"), descr, remedy);
}

/* '<f4': byte order, kind, width */
static gd_status parse_type(gdi_npy *a, const char *descr) {
  if (!descr) return bad_header(a, "no 'descr'");
  if (*descr != '\'') return refuse_type(a, descr, '[');
  const char *p = descr + 1;
  a->e.big = *p == '>';
  if (*p && strchr("<>=|", *p)) p++;
  a->e.kind = *p ? *p++ : 0;
  size_t width = 0;
  for (; *p >= '0' && *p <= '9' && width <= MAX_TEXT_BYTES; p++) width = width * 10 + (size_t)(*p - '0');
  a->e.width = a->e.kind == 'U' ? 4 * width : width;
  const bool text = gdi_npy_text(a) && width > 0;
  if (*p != '\'' || !(text || gdi_elements_known(&a->e))) return refuse_type(a, descr, a->e.kind);
  if (a->e.width > MAX_TEXT_BYTES) return GD_FAIL(GD_ERR_DATA, "%s: texts of %zu bytes", a->path, a->e.width);
  return GD_OK;
}

static gd_status parse_shape(gdi_npy *a, const char *p) {
  if (!p || *p++ != '(') return bad_header(a, "no 'shape'");
  a->n = 1;
  for (a->ndim = 0; *(p += strspn(p, " ")) != ')'; a->ndim++) {
    if (*p < '0' || *p > '9') return bad_header(a, "its 'shape' is not a list of numbers");
    if (a->ndim == GD_MAX_DIMS)
      return GD_FAIL(GD_ERR_DATA, "%s: more than %d dimensions", a->path, GD_MAX_DIMS);
    int64_t extent = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
      extent = extent * 10 + (*p - '0');
      if (extent > (int64_t)1 << 48)
        return GD_FAIL(GD_ERR_DATA, "%s: its shape is impossibly large", a->path);
    }
    if (extent == 0 || a->n > ((int64_t)1 << 46) / extent)
      return GD_FAIL(GD_ERR_DATA, "%s: its shape is empty or impossibly large", a->path);
    a->shape[a->ndim] = extent;
    a->n *= extent;
    if (*p == 'L') p++; /* a long of Python 2 */
    p += strspn(p, " ");
    if (*p == ',') p++;
  }
  return a->ndim > 0 ? GD_OK : GD_FAIL(GD_ERR_DATA, "%s: a single number, not an array", a->path);
}

static gd_status parse_header(gdi_npy *a, const char *header) {
  const char *order = value_of(header, "fortran_order");
  GD_TRY(parse_type(a, value_of(header, "descr")));
  if (!order || (strncmp(order, "False", 5) != 0 && strncmp(order, "True", 4) != 0))
    return bad_header(a, "no 'fortran_order'");
  a->reversed = *order == 'T';
  return parse_shape(a, value_of(header, "shape"));
}

static gd_status open_file(gdi_npy *a, const char *path, const gdi_zip_entry *e) {
  if (!e) {
    snprintf(a->path, sizeof a->path, "%s", path);
    return gdi_file_open(&a->file, a->path);
  }
  const size_t n = strlen(e->name), ending = n > 4 && strcmp(e->name + n - 4, ".npy") == 0 ? 4 : 0;
  snprintf(a->path, sizeof a->path, "%.3800s: %.*s", path, (int)(n - ending), e->name);
  return gdi_file_open_member(&a->file, a->path, path, e);
}

gd_status gdi_npy_open(gdi_npy *a, const char *path, const gdi_zip_entry *e) {
  uint8_t head[8], size[4] = {0};
  *a = (gdi_npy){0};
  GD_TRY(open_file(a, path, e));
  GD_TRY(gdi_file_read(&a->file, "header", head, sizeof head));
  if (memcmp(head, "PK\3\4", 4) == 0)
    return GD_FAIL(GD_ERR_DATA,
                   "%s: an .npz archive: import it alone, with --x and --y for two of its arrays", a->path);
  if (memcmp(head, "\x93NUMPY", 6) != 0) return bad_header(a, "it does not start with \\x93NUMPY");
  if (head[6] < 1 || head[6] > 3)
    return GD_FAIL(GD_ERR_DATA, "%s: .npy version %d; 1 to 3 are read", a->path, head[6]);
  size_t width = head[6] == 1 ? 2 : 4;
  GD_TRY(gdi_file_read(&a->file, "header", size, width));
  size_t bytes = size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
  if (bytes > MAX_HEADER_BYTES) return bad_header(a, "it is too long");
  char *header = calloc(bytes + 1, 1);
  if (!header) return GD_FAIL(GD_ERR_OOM, "no memory for the header of %s", a->path);
  gd_status st = gdi_file_read(&a->file, "header", header, bytes);
  if (st == GD_OK) st = parse_header(a, header);
  free(header);
  GD_TRY(st);
  return gdi_file_expect(&a->file, sizeof head + width + bytes, (uint64_t)a->n * a->e.width);
}

/* ---- values ---- */

gd_status gdi_npy_numbers(gdi_npy *a, gd_dtype type, void *to) {
  if (!a->reversed || a->ndim < 2) return gdi_elements_read(&a->e, &a->file, a->n, type, to);
  const size_t width = gd_dtype_bytes(type);
  void *stored = malloc((size_t)a->n * width);
  if (!stored) return GD_FAIL(GD_ERR_OOM, "no memory for the values of %s", a->path);
  const gd_status st = gdi_elements_read(&a->e, &a->file, a->n, type, stored);
  if (st == GD_OK) gdi_turn(to, stored, width, a->ndim, a->shape);
  free(stored);
  return st;
}

/* A character as UTF-8; what is none becomes a question mark. */
static size_t put_utf8(char *to, uint32_t c) {
  if (c >= 0x110000 || (c >= 0xd800 && c < 0xe000)) c = '?';
  if (c < 0x80) return to[0] = (char)c, 1;
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
  to[0] = (char)(first[more] | c >> 6 * more);
  for (int i = 1; i <= more; i++) to[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
  return (size_t)more + 1;
}

/* One text, padded with zeros; `to` has room for its width and one more. */
static void take_text(const gdi_npy *a, const uint8_t *from, char *to) {
  size_t n = 0;
  for (size_t at = 0; at < a->e.width; at += a->e.kind == 'U' ? 4 : 1) {
    uint32_t c = from[at];
    if (a->e.kind == 'U')
      c = a->e.big ? (uint32_t)from[at] << 24 | (uint32_t)from[at + 1] << 16 | (uint32_t)from[at + 2] << 8 |
                         from[at + 3]
                   : (uint32_t)from[at + 3] << 24 | (uint32_t)from[at + 2] << 16 |
                         (uint32_t)from[at + 1] << 8 | from[at];
    if (c == 0) break;
    if (a->e.kind == 'U')
      n += put_utf8(to + n, c);
    else
      to[n++] = (char)c;
  }
  to[n] = 0;
}

gd_status gdi_npy_words(gdi_npy *a, gdi_words *words, int64_t *to) {
  uint8_t *stored = malloc(a->e.width);
  char *text = malloc(a->e.width + 1);
  gd_status st = stored && text ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for the texts of %s", a->path);
  for (int64_t i = 0; st == GD_OK && i < a->n; i++) {
    st = gdi_file_read(&a->file, "texts", stored, a->e.width);
    if (st != GD_OK) break;
    take_text(a, stored, text);
    st = gdi_class_add(words, a->path, i, text, &to[i]);
  }
  free(stored), free(text);
  return st == GD_OK ? gdi_file_end(&a->file) : st;
}

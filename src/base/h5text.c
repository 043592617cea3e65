/*
 * Text in HDF5 files: of one width, or of any length. Strings of any length lie in heaps, and what an array stores is
 * their length, the address of a heap and a number in it. HDF5 1.10 copies as many bytes as the heap says into as much
 * memory as the length says; here the two are compared first.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/h5file.h"

enum {
  REFERENCE = 16,   /* bytes of a reference: length u32, address u64, number u32 */
  HEAP_HEAD = 16,   /* "GCOL", version, 3 bytes, size u64 */
  OBJECT_HEAD = 16, /* number u16, count u16, 4 bytes, size u64 */
  MAX_HEAP = 64 << 20,
  NUMBERS = 1 << 16,
  MAX_TEXT = 1 << 20,
  MAX_FILTERS = 8
};

typedef struct reading {
  const gdi_h5_array *a;
  int file;
  uint64_t base; /* where addresses are counted from */
  uint8_t *heap; /* the heap that was used last */
  uint64_t heap_at, heap_bytes;
  uint32_t *object; /* [NUMBERS] where the head of an object lies in it; 0: none */
  char *text;       /* [MAX_TEXT + 1] */
} reading;

static uint64_t little(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static gd_status damaged(const reading *r, const char *what) {
  return GDI_H5_REFUSE(r->a->file, r->a->name, "damaged text: %s", what);
}

static gd_status read_at(const reading *r, void *to, uint64_t bytes, uint64_t at) {
  for (uint64_t done = 0; done < bytes;) {
    const ssize_t n =
        at > INT64_MAX - bytes ? 0 : pread(r->file, (char *)to + done, bytes - done, (off_t)(at + done));
    if (n <= 0) return damaged(r, "it lies behind the end of the file");
    done += (uint64_t)n;
  }
  return GD_OK;
}

/* ---- heaps ---- */

static gd_status index_heap(reading *r) {
  memset(r->object, 0, NUMBERS * sizeof *r->object);
  for (uint64_t at = HEAP_HEAD; at + OBJECT_HEAD <= r->heap_bytes;) {
    const uint64_t number = little(r->heap + at, 2), bytes = little(r->heap + at + 8, 8);
    if (number == 0) return GD_OK; /* the rest is free */
    if (bytes > r->heap_bytes - at - OBJECT_HEAD) return damaged(r, "a string is longer than its heap");
    r->object[number] = (uint32_t)at;
    at += OBJECT_HEAD + (bytes + 7) / 8 * 8;
  }
  return GD_OK;
}

static gd_status take_heap(reading *r, uint64_t at) {
  uint8_t head[HEAP_HEAD];
  if (r->heap && r->heap_at == at) return GD_OK;
  free(r->heap);
  r->heap = NULL;
  if (at > r->a->file->bytes || r->base > r->a->file->bytes - at)
    return damaged(r, "a heap lies outside the file");
  GD_TRY(read_at(r, head, sizeof head, r->base + at));
  r->heap_at = at, r->heap_bytes = little(head + 8, 8);
  if (memcmp(head, "GCOL\1", 5) != 0 || r->heap_bytes < HEAP_HEAD || r->heap_bytes > MAX_HEAP ||
      r->heap_bytes > r->a->file->bytes)
    return damaged(r, "no heap where there should be one");
  r->heap = malloc(r->heap_bytes);
  if (!r->heap) return GD_FAIL(GD_ERR_OOM, "no memory for text of %s", r->a->file->path);
  GD_TRY(read_at(r, r->heap, r->heap_bytes, r->base + at));
  return index_heap(r);
}

/* The string that a reference stands for, in r->text. */
static gd_status dereference(reading *r, const uint8_t *reference) {
  const uint64_t length = little(reference, 4), at = little(reference + 4, 8),
                 number = little(reference + 12, 4);
  r->text[0] = 0;
  if (length == 0) return GD_OK;
  if (length > MAX_TEXT) return damaged(r, "a string is longer than 1 MiB");
  GD_TRY(take_heap(r, at));
  const uint32_t object = number < NUMBERS ? r->object[number] : 0;
  if (object == 0 || little(r->heap + object + 8, 8) < length)
    return damaged(r, "a string is not in its heap, or shorter there");
  memcpy(r->text, r->heap + object + OBJECT_HEAD, length);
  r->text[length] = 0;
  return GD_OK;
}

/* ---- the references: in one piece, or in chunks that are unpacked here ---- */

typedef struct chunks {
  hid_t create;
  int64_t rows;
  int n_filters;
  H5Z_filter_t filter[MAX_FILTERS];
} chunks;

/* packed [*bytes] -> the references of a chunk, by way of `spare`; both have room for a chunk. HDF5 deflates text and
 * leaves out every other filter. */
static gd_status unpack(const reading *r, const chunks *c, uint32_t mask, uint8_t **packed, uint8_t **spare,
                        size_t *bytes) {
  const size_t whole = (size_t)c->rows * REFERENCE;
  for (int i = c->n_filters - 1; i >= 0; i--) {
    if (mask >> i & 1) continue; /* this chunk was stored without it */
    uLongf got = whole;
    if (c->filter[i] != H5Z_FILTER_DEFLATE || uncompress(*spare, &got, *packed, *bytes) != Z_OK)
      return damaged(r, "a chunk cannot be unpacked");
    *bytes = got;
    uint8_t *other = *packed;
    *packed = *spare, *spare = other;
  }
  return *bytes == whole ? GD_OK : damaged(r, "a chunk has another size");
}

/* Chunk k as references in to[rows]; one that was never written holds none. */
static gd_status read_chunk(const reading *r, const chunks *c, int64_t k, uint8_t *to) {
  const size_t whole = (size_t)c->rows * REFERENCE;
  const hsize_t at = (hsize_t)(k * c->rows);
  hsize_t stored = 0;
  uint32_t mask = 0;
  memset(to, 0, whole);
  if (H5Dget_chunk_storage_size(r->a->id, &at, &stored) < 0 || stored == 0) return GD_OK;
  if (stored > r->a->file->bytes || stored > 2 * whole + 1024) return damaged(r, "a chunk is too long");
  const size_t room = (size_t)stored > whole ? (size_t)stored : whole;
  uint8_t *packed = malloc(room), *spare = malloc(room);
  size_t bytes = stored;
  gd_status st = packed && spare ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for text of %s", r->a->file->path);
  if (st == GD_OK && H5Dread_chunk(r->a->id, H5P_DEFAULT, &at, &mask, packed) < 0)
    st = gdi_h5_refused(r->a->file, r->a->name, "a chunk cannot be read");
  if (st == GD_OK) st = unpack(r, c, mask, &packed, &spare, &bytes);
  if (st == GD_OK) memcpy(to, packed, whole);
  free(packed), free(spare);
  return st;
}

static gd_status describe_chunks(const reading *r, chunks *c, hid_t create) {
  *c = (chunks){.create = create, .rows = r->a->chunk_rows, .n_filters = H5Pget_nfilters(create)};
  if (c->n_filters < 0 || c->n_filters > MAX_FILTERS) return damaged(r, "too many filters");
  for (int i = 0; i < c->n_filters; i++) {
    unsigned flags;
    size_t values = 0;
    c->filter[i] = H5Pget_filter2(create, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
  }
  return GD_OK;
}

/* References lo .. hi-1 of an array that is not chunked: as they lie there. */
static gd_status read_piece(const reading *r, int64_t lo, int64_t hi, uint8_t *to) {
  const haddr_t at = H5Dget_offset(r->a->id);
  memset(to, 0, (size_t)(hi - lo) * REFERENCE);
  if (r->a->unwritten) return GD_OK;
  if (at == HADDR_UNDEF)
    return GDI_H5_REFUSE(r->a->file, r->a->name, "its text lies in its head: store it in chunks");
  return read_at(r, to, (uint64_t)(hi - lo) * REFERENCE, at + (uint64_t)lo * REFERENCE);
}

static gd_status each_of(reading *r, const uint8_t *references, int64_t lo, int64_t hi,
                         gdi_h5_visit_text visit, void *user) {
  for (int64_t i = lo; i < hi; i++) {
    GD_TRY(dereference(r, references + (i - lo) * REFERENCE));
    GD_TRY(visit(user, i, r->text));
  }
  return GD_OK;
}

static gd_status each_variable(reading *r, int64_t lo, int64_t hi, gdi_h5_visit_text visit, void *user) {
  enum { ROWS = 4096 };
  chunks c = {.rows = ROWS};
  hid_t create = H5Dget_create_plist(r->a->id);
  const bool chunked = r->a->chunk_rows > 0;
  gd_status st = chunked ? describe_chunks(r, &c, create) : GD_OK;
  uint8_t *references = st == GD_OK ? malloc((size_t)c.rows * REFERENCE) : NULL;
  if (st == GD_OK && !references) st = GD_FAIL(GD_ERR_OOM, "no memory for text of %s", r->a->file->path);
  for (int64_t at = lo; st == GD_OK && at < hi;) {
    const int64_t first = chunked ? at / c.rows * c.rows : at;
    const int64_t end = first + c.rows < hi ? first + c.rows : hi;
    st = chunked ? read_chunk(r, &c, first / c.rows, references) : read_piece(r, first, end, references);
    if (st == GD_OK) st = each_of(r, references + (at - first) * REFERENCE, at, end, visit, user);
    at = end;
  }
  free(references);
  H5Pclose(create);
  return st;
}

static gd_status open_variable(reading *r) {
  hid_t create = H5Fget_create_plist(r->a->file->id);
  hsize_t base = 0;
  size_t address = 0, length = 0;
  const bool usual = H5Pget_userblock(create, &base) >= 0 && H5Pget_sizes(create, &address, &length) >= 0 &&
                     address == 8 && length == 8;
  H5Pclose(create);
  r->base = base;
  if (!usual) return damaged(r, "addresses of another size");
  r->file = open(r->a->file->path, O_RDONLY | O_CLOEXEC);
  if (r->file < 0) return GDI_H5_REFUSE(r->a->file, r->a->name, "%m");
  r->object = malloc(NUMBERS * sizeof *r->object);
  r->text = malloc(MAX_TEXT + 1);
  return r->object && r->text ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for text of %s", r->a->file->path);
}

/* ---- text of one width ---- */

static gd_status each_fixed(const gdi_h5_array *a, int64_t lo, int64_t hi, gdi_h5_visit_text visit,
                            void *user) {
  enum { BYTES = 1 << 16 };
  const int64_t rows = a->width < BYTES ? BYTES / (int64_t)a->width : 1;
  char *text = malloc((size_t)rows * a->width), *one = malloc(a->width + 1);
  hid_t stored = H5Dget_type(a->id);
  const bool blanks = H5Tget_strpad(stored) == H5T_STR_SPACEPAD;
  gd_status st = text && one ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for text of %s", a->file->path);
  for (int64_t at = lo; st == GD_OK && at < hi; at += rows) {
    const hsize_t first = (hsize_t)at, count = (hsize_t)(hi - at < rows ? hi - at : rows);
    hid_t memory = H5Screate_simple(1, &count, NULL), file = H5Dget_space(a->id);
    H5Sselect_hyperslab(file, H5S_SELECT_SET, &first, NULL, &count, NULL);
    if (H5Dread(a->id, stored, memory, file, H5P_DEFAULT, text) < 0)
      st = gdi_h5_refused(a->file, a->name, "cannot be read");
    H5Sclose(memory), H5Sclose(file);
    for (int64_t i = 0; st == GD_OK && i < (int64_t)count; i++) {
      size_t n = strnlen(text + (size_t)i * a->width, a->width);
      memcpy(one, text + (size_t)i * a->width, n);
      while (blanks && n > 0 && one[n - 1] == ' ') n--;
      one[n] = 0;
      st = visit(user, at + i, one);
    }
  }
  free(text), free(one);
  H5Tclose(stored);
  return st;
}

gd_status gdi_h5_array_each_text(const gdi_h5_array *a, int64_t lo, int64_t hi, gdi_h5_visit_text visit,
                                 void *user) {
  GDI_H5_LOCKED;
  if (!a->text || a->ndim != 1) return GDI_H5_REFUSE(a->file, a->name, "it does not hold a list of strings");
  if (!a->variable) return each_fixed(a, lo, hi, visit, user);
  reading r = {.a = a, .file = -1};
  gd_status st = open_variable(&r);
  if (st == GD_OK) st = each_variable(&r, lo, hi, visit, user);
  if (r.file >= 0) close(r.file);
  free(r.heap), free(r.object), free(r.text);
  return st;
}

/* ---- all of it ---- */

typedef struct padded {
  char *to;
  size_t width;
} padded;

static gd_status put_padded(void *user, int64_t i, const char *text) {
  const padded *p = user;
  strncpy(p->to + (size_t)i * p->width, text, p->width - 1);
  p->to[(size_t)i * p->width + p->width - 1] = 0;
  return GD_OK;
}

/* A text array of any shape and one width. */
static gd_status read_fixed(const gdi_h5_array *a, size_t width, char *to) {
  hid_t stored = H5Dget_type(a->id), type = gdi_h5_text_type(stored, width);
  gd_status st = GD_OK;
  if (type < 0 || H5Dread(a->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) < 0)
    st = gdi_h5_refused(a->file, a->name, "cannot be read");
  H5Tclose(type), H5Tclose(stored);
  return st;
}

gd_status gdi_h5_array_read_text(const gdi_h5_array *a, size_t width, char *to) {
  GDI_H5_LOCKED;
  if (!a->text) return GDI_H5_REFUSE(a->file, a->name, "it does not hold text");
  if (a->n == 0) return GD_OK;
  if (!a->variable) return read_fixed(a, width, to);
  return gdi_h5_array_each_text(a, 0, a->n, put_padded, &(padded){to, width});
}

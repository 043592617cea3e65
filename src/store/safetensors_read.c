/*
 * Weights from files in the safetensors format (safetensors.c), hostile until checked: the length of the header against
 * the file, the shape of every tensor against its bytes, the bytes against the file and against each other. Nothing is
 * allocated before that, but the header.
 */
#include "store/safetensors.h"

#include <sys/stat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/convert.h"

enum { MAX_HEADER = 100 << 20 }; /* as other readers have it */

/* A tensor as the header describes it. */
typedef struct entry {
  gd_stored stored;
  char type[8];
  uint64_t lo, hi; /* its bytes, behind the header */
} entry;

/* ---- JSON, as far as the format needs it ---- */

typedef struct json {
  const char *path, *at, *end;
} json;

static gd_status broken(const json *j, const char *what) {
  return GD_FAIL(GD_ERR_CHECKPOINT, "%s: its header is damaged: %s", j->path, what);
}

static char next(json *j) { /* the next character that is not a blank, 0 at the end */
  while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) j->at++;
  return j->at < j->end ? *j->at : 0;
}

static bool take(json *j, char c) {
  if (next(j) != c) return false;
  j->at++;
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One character of the basic plane as UTF-8. */
static gd_status put_unicode(json *j, char *out, size_t bytes, size_t *n) {
  unsigned code = 0;
  if (j->end - j->at < 4) return broken(j, "a character is cut");
  for (int i = 0; i < 4; i++) {
    const int digit = hex_digit(*j->at++);
    if (digit < 0) return broken(j, "a character is no number");
    code = code << 4 | (unsigned)digit;
  }
  if (code == 0 || (code >= 0xD800 && code < 0xE000)) return broken(j, "a name has a character that is none");
  if (*n + 3 >= bytes) return broken(j, "a name is too long");
  if (code < 0x80) {
    out[(*n)++] = (char)code;
  } else if (code < 0x800) {
    out[(*n)++] = (char)(0xC0 | code >> 6), out[(*n)++] = (char)(0x80 | (code & 0x3F));
  } else {
    out[(*n)++] = (char)(0xE0 | code >> 12);
    out[(*n)++] = (char)(0x80 | (code >> 6 & 0x3F)), out[(*n)++] = (char)(0x80 | (code & 0x3F));
  }
  return GD_OK;
}

/* A string into out; out NULL: skipped, whatever its length. */
static gd_status string(json *j, char *out, size_t bytes) {
  static const char escaped[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  char none[8];
  size_t n = 0;
  if (!take(j, '"')) return broken(j, "a string is missing");
  while (j->at < j->end && *j->at != '"') {
    char c = *j->at++;
    if (!out) n = 0, bytes = sizeof none;
    if (c == '\\') {
      if (j->at == j->end) return broken(j, "it ends in a string");
      const char *known = *j->at ? strchr(escaped, *j->at) : NULL;
      if (*j->at++ == 'u') {
        GD_TRY(put_unicode(j, out ? out : none, bytes, &n));
        continue;
      }
      if (!known) return broken(j, "a string has an unknown escape");
      c = meant[known - escaped];
    }
    if ((unsigned char)c < ' ' && out) return broken(j, "a name has a control character");
    if (n + 1 >= bytes) return broken(j, "a name is too long");
    (out ? out : none)[n++] = c;
  }
  if (j->at == j->end) return broken(j, "it ends in a string");
  j->at++;
  if (out) out[n] = 0;
  return GD_OK;
}

static gd_status number(json *j, uint64_t *out) {
  if (next(j) < '0' || next(j) > '9') return broken(j, "a number is missing");
  for (*out = 0; j->at < j->end && *j->at >= '0' && *j->at <= '9'; j->at++)
    if (__builtin_mul_overflow(*out, 10u, out) || __builtin_add_overflow(*out, (uint64_t)(*j->at - '0'), out))
      return broken(j, "a number is too large");
  return GD_OK;
}

/* "[1, 2]" of at most `max`. */
static gd_status numbers(json *j, uint64_t out[], int max, int *n) {
  *n = 0;
  if (!take(j, '[')) return broken(j, "a list of numbers is missing");
  if (take(j, ']')) return GD_OK;
  do {
    if (*n == max) return broken(j, "a list of numbers is too long");
    GD_TRY(number(j, &out[(*n)++]));
  } while (take(j, ','));
  return take(j, ']') ? GD_OK : broken(j, "a list of numbers does not end");
}

/* {"format": "pt"} */
static gd_status skip_metadata(json *j) {
  if (!take(j, '{')) return broken(j, "__metadata__ is no map");
  if (take(j, '}')) return GD_OK;
  do {
    GD_TRY(string(j, NULL, 0));
    if (!take(j, ':')) return broken(j, "__metadata__ has no value");
    GD_TRY(string(j, NULL, 0));
  } while (take(j, ','));
  return take(j, '}') ? GD_OK : broken(j, "__metadata__ does not end");
}

static gd_status tensor(json *j, entry *e) {
  uint64_t shape[GD_MAX_DIMS], range[2];
  char key[16];
  int seen = 0, n;
  if (!take(j, '{')) return broken(j, "a tensor is no map");
  do {
    GD_TRY(string(j, key, sizeof key));
    if (!take(j, ':')) return broken(j, "a key has no value");
    if (strcmp(key, "dtype") == 0) {
      GD_TRY(string(j, e->type, sizeof e->type));
      seen |= 1;
    } else if (strcmp(key, "shape") == 0) {
      GD_TRY(numbers(j, shape, GD_MAX_DIMS, &e->stored.ndim));
      seen |= 2;
    } else if (strcmp(key, "data_offsets") == 0) {
      GD_TRY(numbers(j, range, 2, &n));
      if (n != 2) return broken(j, "data_offsets are not two numbers");
      seen |= 4;
    } else {
      return broken(j, "a tensor has an unknown key");
    }
  } while (take(j, ','));
  if (!take(j, '}') || seen != 7) return broken(j, "a tensor lacks dtype, shape or data_offsets");
  for (int i = 0; i < e->stored.ndim; i++) {
    if (shape[i] > INT64_MAX) return broken(j, "an extent is too large");
    e->stored.shape[i] = (int64_t)shape[i];
  }
  e->lo = range[0], e->hi = range[1];
  return GD_OK;
}

/* ---- what it must be ---- */

/* Bytes of an element in the file, and the type that it has in memory; 0: not read. */
static size_t type_of(const char *name, gd_dtype *type) {
  static const struct {
    const char *name;
    size_t bytes;
    gd_dtype type;
  } types[] = {{"F32", 4, GD_F32}, {"F64", 8, GD_F64}, {"BF16", 2, GD_F32}, {"F16", 2, GD_F32},
               {"I32", 4, GD_I32}, {"I64", 8, GD_I64}, {"U8", 1, GD_U8},    {"BOOL", 1, GD_U8}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i].name, name) == 0) {
      *type = types[i].type;
      return types[i].bytes;
    }
  return 0;
}

static gd_status check(const char *path, entry *e, uint64_t data) {
  const size_t element = type_of(e->type, &e->stored.dtype);
  uint64_t bytes = element;
  if (element == 0)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s holds %s, which is not read: store it as F32", path,
                   e->stored.name, e->type);
  for (int i = 0; i < e->stored.ndim; i++)
    if (__builtin_mul_overflow(bytes, (uint64_t)e->stored.shape[i], &bytes)) bytes = UINT64_MAX;
  if (e->lo > e->hi || e->hi > data || e->hi - e->lo != bytes)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: the bytes of %s are not those of its shape, or not in the file",
                   path, e->stored.name);
  return GD_OK;
}

static int by_place(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return x->lo != y->lo ? (x->lo > y->lo) - (x->lo < y->lo) : (x->hi > y->hi) - (x->hi < y->hi);
}

/* Bytes that several share would let a small file fill the memory. */
static gd_status check_apart(const char *path, entry *list, int n) {
  qsort(list, (size_t)n, sizeof *list, by_place);
  for (int i = 1; i < n; i++)
    if (list[i].lo < list[i - 1].hi)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %s and %s share bytes", path, list[i - 1].stored.name,
                     list[i].stored.name);
  return GD_OK;
}

static gd_status read_header(const char *path, const char *header, uint64_t bytes, uint64_t data, entry *list,
                             int max, int *n) {
  json j = {path, header, header + bytes};
  if (!take(&j, '{')) return broken(&j, "it is no map");
  *n = 0;
  if (take(&j, '}')) return GD_OK;
  do {
    char name[GD_MAX_NAME];
    GD_TRY(string(&j, name, sizeof name));
    if (!take(&j, ':')) return broken(&j, "a name has no value");
    if (strcmp(name, "__metadata__") == 0) {
      GD_TRY(skip_metadata(&j));
      continue;
    }
    if (*n == max) return broken(&j, "it names more tensors than it has room for");
    entry *e = &list[(*n)++];
    memcpy(e->stored.name, name, sizeof name);
    GD_TRY(tensor(&j, e));
    GD_TRY(check(path, e, data));
  } while (take(&j, ','));
  if (!take(&j, '}') || next(&j)) return broken(&j, "it does not end where it should");
  return check_apart(path, list, *n);
}

/* ---- values ---- */

static gd_status read_at(int file, const char *path, void *to, uint64_t bytes, uint64_t at) {
  for (uint64_t done = 0; done < bytes;) {
    const ssize_t n = pread(file, (char *)to + done, bytes - done, (off_t)(at + done));
    if (n <= 0)
      return GD_FAIL(GD_ERR_CHECKPOINT, "%s: cannot be read: %s", path, n ? "input error" : "it ends early");
    done += (uint64_t)n;
  }
  return GD_OK;
}

/* Two bytes to four, from the end: in place. */
static void widen(const char *type, void *values, int64_t n) {
  for (int64_t i = n - 1; i >= 0; i--) {
    uint16_t half;
    memcpy(&half, (char *)values + i * 2, sizeof half);
    float value;
    const uint32_t bits = (uint32_t)half << 16;
    if (strcmp(type, "F16") == 0)
      value = gdi_from_half(half);
    else
      memcpy(&value, &bits, sizeof value);
    memcpy((char *)values + i * 4, &value, sizeof value);
  }
}

static gd_status read_values(int file, const char *path, uint64_t data_at, entry *e, gd_arena *a) {
  const size_t bytes = gdi_stored_bytes(&e->stored);
  const uint64_t stored = e->hi - e->lo;
  e->stored.data = gd_arena_alloc(a, bytes ? bytes : 1);
  if (!e->stored.data) return GD_ERR_OOM;
  GD_TRY(read_at(file, path, e->stored.data, stored, data_at + e->lo));
  if (stored < bytes) widen(e->type, e->stored.data, (int64_t)(stored / 2));
  return GD_OK;
}

/* ---- the file ---- */

static gd_status read_file(int file, const char *path, gd_stored **out, int *n, gd_arena *a) {
  struct stat s;
  uint64_t length = 0;
  if (fstat(file, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size < 8)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: is no safetensors file", path);
  GD_TRY(read_at(file, path, &length, sizeof length, 0));
  if (length < 2 || length > (uint64_t)s.st_size - 8 || length > MAX_HEADER)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%s: is no safetensors file: a header of %llu bytes in a file of %llu",
                   path, (unsigned long long)length, (unsigned long long)s.st_size);
  char *header = malloc(length);
  const int max = (int)(length / 40); /* the least that a tensor takes there is more */
  entry *list = calloc((size_t)max + 1, sizeof *list);
  gd_status st = header && list ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
  if (st == GD_OK) st = read_at(file, path, header, length, 8);
  if (st == GD_OK) st = read_header(path, header, length, (uint64_t)s.st_size - 8 - length, list, max, n);
  if (st == GD_OK && *n == 0) st = GD_FAIL(GD_ERR_CHECKPOINT, "%s: no arrays in it", path);
  if (st == GD_OK && !(*out = gd_arena_alloc(a, (size_t)*n * sizeof **out))) st = GD_ERR_OOM;
  for (int i = 0; st == GD_OK && i < *n; i++) {
    st = read_values(file, path, 8 + length, &list[i], a);
    (*out)[i] = list[i].stored;
  }
  free(header), free(list);
  return st;
}

bool gdi_safetensors_is(const char *path) {
  char first[9] = "";
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const bool yes = file >= 0 && pread(file, first, sizeof first, 0) == (ssize_t)sizeof first &&
                   first[8] == '{' && memcmp(first, "\x89HDF", 4) != 0;
  if (file >= 0) close(file);
  return yes;
}

gd_status gdi_safetensors_read(gd_stored **out, int *n, gd_arena *a, const char *path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %m", path);
  gd_status st = read_file(file, path, out, n, a);
  close(file);
  return st;
}

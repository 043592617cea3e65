/*
 * A ZIP archive ends with a record that tells where its directory lies; the directory lists the entries, and each entry
 * begins with a head of its own whose length varies. Larger archives (ZIP64) keep lengths in a second record and in
 * extra fields. Nothing is believed before it is compared with the size of the file.
 */
#include "data/zip.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
  END_BYTES = 22,
  LOCATOR_BYTES = 20,
  END64_BYTES = 56,
  ENTRY_BYTES = 46,
  LOCAL_BYTES = 30,
  MAX_COMMENT = 1 << 16,
  MAX_DIRECTORY = 64 << 20,
  MAX_ENTRIES = 1 << 16,
  MAX_RATIO = 1032,
  IN_BYTES = 1 << 16
};

static uint64_t little(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static bool read_at(int file, void *to, uint64_t bytes, uint64_t at) {
  for (uint64_t done = 0; done < bytes;) {
    const ssize_t n = pread(file, (char *)to + done, bytes - done, (off_t)(at + done));
    if (n <= 0) return false;
    done += (uint64_t)n;
  }
  return true;
}

bool gdi_zip_is(const char *path) {
  char first[4] = "";
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  const bool yes = file >= 0 && read_at(file, first, sizeof first, 0) &&
                   (memcmp(first, "PK\3\4", 4) == 0 || memcmp(first, "PK\5\6", 4) == 0);
  if (file >= 0) close(file);
  return yes;
}

/* ---- the directory ---- */

typedef struct directory {
  const char *path;
  int file;
  uint64_t file_bytes, at, bytes, entries;
} directory;

static gd_status damaged(const directory *d, const char *what) {
  return GD_FAIL(GD_ERR_DATA, "%s: damaged ZIP archive: %s", d->path, what);
}

/* The record of larger archives, which a locator before the end points to. */
static gd_status find_end64(directory *d, uint64_t end) {
  uint8_t locator[LOCATOR_BYTES], record[END64_BYTES];
  if (end < LOCATOR_BYTES || !read_at(d->file, locator, sizeof locator, end - LOCATOR_BYTES) ||
      memcmp(locator, "PK\6\7", 4) != 0)
    return damaged(d, "its end is too large for it");
  const uint64_t at = little(locator + 8, 8);
  if (at > end || end - at < END64_BYTES || !read_at(d->file, record, sizeof record, at) ||
      memcmp(record, "PK\6\6", 4) != 0)
    return damaged(d, "its second end is not there");
  d->entries = little(record + 32, 8), d->bytes = little(record + 40, 8), d->at = little(record + 48, 8);
  return GD_OK;
}

static gd_status find_directory(directory *d) {
  const uint64_t room = d->file_bytes < END_BYTES + MAX_COMMENT ? d->file_bytes : END_BYTES + MAX_COMMENT;
  uint8_t *tail = malloc(room + 1);
  if (!tail) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", d->path);
  int64_t end = -1;
  if (read_at(d->file, tail, room, d->file_bytes - room))
    for (int64_t i = (int64_t)room - END_BYTES; i >= 0 && end < 0; i--)
      if (memcmp(tail + i, "PK\5\6", 4) == 0) end = i;
  if (end >= 0) {
    d->entries = little(tail + end + 10, 2);
    d->bytes = little(tail + end + 12, 4), d->at = little(tail + end + 16, 4);
  }
  free(tail);
  if (end < 0) return damaged(d, "it has no end; was it cut?");
  const uint64_t end_at = d->file_bytes - room + (uint64_t)end;
  if (d->entries == 0xffff || d->bytes == 0xffffffff || d->at == 0xffffffff) GD_TRY(find_end64(d, end_at));
  if (d->at > end_at || d->bytes > end_at - d->at || d->bytes > MAX_DIRECTORY || d->entries > MAX_ENTRIES ||
      d->entries > d->bytes / ENTRY_BYTES)
    return damaged(d, "its directory does not fit into it");
  return GD_OK;
}

/* Lengths that do not fit into 32 bits stand in an extra field, in this order, those that are there. */
static gd_status take_extra(const directory *d, const uint8_t *extra, uint64_t bytes,
                            uint64_t *const value[3]) {
  for (uint64_t at = 0; at + 4 <= bytes;) {
    const uint64_t kind = little(extra + at, 2), length = little(extra + at + 2, 2);
    uint64_t next = at + 4;
    if (length > bytes - next) return damaged(d, "an extra field is cut");
    at = next + length;
    if (kind != 1) continue;
    for (int i = 0; i < 3; i++) {
      if (*value[i] != 0xffffffff) continue;
      if (next + 8 > at) return damaged(d, "a length is missing");
      *value[i] = little(extra + next, 8);
      next += 8;
    }
  }
  return GD_OK;
}

/* From the head of an entry to its values. */
static gd_status find_values(const directory *d, gdi_zip_entry *e) {
  uint8_t head[LOCAL_BYTES];
  if (e->at > d->at || d->at - e->at < LOCAL_BYTES || !read_at(d->file, head, sizeof head, e->at) ||
      memcmp(head, "PK\3\4", 4) != 0)
    return damaged(d, "an entry is not where its directory says");
  e->at += LOCAL_BYTES + little(head + 26, 2) + little(head + 28, 2);
  if (e->at > d->at || e->packed > d->at - e->at) return damaged(d, "an entry reaches behind its end");
  if (e->deflated ? e->bytes / MAX_RATIO > e->packed + 1 : e->bytes != e->packed)
    return damaged(d, "an entry promises more bytes than it can hold");
  return GD_OK;
}

static gd_status take_entry(const directory *d, const uint8_t *p, uint64_t left, gdi_zip_entry *e,
                            uint64_t *used) {
  if (left < ENTRY_BYTES || memcmp(p, "PK\1\2", 4) != 0) return damaged(d, "its directory is cut");
  const uint64_t flags = little(p + 8, 2), method = little(p + 10, 2), name = little(p + 28, 2),
                 extra = little(p + 30, 2), comment = little(p + 32, 2);
  *used = ENTRY_BYTES + name + extra + comment;
  if (*used > left) return damaged(d, "its directory is cut");
  *e = (gdi_zip_entry){.at = little(p + 42, 4),
                       .packed = little(p + 20, 4),
                       .bytes = little(p + 24, 4),
                       .crc = (uint32_t)little(p + 16, 4),
                       .deflated = method == 8};
  if (name >= sizeof e->name || memchr(p + ENTRY_BYTES, 0, name))
    return damaged(d, "a name in it is too long, or no text");
  memcpy(e->name, p + ENTRY_BYTES, name);
  uint64_t *const value[3] = {&e->bytes, &e->packed, &e->at};
  GD_TRY(take_extra(d, p + ENTRY_BYTES + name, extra, value));
  if (flags & 1) return GD_FAIL(GD_ERR_DATA, "%s: %s is encrypted; unpack it first", d->path, e->name);
  if (method != 0 && method != 8)
    return GD_FAIL(
        GD_ERR_DATA,
        "%s: %s is packed by method %d; stored and deflated ones are read: numpy.savez_compressed()", d->path,
        e->name, (int)method);
  return find_values(d, e);
}

static gd_status read_directory(const directory *d, gdi_zip_entry **out, int *n) {
  uint8_t *text = malloc(d->bytes + 1);
  *out = calloc(d->entries + 1, sizeof **out);
  gd_status st = text && *out ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to read %s", d->path);
  if (st == GD_OK && !read_at(d->file, text, d->bytes, d->at)) st = damaged(d, "its directory is cut");
  uint64_t at = 0, used = 0;
  for (*n = 0; st == GD_OK && (uint64_t)*n < d->entries; at += used, ++*n)
    st = take_entry(d, text + at, d->bytes - at, &(*out)[*n], &used);
  free(text);
  return st;
}

gd_status gdi_zip_list(gdi_zip_entry **out, int *n, const char *path) {
  directory d = {.path = path, .file = open(path, O_RDONLY | O_CLOEXEC)};
  struct stat s;
  *out = NULL, *n = 0;
  if (d.file < 0) return GD_FAIL(GD_ERR_DATA, "%s: %m", path);
  gd_status st = fstat(d.file, &s) == 0 && S_ISREG(s.st_mode) ? GD_OK : damaged(&d, "not a regular file");
  d.file_bytes = st == GD_OK ? (uint64_t)s.st_size : 0;
  if (st == GD_OK) st = find_directory(&d);
  if (st == GD_OK) st = read_directory(&d, out, n);
  close(d.file);
  if (st == GD_OK) return GD_OK;
  free(*out);
  *out = NULL, *n = 0;
  return st;
}

/* ---- values ---- */

struct gdi_zip_reader {
  int file;
  gdi_zip_entry e;
  uint64_t taken, given; /* bytes taken from the file and given out */
  uint32_t crc;
  z_stream z;
  uint8_t in[IN_BYTES];
};

gd_status gdi_zip_open(gdi_zip_reader **out, const char *path, const gdi_zip_entry *e) {
  gdi_zip_reader *r = *out = calloc(1, sizeof *r);
  if (!r) return GD_FAIL(GD_ERR_OOM, "no memory to read %s", path);
  r->e = *e;
  r->crc = (uint32_t)crc32(0, NULL, 0);
  r->file = open(path, O_RDONLY | O_CLOEXEC);
  const bool ready = !e->deflated || inflateInit2(&r->z, -MAX_WBITS) == Z_OK;
  if (r->file >= 0 && ready) return GD_OK;
  gd_status st = r->file < 0 ? GD_FAIL(GD_ERR_DATA, "%s: %m", path)
                             : GD_FAIL(GD_ERR_OOM, "no memory to unpack %s", path);
  r->e.deflated = e->deflated && ready;
  gdi_zip_close(r);
  *out = NULL;
  return st;
}

void gdi_zip_close(gdi_zip_reader *r) {
  if (!r) return;
  if (r->e.deflated) inflateEnd(&r->z);
  if (r->file >= 0) close(r->file);
  free(r);
}

static int64_t inflate_some(gdi_zip_reader *r, void *to, uint64_t bytes, const char **why) {
  r->z.next_out = to, r->z.avail_out = (uInt)bytes;
  while (r->z.avail_out > 0) {
    if (r->z.avail_in == 0 && r->taken < r->e.packed) {
      const uint64_t left = r->e.packed - r->taken, some = left < IN_BYTES ? left : IN_BYTES;
      if (!read_at(r->file, r->in, some, r->e.at + r->taken)) return *why = "the file ends there", -1;
      r->taken += some, r->z.next_in = r->in, r->z.avail_in = (uInt)some;
    }
    const int code = inflate(&r->z, Z_NO_FLUSH);
    if (code == Z_STREAM_END) break;
    if (code != Z_OK) return *why = "it cannot be unpacked", -1;
  }
  return (int64_t)(bytes - r->z.avail_out);
}

int64_t gdi_zip_read(gdi_zip_reader *r, void *to, uint64_t bytes, const char **why) {
  const uint64_t left = r->e.bytes - r->given;
  if (bytes > left) bytes = left;
  if (bytes > 1u << 30) bytes = 1u << 30;
  int64_t got = (int64_t)bytes;
  if (bytes == 0) return 0;
  if (r->e.deflated)
    got = inflate_some(r, to, bytes, why);
  else if (!read_at(r->file, to, bytes, r->e.at + r->given))
    return *why = "the file ends there", -1;
  if (got < 0) return -1;
  if (got == 0) return *why = "it is shorter than promised", -1;
  r->given += (uint64_t)got;
  r->crc = (uint32_t)crc32(r->crc, to, (uInt)got);
  if (r->given == r->e.bytes && r->crc != r->e.crc) return *why = "its checksum is wrong", -1;
  return got;
}

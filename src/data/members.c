#include "data/members.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef GD_WITH_ARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

enum { MAX_MEMBER_BYTES = 1 << 28, READ_BYTES = 1 << 17 };

static gd_status no_memory(const gdi_members *m) {
  return GD_FAIL(GD_ERR_OOM, "no memory for the files of %s", m->path);
}

/* Also ".." : nothing is written by these names, but what hides itself is no class. */
static bool hidden(const char *name) {
  if (*name == '.') return true;
  for (const char *at = name; (at = strchr(at, '/')); at++)
    if (at[1] == '.') return true;
  return strncmp(name, "__MACOSX", 8) == 0;
}

static gd_status take(const gdi_members *m, gdi_member *out, const char *name, bool folder) {
  *out = (gdi_member){.name = strdup(name), .folder = folder};
  if (!out->name) return no_memory(m);
  for (size_t n = strlen(out->name); n > 0 && out->name[n - 1] == '/'; n--) out->name[n - 1] = 0;
  return GD_OK;
}

static gd_status refuse_large(gdi_member *out) {
  snprintf(out->why, sizeof out->why, "it is larger than %d MiB", MAX_MEMBER_BYTES >> 20);
  return GD_OK;
}

/* ---- a folder ---- */

static int by_name(const FTSENT **a, const FTSENT **b) {
  return strcmp((*a)->fts_name, (*b)->fts_name);
}

static gd_status unreadable(gdi_member *out) {
  snprintf(out->why, sizeof out->why, "%s", strerror(errno));
  return GD_OK;
}

static gd_status read_file(const gdi_members *m, gdi_member *out, const char *path) {
  struct stat st;
  const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return unreadable(out);
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_MEMBER_BYTES) {
    close(fd);
    return refuse_large(out);
  }
  out->bytes = malloc((size_t)st.st_size + 1);
  ssize_t got = 0;
  while (out->bytes && out->n < (size_t)st.st_size &&
         (got = read(fd, out->bytes + out->n, (size_t)st.st_size - out->n)) > 0)
    out->n += (size_t)got;
  if (got < 0) {
    unreadable(out);
    free(out->bytes), out->bytes = NULL;
  }
  close(fd);
  return out->bytes || *out->why ? GD_OK : no_memory(m);
}

static gd_status next_of_folder(gdi_members *m, gdi_member *out) {
  const size_t root = strlen(m->path);
  FTSENT *e;
  while ((e = fts_read(m->walk))) {
    const char *name = e->fts_path + root;
    while (*name == '/') name++;
    if (e->fts_info == FTS_D && *name && hidden(name)) fts_set(m->walk, e, FTS_SKIP);
    const bool file = e->fts_info == FTS_F, folder = e->fts_info == FTS_D,
               locked = e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS;
    if (!*name || hidden(name) || !(file || folder || locked)) continue;
    if (locked) return GD_FAIL(GD_ERR_DATA, "%s: %s", e->fts_path, strerror(e->fts_errno));
    GD_TRY(take(m, out, name, folder));
    return folder ? GD_OK : read_file(m, out, e->fts_accpath);
  }
  return errno ? GD_FAIL(GD_ERR_DATA, "%s: %s", m->path, strerror(errno)) : GD_OK;
}

/* ---- an archive ---- */

#ifdef GD_WITH_ARCHIVE
static gd_status damaged(const gdi_members *m) {
  const char *why = archive_error_string(m->archive);
  return GD_FAIL(GD_ERR_DATA, "%s: as an archive it cannot be read: %s", m->path,
                 why ? why : "unknown format");
}

static gd_status open_archive(gdi_members *m) {
  struct archive *a = m->archive = archive_read_new();
  if (!a) return no_memory(m);
  archive_read_support_format_tar(a), archive_read_support_format_zip(a);
  archive_read_support_filter_gzip(a), archive_read_support_filter_xz(a), archive_read_support_filter_zstd(a);
  return archive_read_open_filename(a, m->path, READ_BYTES) == ARCHIVE_OK ? GD_OK : damaged(m);
}

/* As large as what comes out of it, whatever its header says. */
static gd_status read_entry(gdi_members *m, gdi_member *out) {
  size_t room = 0;
  for (;;) {
    if (out->n == room) {
      room = room ? 2 * room : 1 << 14;
      uint8_t *more = room <= 2 * (size_t)MAX_MEMBER_BYTES ? realloc(out->bytes, room) : NULL;
      if (!more) return no_memory(m);
      out->bytes = more;
    }
    const la_ssize_t got = archive_read_data(m->archive, out->bytes + out->n, room - out->n);
    if (got == 0) return GD_OK;
    if (got < 0) return damaged(m);
    out->n += (size_t)got;
    if (out->n <= MAX_MEMBER_BYTES) continue;
    free(out->bytes), out->bytes = NULL;
    return refuse_large(out);
  }
}

static gd_status next_of_archive(gdi_members *m, gdi_member *out) {
  struct archive_entry *e;
  int code;
  while ((code = archive_read_next_header(m->archive, &e)) == ARCHIVE_OK || code == ARCHIVE_WARN) {
    const char *name = archive_entry_pathname(e);
    const unsigned kind = archive_entry_filetype(e);
    while (name && strncmp(name, "./", 2) == 0) name += 2;
    if (!name || !*name || hidden(name) || archive_entry_hardlink(e) ||
        (kind != AE_IFREG && kind != AE_IFDIR))
      continue;
    GD_TRY(take(m, out, name, kind == AE_IFDIR));
    return out->folder ? GD_OK : read_entry(m, out);
  }
  return code == ARCHIVE_EOF ? GD_OK : damaged(m);
}

static void close_archive(gdi_members *m) {
  archive_read_free(m->archive);
}

double gdi_members_done(const gdi_members *m) {
  return m->archive && m->total ? (double)archive_filter_bytes(m->archive, -1) / (double)m->total : -1;
}
#else
static gd_status open_archive(gdi_members *m) {
  return GD_FAIL(GD_ERR_ENV, "%s: this build has no libarchive: unpack it, and give the folder", m->path);
}

static gd_status next_of_archive(gdi_members *m, gdi_member *out) {
  (void)out;
  return open_archive(m);
}

static void close_archive(gdi_members *m) {
  (void)m;
}

double gdi_members_done(const gdi_members *m) {
  (void)m;
  return -1;
}
#endif

/* ---- either ---- */

gd_status gdi_members_open(gdi_members *m, const char *path) {
  struct stat st;
  *m = (gdi_members){.path = path};
  if (stat(path, &st) != 0) return GD_FAIL(GD_ERR_DATA, "%s: %m", path);
  if (S_ISREG(st.st_mode)) {
    m->total = (uint64_t)st.st_size;
    return open_archive(m);
  }
  if (!S_ISDIR(st.st_mode)) return GD_FAIL(GD_ERR_DATA, "%s: neither a folder nor an archive", path);
  m->walk = fts_open((char *const[]){(char *)path, NULL}, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
  return m->walk ? GD_OK : GD_FAIL(GD_ERR_DATA, "%s: %m", path);
}

gd_status gdi_members_next(gdi_members *m, gdi_member *out) {
  *out = (gdi_member){0};
  errno = 0;
  if (m->ended) return GD_OK;
  const gd_status st = m->walk ? next_of_folder(m, out) : next_of_archive(m, out);
  m->ended = !out->name;
  if (st == GD_OK) return st;
  free(out->name), free(out->bytes);
  *out = (gdi_member){0};
  return st;
}

void gdi_members_close(gdi_members *m) {
  if (m->walk) fts_close(m->walk);
  if (m->archive) close_archive(m);
  m->walk = m->archive = NULL;
}

/*
 * Memory that the ranks of a group share: a file that the first of them creates, all map, and that is then
 * unlinked. Each rank allocates its share of the pages before use: on its own NUMA node, and a full file
 * system is an error here, not a SIGBUS later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "comm/world.h"

enum { PATH_BYTES = 512, MAX_FOLDERS = 8 };

typedef struct ticket { /* what the group's first rank tells the others */
  char path[PATH_BYTES];
  uint64_t token;
  int32_t error;
} ticket;

static gd_status group_bcast(gd_world *w, void *data, size_t bytes) {
  MPI_Request r;
  GDI_TRY_MPI(w, MPI_Ibcast(data, (int)bytes, MPI_BYTE, 0, w->group_comm, &r), "sharing memory");
  return gdi_mpi_wait(w, &r, "sharing memory");
}

static gd_status group_worst(gd_world *w, int *error) {
  MPI_Request r;
  GDI_TRY_MPI(w, MPI_Iallreduce(MPI_IN_PLACE, error, 1, MPI_INT, MPI_MAX, w->group_comm, &r),
              "sharing memory");
  return gdi_mpi_wait(w, &r, "sharing memory");
}

/* Folders to try, in order, from GDTRAIN_SHM_DIR ("a:b") or what every Linux has. */
static int folders(char list[PATH_BYTES], const char *folder[MAX_FOLDERS]) {
  const char *asked = getenv("GDTRAIN_SHM_DIR"), *tmp = getenv("TMPDIR");
  if (asked && *asked)
    snprintf(list, PATH_BYTES, "%s", asked);
  else
    snprintf(list, PATH_BYTES, "/dev/shm:%s", tmp && *tmp ? tmp : "/tmp");
  int n = 0;
  char *rest = list;
  for (char *f; n < MAX_FOLDERS && (f = strsep(&rest, ":"));)
    if (*f) folder[n++] = f;
  return n;
}

static int create(ticket *t, const char *folder, size_t bytes) {
  uint64_t name[2];
  if (getrandom(name, sizeof name, 0) != sizeof name ||
      getrandom(&t->token, sizeof t->token, 0) != sizeof t->token)
    return -1;
  int n = snprintf(t->path, sizeof t->path, "%s/gdtrain-%016llx%016llx", folder, (unsigned long long)name[0],
                   (unsigned long long)name[1]);
  if (n >= (int)sizeof t->path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = open(t->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  if (ftruncate(fd, (off_t)bytes) == 0 && pwrite(fd, &t->token, sizeof t->token, 0) == sizeof t->token)
    return fd;
  int cause = errno;
  unlink(t->path), close(fd);
  errno = cause;
  return -1;
}

/* Is it the same file? 0 or errno. */
static int check(int fd, const ticket *t) {
  uint64_t token;
  if (fd < 0) return errno;
  return pread(fd, &token, sizeof token, 0) == sizeof token && token == t->token ? 0 : ESTALE;
}

/* Room for this rank's part of it; 0 or errno. */
static int reserve(const gd_world *w, int fd, size_t bytes) {
  const int64_t page = 4096, pages = ((int64_t)bytes + page - 1) / page;
  gd_range r = gd_share(pages, w->mine.hi - w->mine.lo, w->rank - w->mine.lo);
  return r.lo < r.hi ? posix_fallocate(fd, r.lo * page, (r.hi - r.lo) * page) : 0;
}

static int map(gd_shared *s, int fd, size_t bytes) {
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  if (data == MAP_FAILED) return errno;
  madvise(data, bytes, MADV_HUGEPAGE); /* where the system offers them */
  *s = (gd_shared){.data = data, .bytes = bytes};
  return 0;
}

/* One folder; collective. *error: 0 or the errno of a rank that could not. */
static gd_status try_folder(gd_world *w, gd_shared *s, size_t bytes, const char *folder, int *error) {
  const bool first = w->rank == w->mine.lo;
  ticket t = {.error = 0};
  int fd = -1;
  if (first && (fd = create(&t, folder, bytes)) < 0) t.error = errno;
  GD_TRY(group_bcast(w, &t, sizeof t));
  *error = t.error;
  if (*error) return GD_OK;
  if (!first) fd = open(t.path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  *error = check(fd, &t);
  gd_status st = group_worst(w, error);
  if (first) unlink(t.path); /* before it takes space: a rank that is killed now leaves no file behind */
  if (st == GD_OK && !*error) {
    *error = reserve(w, fd, bytes);
    if (!*error) *error = map(s, fd, bytes);
    st = group_worst(w, error);
  }
  if (fd >= 0) close(fd);
  if (*error || st != GD_OK) {
    gd_shared_free(w, s);
    return st;
  }
  if (first) memset(s->data, 0, sizeof t.token);
  int unused = 0; /* no rank uses the memory before it has the token */
  return group_worst(w, &unused);
}

gd_status gd_shared_new(gd_world *w, gd_shared *out, size_t bytes) {
  *out = (gd_shared){0};
  if (bytes == 0) bytes = GD_ALIGN;
  if (w->broken) return GD_ERR_COMM;
  const bool first = w->rank == w->mine.lo;
  int error = 0;
  if (w->mine.hi - w->mine.lo == 1) {
    error = map(out, -1, bytes);
    out->owner = true;
    return error ? GD_FAIL(GD_ERR_OOM, "no %zu bytes of memory: %s", bytes, strerror(error)) : GD_OK;
  }
  char list[PATH_BYTES];
  const char *folder[MAX_FOLDERS] = {NULL};
  int n = folders(list, folder); /* the others follow the group's first rank: bcast the count */
  GD_TRY(group_bcast(w, &n, sizeof n));
  for (int i = 0; i < n; i++) {
    GD_TRY(try_folder(w, out, bytes, folder[i], &error));
    out->owner = first;
    if (!error) return GD_OK;
    if (first)
      gd_message(GD_LOG_WARN, "host %s: no %zu bytes of shared memory in %s: %s%s",
                 gd_world_hostname(w, w->rank), bytes, folder[i], strerror(error),
                 i + 1 < n ? "; trying the next folder" : "");
  }
  *out = (gd_shared){0};
  return GD_FAIL(GD_ERR_OOM,
                 "host %s has no %zu bytes of shared memory: %s; GDTRAIN_SHM_DIR names folders to use",
                 gd_world_hostname(w, w->rank), bytes, strerror(error));
}

void gd_shared_free(gd_world *w, gd_shared *s) {
  (void)w;
  if (s->data) munmap(s->data, s->bytes);
  *s = (gd_shared){0};
}

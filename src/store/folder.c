/* A folder of checkpoints, step-%08d.h5 and best.h5. What is in it decides, not what some file says is the latest. */
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/h5file.h"
#include "gd/log.h"
#include "store/checkpoint.h"

typedef gdi_listed listed;

/* "step-00000500.h5", and temporary files beside it: "step-00000500.h5.<anything>.tmp". */
static bool parse_name(const char *name, listed *out, bool *temporary) {
  if (strncmp(name, "step-", 5) != 0) return false;
  const size_t digits = strspn(name + 5, "0123456789");
  if (digits < 8 || digits > 18) return false;
  out->step = strtoll(name + 5, NULL, 10);
  if (strncmp(name + 5 + digits, ".h5", 3) != 0) return false;
  const char *rest = name + 5 + digits + 3;
  const size_t n = strlen(rest);
  *temporary = n > 4 && *rest == '.' && strcmp(rest + n - 4, ".tmp") == 0;
  snprintf(out->name, sizeof out->name, "%.*s", (int)(rest - name), name);
  return n == 0 || *temporary;
}

static int newest_first(const void *a, const void *b) {
  const int64_t x = ((const listed *)a)->step, y = ((const listed *)b)->step;
  return x != y ? (x < y) - (x > y)
                : strcmp(((const listed *)b)->name, ((const listed *)a)->name); /* best.h5 last */
}

/* The checkpoints of a folder, newest first, for free(); temporary files are removed when asked. */
static gd_status list_folder(const char *folder, bool clean, listed **out, int *n) {
  *out = NULL, *n = 0;
  DIR *d = opendir(folder);
  if (!d && errno == ENOENT) return GD_OK;
  if (!d) return GD_FAIL(GD_ERR_CHECKPOINT, "%s: %m", folder);
  gd_status st = GD_OK;
  for (struct dirent *e; st == GD_OK && (e = readdir(d));) {
    listed found;
    bool temporary;
    if (!parse_name(e->d_name, &found, &temporary)) continue;
    if (temporary) {
      if (clean && unlinkat(dirfd(d), e->d_name, 0) == 0)
        gd_message(GD_LOG_INFO, "removed %s/%s, left by a run that died", folder, e->d_name);
      continue;
    }
    listed *more = realloc(*out, ((size_t)*n + 1) * sizeof **out);
    if (!more)
      st = GD_FAIL(GD_ERR_OOM, "no memory to list %s", folder);
    else
      *out = more, more[(*n)++] = found;
  }
  closedir(d);
  if (*n > 1) qsort(*out, (size_t)*n, sizeof **out, newest_first);
  if (st != GD_OK) free(*out), *out = NULL;
  return st;
}

static gd_status join(char *path, size_t bytes, const char *folder, const char *name) {
  if ((size_t)snprintf(path, bytes, "%s/%s", folder, name) < bytes) return GD_OK;
  return GD_FAIL(GD_ERR_CHECKPOINT, "%.80s.../%s: the path is too long", folder, name);
}

gd_status gdi_checkpoints_list(const char *folder, gdi_listed **out, int *n) {
  return list_folder(folder, false, out, n);
}

/* best.h5 is newer than all others where those were removed, or damaged. */
static gd_status add_best(const char *folder, listed **list, int *n) {
  char path[4096];
  gd_checkpoint best;
  GD_TRY(join(path, sizeof path, folder, "best.h5"));
  if (access(path, F_OK) != 0) return GD_OK;
  listed *more = realloc(*list, ((size_t)*n + 1) * sizeof **list);
  if (!more) return GD_FAIL(GD_ERR_OOM, "no memory to list %s", folder);
  *list = more;
  const bool valid = gd_checkpoint_read(&best, path, true) == GD_OK;
  more[*n] = (listed){.step = valid ? best.step : -1, .name = "best.h5"};
  if (valid) gd_checkpoint_free(&best);
  ++*n;
  qsort(*list, (size_t)*n, sizeof **list, newest_first);
  return GD_OK;
}

static gd_status newest_valid(const char *folder, const listed *list, int n, char *path, size_t bytes) {
  for (int i = 0; i < n; i++) {
    gd_digest digest;
    GD_TRY(join(path, bytes, folder, list[i].name));
    gd_status st = gdi_h5_look(path, GD_ERR_CHECKPOINT);
    if (st == GD_OK) st = gdi_checkpoint_verify(path, &digest);
    if (st == GD_OK) return GD_OK;
    if (st != GD_ERR_CHECKPOINT) return st;
    gd_message(GD_LOG_WARN, "passed over: %s", gd_error_last()->message);
  }
  *path = 0;
  return n == 0 ? GD_OK
                : GD_FAIL(GD_ERR_CHECKPOINT, "%s: none of its %d checkpoints is valid; the oldest: %s",
                          folder, n, gd_error_last()->message);
}

gd_status gd_checkpoint_latest(const char *folder, char *path, size_t bytes) {
  listed *list;
  int n;
  *path = 0;
  GD_TRY(list_folder(folder, false, &list, &n));
  gd_status st = add_best(folder, &list, &n);
  if (st == GD_OK) st = newest_valid(folder, list, n, path, bytes);
  if (st != GD_OK) *path = 0;
  free(list);
  return st;
}

gd_status gd_checkpoint_prune(const char *folder, int keep) {
  listed *list;
  int n;
  if (keep < 1) return GD_FAIL(GD_ERR_USAGE, "at least one checkpoint has to be kept, not %d", keep);
  GD_TRY(list_folder(folder, true, &list, &n));
  gd_status st = GD_OK;
  for (int i = keep; i < n && st == GD_OK; i++) {
    char path[4096];
    st = join(path, sizeof path, folder, list[i].name);
    if (st == GD_OK && unlink(path) != 0) st = GD_FAIL(GD_ERR_WRITE, "%s: cannot be removed: %m", path);
  }
  free(list);
  return st;
}

static bool is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

gd_status gd_checkpoint_find(const char *path, char *found, size_t bytes) {
  char folder[4096];
  if (strlen(path) >= sizeof folder - 32 || strlen(path) >= bytes)
    return GD_FAIL(GD_ERR_CHECKPOINT, "%.80s...: the path is too long", path);
  snprintf(found, bytes, "%s", path);
  if (!is_folder(path)) return GD_OK;
  snprintf(folder, sizeof folder, "%s/checkpoints", path);
  if (!is_folder(folder)) snprintf(folder, sizeof folder, "%s", path);
  snprintf(found, bytes, "%s/best.h5", folder);
  if (access(found, R_OK) == 0) return GD_OK;
  GD_TRY(gd_checkpoint_latest(folder, found, bytes));
  return *found ? GD_OK : GD_FAIL(GD_ERR_CHECKPOINT, "%s holds no checkpoint", path);
}

static gd_status join_all(const char *folder, const listed *list, int n, gd_arena *a, const char **path) {
  for (int i = 0; i < n; i++) {
    const size_t bytes = strlen(folder) + sizeof list->name + 2;
    char *to = gd_arena_alloc(a, bytes);
    if (!to) return GD_ERR_OOM;
    GD_TRY(join(to, bytes, folder, list[n - 1 - i].name)); /* the list is newest first */
    path[i] = to;
  }
  return GD_OK;
}

gd_status gd_checkpoint_snapshots(const char *run, gd_arena *a, const char *const **out, int *n) {
  char folder[4096];
  listed *list;
  GD_TRY(join(folder, sizeof folder, run, "snapshots"));
  if (!is_folder(folder)) GD_TRY(join(folder, sizeof folder, run, "."));
  *n = 0, list = NULL;
  if (is_folder(folder)) GD_TRY(list_folder(folder, false, &list, n));
  const char **path = gd_arena_alloc(a, ((size_t)*n + 1) * sizeof *path);
  gd_status st = path ? join_all(folder, list, *n, a, path) : GD_ERR_OOM;
  free(list);
  *out = path;
  if (st != GD_OK || *n > 0) return st;
  return GD_FAIL(GD_ERR_CHECKPOINT,
                 "%s holds no snapshots: train with --schedule sgdr --checkpoint.snapshots true", run);
}

#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

gd_status gdi_folder_make(const char *path) {
  char part[4096];
  snprintf(part, sizeof part, "%s", path);
  for (char *slash = part + 1;; slash++) {
    slash = strchr(slash, '/');
    if (slash) *slash = 0;
    if (mkdir(part, 0777) != 0 && errno != EEXIST)
      return GD_FAIL(GD_ERR_WRITE, "%s: cannot make the folder: %s", part, strerror(errno));
    if (!slash) break;
    *slash = '/';
  }
  if (access(path, W_OK | X_OK) != 0)
    return GD_FAIL(GD_ERR_WRITE, "%s: cannot write there: %s", path, strerror(errno));
  return GD_OK;
}

gd_status gdi_folder_lock(int *hold, const char *path, const char *taken) {
  enum { TRIES = 50, PAUSE_NS = 100000000 };
  *hold = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int i = 0; *hold >= 0 && flock(*hold, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
    if (i == TRIES) return GD_FAIL(GD_ERR_USAGE, "%s: %s", path, taken);
    nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
  }
  return GD_OK;
}

bool gdi_same_file(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static gd_status cannot(const char *path) {
  return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
}

gd_status gdi_file_write(const char *folder, const char *name, gdi_printer print, const void *what) {
  char path[4200], temporary[4200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  snprintf(temporary, sizeof temporary, "%s/.%s.tmp", folder, name);
  FILE *f = fopen(temporary, "w");
  if (!f) return cannot(temporary);
  print(f, what);
  bool ok = !ferror(f) && fflush(f) == 0 && fsync(fileno(f)) == 0;
  ok = fclose(f) == 0 && ok;
  if (ok && rename(temporary, path) == 0) return GD_OK;
  gd_status st = cannot(path);
  unlink(temporary);
  return st;
}

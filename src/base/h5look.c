/* The first look at a stranger's HDF5 file: in a child process, so that a crash is a verdict. */
#include "base/h5file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSOR_SECONDS = 20, MORE_MEMORY = 1 << 30 };

static void limit(int what, rlim_t most) {
  struct rlimit r;
  if (getrlimit(what, &r) != 0) return;
  if (r.rlim_max < most) most = r.rlim_max;
  setrlimit(what, &(struct rlimit){most, most});
}

static void limit_memory(void) {
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is larger than any limit */
  unsigned long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f) return;
  if (fscanf(f, "%lu", &pages) == 1)
    limit(RLIMIT_AS, (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MORE_MEMORY);
  fclose(f);
#endif
}

/* Whether an array may be read is decided when it is needed; here it only has to be probed at. */
static gd_status look_at_array(void *user, const char *name) {
  gdi_h5_array a;
  if (gdi_h5_array_open(&a, user, name) == GD_OK) gdi_h5_array_close(&a);
  return GD_OK;
}

static gd_status look(const char *path, gd_status failure) {
  gdi_h5 f;
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, PROCESSOR_SECONDS);
  limit_memory();
  GD_TRY(gdi_h5_open(&f, path, failure));
  gd_status st = gdi_h5_list(&f, "/", look_at_array, &f);
  gdi_h5_close(&f);
  return st;
}

gd_status gdi_h5_look(const char *path, gd_status failure) {
  GDI_H5_LOCKED; /* no other thread is inside HDF5 while the process is copied */
  int verdict[2];
  if (pipe(verdict) != 0) return GD_FAIL(GD_ERR_ENV, "no pipe for a look at %s: %m", path);
  pid_t child = fork();
  if (child == 0) {
    gd_error e = {.status = look(path, failure)};
    if (e.status != GD_OK) e = *gd_error_last();
    _exit(write(verdict[1], &e, sizeof e) != sizeof e);
  }
  close(verdict[1]);
  if (child < 0) {
    close(verdict[0]);
    return GD_FAIL(GD_ERR_ENV, "no child process for a look at %s: %m", path);
  }
  gd_error e;
  ssize_t got;
  while ((got = read(verdict[0], &e, sizeof e)) < 0 && errno == EINTR) {
  }
  close(verdict[0]);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  if (got != sizeof e)
    return GD_FAIL(failure,
                   "%s: damaged: HDF5 crashed on it, or used too much memory or time (in a child process)",
                   path);
  return e.status == GD_OK ? GD_OK : gd_error_adopt(&e);
}

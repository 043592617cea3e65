/*
 * Driver of store_kill.sh.
 *   store_write FOLDER write STEP    writes step-STEP.h5 and prunes to two, as a run does
 *   store_write FOLDER check LEAST   prints the step of the newest valid checkpoint; fails when it is below
 * LEAST, or when its values are not those of its step
 */
#include <stdio.h>
#include <stdlib.h>

#include "gd/gd.h"
#include "store_example.h"

static int failed(void) {
  fprintf(stderr, "%s\n", gd_error_last()->message);
  return gd_status_exit_code(gd_error_last()->status);
}

static int write_step(const char *folder, int64_t step) {
  example e;
  char path[4096];
  snprintf(path, sizeof path, "%s/step-%08lld.h5", folder, (long long)step);
  if (gd_checkpoint_write(example_make(&e, step), path) != GD_OK) return failed();
  return gd_checkpoint_prune(folder, 2) == GD_OK ? 0 : failed();
}

static int check(const char *folder, int64_t least) {
  example e;
  gd_checkpoint c;
  char path[4096];
  if (gd_checkpoint_latest(folder, path, sizeof path) != GD_OK) return failed();
  if (!*path || gd_checkpoint_read(&c, path, false) != GD_OK) return failed();
  printf("%lld\n", (long long)c.step);
  return c.step < least || !same_checkpoint(example_make(&e, c.step), &c, true);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  const int64_t step = atoll(argv[3]);
  return *argv[2] == 'w' ? write_step(argv[1], step) : check(argv[1], step);
}

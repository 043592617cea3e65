/* gdtrain verify [CONFIG.yaml] [--key value ...] */
#include "cli/cli.h"

static void show(void *user, const gd_check *c) {
  static const char *const words[] = {[GD_PASS] = "PASS", [GD_FAILED] = "FAIL", [GD_SKIPPED] = "SKIP"};
  if (!*(const bool *)user) return;
  printf("%-14s %s  %s\n", c->name, words[c->outcome], c->figure);
  fflush(stdout);
}

gd_status gdi_command_verify(int argc, char **argv) {
  run_setup r;
  gd_status st = gdi_run_parse(&r, argc, argv, gdi_run_switches);
  st = gdi_run_join(&r, gdi_run_options(&r, st));
  if (st == GD_OK) {
    bool root = gd_world_rank(r.w) == 0;
    st = gd_verify(r.w, &r.o, show, &root);
  }
  return gdi_run_end(&r, st);
}

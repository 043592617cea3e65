/* gdtrain verify [CONFIG.yaml] [--key value ...] */
#include "cli/cli.h"

static void show(void *user, const gd_check *c) {
  static const char *const words[] = {[GD_PASS] = "PASS", [GD_FAILED] = "FAIL", [GD_SKIPPED] = "SKIP"};
  if (!*(const bool *)user) return;
  printf("%-14s %s  %s\n", c->name, words[c->outcome], c->figure);
  fflush(stdout);
}

static gd_status verify(gd_world *w, const gd_options *o, bool demonstration) {
  bool root = gd_world_rank(w) == 0;
  if (demonstration) GD_TRY(demo_ready(w));
  return gd_verify(w, o, show, &root);
}

gd_status command_verify(int argc, char **argv) {
  args a;
  gd_options o = {0};
  bool demonstration = false;
  gd_world *w = NULL;
  gd_status st = args_parse(&a, argc, argv, run_switches);
  if (st == GD_OK) st = run_options(&o, &a, &demonstration);
  st = join(&w, st, st == GD_OK ? &o : NULL);
  if (st == GD_OK) st = verify(w, &o, demonstration);
  st = leave(w, st);
  gd_options_free(&o);
  args_free(&a);
  return st;
}

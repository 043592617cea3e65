/* gdtrain bench [CONFIG.yaml] [--key value ...]: where the time of a step goes. */
#include "cli/cli.h"

static void print_part(const char *name, double seconds, double total) {
  printf("  %-10s %10.1f us %6.1f %%\n", name, 1e6 * seconds, 100 * seconds / total);
}

static void print_bench(const gd_bench_result *r) {
  const gd_ledger *l = &r->ledger;
  printf("%s\n\nstep         %10.1f us  (median of %lld), %.0f samples/s\n", r->layout, 1e6 * r->step_s,
         (long long)r->steps, r->samples_per_s);
  printf("ledger, mean over ranks and steps:\n");
  print_part("data", l->data, l->total);
  print_part("forward", l->forward, l->total);
  print_part("backward", l->backward, l->total);
  print_part("sum", l->sum, l->total);
  print_part("exchange", l->exchange, l->total);
  print_part("update", l->update, l->total);
  print_part("wait", l->wait, l->total);
  print_part("other", l->other, l->total);
  print_part("total", l->total, l->total);
  printf("products     %10.1f us  bare, %.1f GFLOP/s a rank: the step takes %.2f times as long\n",
         1e6 * r->products_s, 1e-9 * r->products_flops / r->products_s, r->step_s / r->products_s);
  printf("barrier      %10.1f us\n", 1e6 * r->barrier_s);
}

gd_status command_bench(int argc, char **argv) {
  args a;
  gd_options o = {0};
  bool demonstration = false;
  gd_world *w = NULL;
  gd_bench_result r;
  gd_status st = args_parse(&a, argc, argv, run_switches);
  if (st == GD_OK) st = run_options(&o, &a, &demonstration);
  st = join(&w, st, st == GD_OK ? &o : NULL);
  if (st == GD_OK && demonstration) st = gd_world_agree(w, gd_world_rank(w) == 0 ? demo_data() : GD_OK);
  if (st == GD_OK) st = gd_bench(w, &o, &r);
  if (st == GD_OK && gd_world_rank(w) == 0) print_bench(&r);
  st = leave(w, st);
  gd_options_free(&o);
  args_free(&a);
  return st;
}

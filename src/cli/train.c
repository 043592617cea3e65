/* gdtrain [train] [CONFIG.yaml] [--key value ...] */
#include <math.h>
#include <string.h>

#include "cli/cli.h"

static void print_measure(const char *what, const gd_measure *m) {
  char name[64];
  if (strcmp(m->metric->name, "accuracy") == 0 || isnan(m->value)) return;
  snprintf(name, sizeof name, "%s%s", what, m->metric->name);
  printf(m->metric->percent ? "%-12s  %.2f %%\n" : "%-12s  %.6g\n", name,
         m->metric->percent ? 100 * m->value : m->value);
}

/* By what decides: the first metric, or the loss. */
static void print_best(const gd_row *best) {
  const gd_measure *m = best->val.n ? &best->val.measure[0] : NULL;
  if (!m)
    printf("best          %.6g at step %lld\n", best->val.loss, (long long)best->step);
  else
    printf(m->metric->percent ? "best          %.2f %% at step %lld\n" : "best          %.6g at step %lld\n",
           m->metric->percent ? 100 * m->value : m->value, (long long)best->step);
}

static void print_result(const gd_train_result *r) {
  char digest[65];
  gd_digest_hex(&r->digest, digest);
  printf("steps         %lld\n", (long long)r->steps);
  if (!isnan(r->last.loss)) printf("train loss    %.6g\n", r->last.loss);
  if (!isnan(r->last.val.loss)) printf("val loss      %.6g\n", r->last.val.loss);
  if (!isnan(r->last.val.accuracy)) printf("val accuracy  %.2f %%\n", 100 * r->last.val.accuracy);
  for (int i = 0; i < r->last.val.n; i++) print_measure("val ", &r->last.val.measure[i]);
  if (r->best.step) print_best(&r->best);
  if (!isnan(r->last.noise_scale)) printf("noise scale   %.6g samples\n", r->last.noise_scale);
  if (!isnan(r->samples_per_s)) printf("samples/s     %.0f\n", r->samples_per_s);
  printf("checkpoint    %s\n", r->checkpoint);
  printf("digest        %s\n", digest);
}

static gd_status train(gd_world *w, const gd_options *o) {
  gd_observer observer = gdi_console_observer();
  gd_train_result result;
  gd_status st = gd_train(w, o, &observer, &result);
  if (st != GD_OK && st != GD_STOPPED) return st;
  if (gd_world_rank(w) == 0) {
    gdi_console_clear();
    print_result(&result);
    fflush(stdout);
    if (o->plots && st == GD_OK) gdi_plot_run(result.folder), gdi_plot_confusion(result.folder);
  }
  return st;
}

gd_status gdi_command_train(int argc, char **argv) {
  run_setup r;
  gd_status st = gdi_run_parse(&r, argc, argv, gdi_run_switches);
  bool print_only = false;
  if (st == GD_OK) st = gdi_args_flag(&r.a, "print_config", &print_only);
  st = gdi_run_options(&r, st);
  if (print_only && st == GD_OK) {
    gd_options_print(&r.o, stdout);
  } else {
    gdi_catch_signals();
    st = gdi_run_join(&r, st);
    if (st == GD_OK) st = train(r.w, &r.o);
  }
  return gdi_run_end(&r, st);
}

/* gdtrain compare [CONFIG.yaml] --batch-sizes full,512,64,1 --target-loss 0.3 [...]; --vary KEY=V1,V2; --ranks 1,2,4 */
#include <math.h>
#include <string.h>

#include "base/words.h"
#include "cli/compare.h"

/* ---- options */

static gd_status take_metric(args *a, gd_compare_options *c) {
  const char *v = gdi_args_take(a, "target_metric");
  if (!v) return GD_OK;
  const char *colon = strchr(v, ':');
  char name[64];
  snprintf(name, sizeof name, "%.*s", colon ? (int)(colon - v) : 0, v);
  if (!*name)
    return GD_FAIL(GD_ERR_USAGE,
                   "target_metric: \"%.60s\" is no metric and its target, as accuracy:0.97 or rmse:2.5", v);
  const gd_setting value = {.key = "target_metric", .value = colon + 1};
  if (strcmp(name, "loss") == 0) return gd_setting_f64(&value, -1e300, 1e300, &c->target_loss);
  GD_TRY(gd_metric_find(&c->target_metric, name));
  if (c->target_metric->table)
    return GD_FAIL(GD_ERR_USAGE, "target_metric: %s is a table, not a number to reach", name);
  const bool share = c->target_metric->percent;
  return gd_setting_f64(&value, share ? 0 : -1e300, share ? 1 : 1e300, &c->target_measure);
}

static gd_status take_options(args *a, gd_compare_options *c, const char **report) {
  *c = (gd_compare_options){
      .target_loss = NAN, .target_measure = NAN, .seeds = 1, .max_epochs = 50, .max_updates = 2000};
  c->batch_sizes = gdi_args_take(a, "batch_sizes");
  c->lr_grid = gdi_args_take(a, "lr_grid");
  *report = gdi_args_take(a, "report");
  GD_TRY(gdi_args_f64(a, "target_loss", -1e300, 1e300, &c->target_loss));
  GD_TRY(take_metric(a, c));
  GD_TRY(gdi_args_i64(a, "seeds", 1, 64, &c->seeds));
  GD_TRY(gdi_args_i64(a, "max_epochs", 0, 1000000000, &c->max_epochs));
  GD_TRY(gdi_args_i64(a, "max_updates", 0, 1000000000000, &c->max_updates));
  GD_TRY(gdi_args_f64(a, "eval_resolution", 1e-6, 1, &c->resolution));
  const char *ranks = gdi_args_get(a, "ranks_per_run");
  if (ranks && strcmp(ranks, "auto") == 0) ranks = gdi_args_take(a, "ranks_per_run"), ranks = NULL;
  return gdi_args_i64(a, "ranks_per_run", 1, 1000000, &c->ranks_per_run);
}

/* ---- the table */

static void print_row(const gd_compare_row *r, bool seeds) {
  char batch[32], rate[24], v[6][24], range[64] = "";
  gdi_compare_batch(batch, r);
  snprintf(rate, sizeof rate, "%g%s", r->lr, r->edge ? " *" : "");
  const double number[] = {r->updates, r->epochs, r->samples, r->seconds, r->final_loss, r->noise_scale};
  for (int i = 0; i < 6; i++) gdi_compare_number(v[i], number[i]);
  if (seeds && isfinite(r->updates_max))
    snprintf(range, sizeof range, "  (%.0f to %.0f)", r->updates_min, r->updates_max);
  printf("%11s %9s %7s %6s %7s %7s %6s %6s  %-*s%s\n", batch, rate, v[0], v[1], v[2], v[3], v[4], v[5],
         *range ? 11 : 0, r->regime, range);
}

static void print_fit(const gd_compare_result *r) {
  const gd_hyperbola *h = &r->fit;
  if (h->points == 0) {
    printf("\nno fit: fewer than 3 batch sizes reached the target\n");
    return;
  }
  char v[3][24], lo[3][24], hi[3][24];
  const double value[] = {h->s_min, h->e_min, h->b_crit};
  for (int i = 0; i < 3; i++)
    gdi_compare_number(v[i], value[i]), gdi_compare_number(lo[i], h->lo[i]),
        gdi_compare_number(hi[i], h->hi[i]);
  printf("\nupdates(B) = S_min + E_min / B over %d batch sizes (in brackets: 95 %% by bootstrap)\n",
         h->points);
  printf("  S_min   %-8s [%s, %s]   fewest updates, with any batch\n", v[0], lo[0], hi[0]);
  printf("  E_min   %-8s [%s, %s]   fewest samples\n", v[1], lo[1], hi[1]);
  printf("  B_crit  %-8s [%s, %s]   beyond it larger batches save few updates\n", v[2], lo[2], hi[2]);
  printf("  the measured points lie %.2g %% off this model\n", 100 * h->deviation);
  if (!isnan(r->b_simple)) {
    char simple[24];
    gdi_compare_number(simple, r->b_simple);
    printf("  gradient noise scale at the target %s: B_crit / B_simple = %.2g\n", simple,
           h->b_crit / r->b_simple);
  }
}

static void print_notes(const gd_compare_result *r) {
  int diverged = 0, cut = 0, never = 0, runs = 0;
  bool edge = false;
  for (int i = 0; i < r->rows; i++) {
    const gd_compare_row *w = &r->row[i];
    runs += w->runs, diverged += w->diverged, cut += w->cut, never += w->never, edge |= w->edge;
  }
  printf("\n%d runs: %d diverged, %d cut at twice the best, %d never reached the target\n", runs, diverged,
         cut, never);
  if (edge) printf("* the best rate is an end of the grid: a better one may lie beyond\n");
}

static void print_table(const gd_compare_result *r, const gd_compare_options *c) {
  printf("%11s %9s %7s %6s %7s %7s %6s %6s  %s\n", "batch", "rate", "updates", "epochs", "samples", "seconds",
         "loss", "noise", "regime");
  for (int i = 0; i < r->rows; i++) print_row(&r->row[i], c->seeds > 1);
  print_notes(r);
  print_fit(r);
}

/* ---- the command */

static gd_status compare(gd_world *w, gd_options *o, const gd_compare_options *c, const char *report) {
  gd_compare_result result;
  gd_status st = gd_compare(w, o, c, &result);
  if (st == GD_OK && gd_world_rank(w) == 0) {
    print_table(&result, c);
    printf("\nfolder  %s (compare.csv, runs.csv, compare.h5)\n", result.folder);
    fflush(stdout);
    if (o->plots) gdi_compare_plot(&result, c);
    if (report) st = gdi_compare_report(&result, o, c, report);
  }
  st = gd_world_agree(w, st);
  gd_compare_free(&result);
  return st;
}

/* What is varied instead of batch sizes and rates: runs go to their ends, whatever they reach. */
static gd_status take_vary(args *a, gd_vary_options *v) {
  static const char others[] = "batch_sizes lr_grid target_loss target_metric seeds max_epochs max_updates "
                               "eval_resolution report ranks";
  GD_TRY(gdi_args_take_all(a, "vary", &v->vary, &v->n));
  for (int i = 0; v->n && i < a->setting.n; i++)
    if (gdi_is_listed(a->setting.item[i].key, others))
      return GD_FAIL(GD_ERR_USAGE,
                     "--%s does not go with --vary, which trains all runs to their ends: vary "
                     "batch_size=..., lr=... or seed=1..3",
                     a->setting.item[i].key);
  return GD_OK;
}

gd_status gdi_command_compare(int argc, char **argv) {
  run_setup r;
  gd_compare_options c;
  gd_vary_options v = {0};
  const char *report = NULL, *ranks = NULL;
  gdi_compare_command(argc, argv);
  gd_status st = gdi_run_parse(&r, argc, argv, gdi_run_switches);
  if (st == GD_OK) st = take_vary(&r.a, &v);
  if (st == GD_OK) ranks = gdi_args_take(&r.a, "ranks");
  if (st == GD_OK) st = take_options(&r.a, &c, &report);
  if (v.n) v.ranks_per_run = c.ranks_per_run, gdi_catch_signals();
  st = gdi_run_join(&r, gdi_run_options(&r, st));
  if (st == GD_OK && r.demonstration && isnan(c.target_loss) && isnan(c.target_measure)) c.target_loss = 0.3;
  if (st == GD_OK)
    st = v.n     ? gdi_vary_command(r.w, &r.o, &v)
         : ranks ? gdi_scaling(r.w, &r.o, ranks)
                 : compare(r.w, &r.o, &c, report);
  return gdi_run_end(&r, st);
}

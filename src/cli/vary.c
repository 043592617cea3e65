/* The table of a study of varied settings, and what it says. */
#include <math.h>

#include "cli/compare.h"

void gdi_vary_number(char buf[32], const gd_vary_result *r, double v) {
  if (!isfinite(v))
    snprintf(buf, 32, isinf(v) ? "diverged" : "-");
  else
    snprintf(buf, 32, r->percent ? "%.2f" : "%.4g", r->percent ? 100 * v : v);
}

static void print_row(const gd_vary_result *r, int i) {
  const gd_vary_row *w = &r->row[i];
  char v[6][32], range[72] = "";
  const double of_measure[] = {w->last, w->min, w->max, w->best};
  for (int k = 0; k < 4; k++) gdi_vary_number(v[k], r, of_measure[k]);
  gdi_compare_number(v[4], w->epochs), gdi_compare_number(v[5], w->seconds);
  if (w->seeds > 1) snprintf(range, sizeof range, "%s to %s", v[1], v[2]);
  printf("%3d %9s  %-17s %7s %6s %7s  %s\n", i + 1, v[0], range, v[3], v[4], v[5],
         *w->settings ? w->settings : "(seeds alone)");
}

static void print_difference(const gd_vary_result *r, int i) {
  const gd_vary_row *w = &r->row[i];
  const char *unit = r->percent ? " points" : "",
             *what = "only one seed: not known whether seeds differ as much";
  char v[3][32];
  const double sign = r->larger_is_better ? 1 : -1; /* how much better, not how much larger */
  const double number[] = {sign * w->difference, sign * (sign > 0 ? w->lo : w->hi),
                           sign * (sign > 0 ? w->hi : w->lo)};
  for (int k = 0; k < 3; k++) gdi_vary_number(v[k], r, number[k]);
  if (!isfinite(w->difference)) {
    printf("1 over %d: %d of %d runs diverged\n", i + 1, w->diverged ? w->diverged : r->row[0].diverged,
           w->seeds);
    return;
  }
  if (w->seeds > 1) what = w->differs ? "more than the seeds differ" : "no more than the seeds differ";
  printf("1 over %d: %s%s", i + 1, v[0], unit);
  if (w->seeds > 1) printf("  [%s, %s]", v[1], v[2]);
  printf("  %s\n", what);
}

static void print_table(const gd_vary_result *r) {
  const int seeds = r->rows ? r->row[0].seeds : 0;
  printf("    %9.9s  %-17s %7s %6s %7s  settings\n", r->measure, seeds > 1 ? "min to max" : "", "best",
         "epochs", "seconds");
  for (int i = 0; i < r->rows; i++) print_row(r, i);
  if (seeds > 1)
    printf("medians over %d seeds; %s after the last epoch, best: of all epochs%s\n", seeds, r->measure,
           r->percent ? "; in %" : "");
  if (r->rows < 2) return;
  putchar('\n');
  for (int i = 1; i < r->rows; i++) print_difference(r, i);
  if (seeds > 1)
    printf(
        "Mean difference between runs of the same seed and, in brackets, its interval by Student's t, 95 %%\n"
        "for all %d pairs of rows together: when 0 lies outside, it is more than the seeds differ.\n",
        r->pairs);
}

gd_status gdi_vary_command(gd_world *w, const gd_options *o, const gd_vary_options *v) {
  gd_vary_result result;
  gd_status st = gd_vary(w, o, v, &result);
  if (st == GD_OK && gd_world_rank(w) == 0) {
    print_table(&result);
    printf("\nfolder  %s (vary.csv, runs.csv, vary.h5, runs/)\n", result.folder);
    fflush(stdout);
    if (o->plots) gdi_vary_plot(&result);
  }
  gd_vary_free(&result);
  return st;
}

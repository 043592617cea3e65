/* The figure of a study: loss against epochs, updates and seconds, and updates to target against
 * batch size. */
#include <math.h>
#include <stdlib.h>

#include "cli/compare.h"

static const char head[] =
    "# gnuplot compare.gp   (in the folder of the study; draws compare.svg and compare.png)\n"
    "# curves.dat: one block a batch size: updates epochs samples seconds loss metric\n"
    "# batches.dat: batch updates min max\n"
    "do for [format in 'svg png'] {\n"
    "  if (format eq 'svg') { set terminal svg size 1000,780 background 'white' font "
    "'Helvetica,Arial,sans-serif,13' } \\\n"
    "  else { set terminal pngcairo size 1500,1170 font 'Sans,15' lw 1.5 }\n"
    "  set output 'compare.'.format\n"
    "  set multiplot layout 2,2 margins 0.075,0.985,0.075,0.90 spacing 0.095,0.125\n"
    "  set grid lc rgb '#e4e4e4' lw 0.7; set border 3 lc rgb '#555555'; set tics nomirror textcolor rgb "
    "'#333333'\n"
    "  set logscale xy; set format xy '%g'; set xrange [*:*] noextend; set yrange [*:*] noextend\n"
    "  set offsets graph 0, 0, graph 0.06, graph 0.06\n";

/* Large batches dark blue, small ones yellow-green: a scale that is read without colour vision too. */
static void colour(char hex[8], int i, int n) {
  static const double stop[5][3] = {
      {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {223, 200, 30}};
  const double at = n > 1 ? 4.0 * i / (n - 1) : 0;
  const int k = at >= 4 ? 3 : (int)at;
  int v[3];
  for (int c = 0; c < 3; c++) v[c] = (int)(stop[k][c] + (at - k) * (stop[k + 1][c] - stop[k][c]) + 0.5);
  snprintf(hex, 8, "#%02x%02x%02x", v[0] & 255, v[1] & 255, v[2] & 255);
}

static double goal(const gd_compare_options *c) {
  return isnan(c->target_loss) ? c->target_measure : c->target_loss;
}

/* One legend for the three panels of curves: a key inside a panel would hide them. */
static void legend(FILE *f, const gd_compare_result *r) {
  fputs("  set label 1 'batch size' at screen 0.075,0.96 left textcolor rgb '#333333'\n", f);
  const double step = fmin(0.11, 0.82 / r->rows);
  for (int i = 0; i < r->rows; i++) {
    char hex[8], batch[32];
    colour(hex, i, r->rows);
    gdi_compare_batch(batch, &r->row[i]);
    fprintf(f,
            "  set label %d '%s' at screen %.4f,0.957 left point pt 5 ps 1.2 lc rgb '%s' offset 1,0 "
            "textcolor rgb '#333333'\n",
            i + 2, batch, 0.17 + step * i, hex);
  }
}

/* Every row from its start to the target. */
static void loss_panel(FILE *f, const gd_compare_result *r, const gd_compare_options *c, const char *x,
                       int column) {
  const bool measure = isnan(c->target_loss);
  fprintf(f, "  set xlabel '%s'; set ylabel '%s'; unset key\n", x, gdi_compare_goal(c));
  fputs(measure
            ? "  unset logscale y\n"
            : "  set ytics (0) ; do for [k=-6:6] { do for [m in '1 2 5'] { set ytics add (m*10.0**k) } }\n",
        f);
  if (!measure) fprintf(f, "  set ytics add ('%g' %.10g)\n", goal(c), goal(c));
  fputs("  plot ", f);
  for (int i = 0; i < r->rows; i++) {
    char hex[8];
    colour(hex, i, r->rows);
    fprintf(f, "'curves.dat' index %d using %d:%d with lines lw 1.7 lc rgb '%s', \\\n    ", i, column,
            measure ? 6 : 5, hex);
  }
  fprintf(f, "%.10g with lines dt 2 lw 1.2 lc rgb '#888888'\n", goal(c));
  fputs(measure ? "  set logscale y\n" : "  set ytics auto\n", f);
}

/* A dotted line at a batch size within the panel, named on the side that is asked for, or that has room. */
static void mark(FILE *f, const char *name, double batch, const double range[2], bool right, double height) {
  const double along = log(batch / range[0]) / log(range[1] / range[0]);
  char number[24];
  if (!(along > 0 && along < 1)) return;
  if (along < 0.25 || along > 0.75) right = along < 0.25;
  gdi_compare_number(number, batch);
  fprintf(f,
          "  set arrow from %.6g,graph 0 to %.6g,graph 1 nohead dt 3 lc rgb '#999999'\n"
          "  set label '%s = %s' at %.6g,graph %g %s offset character %s,0 textcolor rgb '#777777'\n",
          batch, batch, name, number, batch, height, right ? "left" : "right", right ? "0.5" : "-0.5");
}

static void batch_panel(FILE *f, const gd_compare_result *r) {
  const gd_hyperbola *h = &r->fit;
  double lo = INFINITY, hi = 0;
  const gd_compare_row *small = NULL;
  for (int i = 0; i < r->rows; i++)
    if (isfinite(r->row[i].updates))
      small = &r->row[i], lo = fmin(lo, small->updates), hi = fmax(hi, small->updates_max);
  fputs("  set xlabel 'batch size'; set ylabel 'updates to target'; set key top right samplen 1.6\n", f);
  if (!small) {
    fputs("  set label 'no batch size reached the target' at graph 0.5,0.5 center\n  plot [1:10][1:10] NaN "
          "notitle\n",
          f);
    return;
  }
  const double range[] = {(double)r->row[r->rows - 1].batch / 1.5, (double)r->row[0].batch * 1.5};
  if (h->points) mark(f, "B_{crit}", h->b_crit, range, false, 0.04);
  if (h->points) mark(f, "B_{simple}", r->b_simple, range, r->b_simple > h->b_crit, 0.11);
  fprintf(f,
          "  plot [%g:%g][%g:%g] %.10g * %.10g / x with lines dt 2 lw 1.2 lc rgb '#888888' title 'perfect "
          "scaling', \\\n",
          range[0], range[1], lo / 3, 3 * (isfinite(hi) ? hi : small->updates), small->updates,
          (double)small->batch);
  if (h->points)
    fprintf(f, "    %.10g + %.10g / x with lines lw 2 lc rgb '#3b528b' title 'S_{min} + E_{min} / B', \\\n",
            h->s_min, h->e_min);
  fputs("    'batches.dat' using 1:2:3:4 with yerrorbars pt 7 ps 0.9 lw 1.5 lc rgb '#c03a2b' title "
        "'measured'\n",
        f);
}

static bool write_batches(const gd_compare_result *r) {
  char path[4200];
  snprintf(path, sizeof path, "%s/batches.dat", r->folder);
  FILE *f = fopen(path, "w");
  if (!f) return false;
  fputs("# batch updates min max\n", f);
  for (int i = 0; i < r->rows; i++) {
    const gd_compare_row *w = &r->row[i];
    if (isfinite(w->updates))
      fprintf(f, "%lld %g %g %g\n", (long long)w->batch, w->updates, w->updates_min,
              isfinite(w->updates_max) ? w->updates_max : w->updates);
  }
  return fclose(f) == 0;
}

void gdi_compare_plot(const gd_compare_result *r, const gd_compare_options *c) {
  char *script = NULL;
  size_t bytes = 0;
  FILE *f = open_memstream(&script, &bytes);
  if (!f) return;
  fputs(head, f);
  legend(f, r);
  loss_panel(f, r, c, "epochs", 2);
  loss_panel(f, r, c, "updates", 1);
  loss_panel(f, r, c, "seconds", 4);
  batch_panel(f, r);
  fputs("  unset multiplot; unset arrow; unset label\n}\n", f);
  if (fclose(f) == 0 && write_batches(r) && gdi_gnuplot(r->folder, "compare", script))
    printf("figure  %s/compare.svg, compare.png\n", r->folder);
  free(script);
}

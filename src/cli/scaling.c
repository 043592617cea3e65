/* gdtrain compare --ranks 1,2,4,8 [...]: strong and weak scaling of a run, as table, files and figure. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/compare.h"

enum { STRONG, WEAK };

static const char script[] =
    "# gnuplot scaling.gp   (draws scaling.svg and scaling.png)\n"
    "# scaling.dat: ranks, strong: seconds, efficiency, weak: seconds, efficiency; second block: predicted\n"
    "do for [format in 'svg png'] {\n"
    "  if (format eq 'svg') { set terminal svg size 1000,420 background 'white' font "
    "'Helvetica,Arial,sans-serif,13' } \\\n"
    "  else { set terminal pngcairo size 1500,630 font 'Sans,15' lw 1.5 }\n"
    "  set output 'scaling.'.format\n"
    "  set multiplot layout 1,2 margins 0.085,0.985,0.14,0.95 spacing 0.09\n"
    "  set grid lc rgb '#e4e4e4' lw 0.7; set border 3 lc rgb '#555555'; set tics nomirror textcolor rgb "
    "'#333333'\n"
    "  set logscale x 2; set xlabel 'ranks'; set xrange [*:*] noextend; set offsets graph 0.05, graph 0.05, "
    "0, 0\n"
    "  set logscale y; set ylabel 'ms per step'; set key top left samplen 1.6\n"
    "  plot 'scaling.dat' index 0 using 1:(1e3*$2) with linespoints pt 7 lw 2 lc rgb '#3b528b' title "
    "'strong', \\\n"
    "    '' index 1 using 1:(1e3*$2) with linespoints pt 6 dt 2 lc rgb '#3b528b' title 'predicted', \\\n"
    "    '' index 0 using 1:(1e3*$4) with linespoints pt 5 lw 2 lc rgb '#c03a2b' title 'weak', \\\n"
    "    '' index 1 using 1:(1e3*$4) with linespoints pt 4 dt 2 lc rgb '#c03a2b' notitle\n"
    "  unset logscale y; set ylabel 'efficiency'; set yrange [0:1.1]; unset key\n"
    "  plot 1 with lines dt 3 lc rgb '#888888', \\\n"
    "    'scaling.dat' index 0 using 1:3 with linespoints pt 7 lw 2 lc rgb '#3b528b', \\\n"
    "    '' index 1 using 1:3 with linespoints pt 6 dt 2 lc rgb '#3b528b', \\\n"
    "    '' index 0 using 1:5 with linespoints pt 5 lw 2 lc rgb '#c03a2b', \\\n"
    "    '' index 1 using 1:5 with linespoints pt 4 dt 2 lc rgb '#c03a2b'\n"
    "  unset multiplot; set autoscale y\n"
    "}\n";

static void percent(char buf[24], double v) {
  if (isfinite(v))
    snprintf(buf, 24, "%.0f %%", 100 * v);
  else
    strcpy(buf, "-");
}

static void milliseconds(char buf[24], double v) {
  if (isfinite(v))
    snprintf(buf, 24, "%.3g", 1e3 * v);
  else
    strcpy(buf, "-");
}

static void print_row(const gd_scaling_row *r) {
  char v[6][24], shares[5][24] = {"-", "-", "-", "-", "-"};
  for (int k = 0; k < 2; k++) {
    milliseconds(v[3 * k], r->step_s[k]);
    percent(v[3 * k + 1], r->efficiency[k]);
    milliseconds(v[3 * k + 2], r->held_out_s[k]);
  }
  const gd_ledger *l = &r->ledger;
  const double part[] = {l->data, l->forward + l->backward + l->sum, l->exchange, l->update, l->wait};
  for (int i = 0; r->run && i < 5; i++) percent(shares[i], part[i] / l->total);
  printf("%5d%s %9s %6s %9s  %9s %6s %9s  %6s %8s %9s %7s %6s\n", r->ranks, r->run ? " " : "?", v[0], v[1],
         v[2], v[3], v[4], v[5], shares[0], shares[1], shares[2], shares[3], shares[4]);
}

static void print_table(const gd_scaling *s) {
  const gd_scaling_row *first = &s->row[0];
  printf(
      "strong: batch %lld; weak: %lld a rank; micro-batch %lld; %d thread%s a rank; times in ms a step\n\n",
      (long long)first->batch[STRONG], (long long)(first->batch[WEAK] / first->ranks), (long long)s->micro,
      s->threads, s->threads > 1 ? "s" : "");
  printf("%5s  %9s %6s %9s  %9s %6s %9s  %6s %8s %9s %7s %6s\n", "ranks", "strong", "eff.", "held out",
         "weak", "eff.", "held out", "data", "compute", "exchange", "update", "wait");
  for (int i = 0; i < s->rows; i++) print_row(&s->row[i]);
  printf("\n? not run: predicted. held out: predicted from the other rows alone");
  if (isfinite(s->held_out_error)) printf("; worst error %.0f %%", 100 * s->held_out_error);
  printf("\nstep = %.3g us x samples of the busiest rank", 1e6 * s->fit.compute_s);
  if (s->fit.latency_s > 0) printf(" + %.3g us x log2(ranks)", 1e6 * s->fit.latency_s);
  if (s->fit.byte_s > 0) printf(" + parameters both ways at %.3g GB/s", 1e-9 / s->fit.byte_s);
  printf("\n");
}

static void data_block(FILE *f, const gd_scaling *s, bool run) {
  for (int i = 0; i < s->rows; i++) {
    const gd_scaling_row *r = &s->row[i];
    if (r->run == run)
      fprintf(f, "%d %.6g %.4f %.6g %.4f\n", r->ranks, r->step_s[0], r->efficiency[0], r->step_s[1],
              r->efficiency[1]);
  }
  fputs("\n\n", f);
}

static void csv(FILE *f, const gd_scaling *s) {
  fputs("ranks,run,batch,step_s,efficiency,held_out_s,weak_batch,weak_step_s,weak_efficiency,weak_held_out_s,"
        "data_s,"
        "forward_s,backward_s,sum_s,exchange_s,update_s,wait_s\n",
        f);
  for (int i = 0; i < s->rows; i++) {
    const gd_scaling_row *r = &s->row[i];
    fprintf(f, "%d,%d", r->ranks, r->run);
    for (int k = 0; k < 2; k++)
      fprintf(f, ",%lld,%g,%g,%g", (long long)r->batch[k], r->step_s[k], r->efficiency[k], r->held_out_s[k]);
    const gd_ledger *l = &r->ledger;
    fprintf(f, ",%g,%g,%g,%g,%g,%g,%g\n", l->data, l->forward, l->backward, l->sum, l->exchange, l->update,
            l->wait);
  }
}

static gd_status write_files(const gd_scaling *s, const char *folder) {
  static const char *const name[] = {"scaling.dat", "scaling.csv"};
  if (mkdir(folder, 0777) != 0 && errno != EEXIST)
    return GD_FAIL(GD_ERR_WRITE, "%s: %s", folder, strerror(errno));
  for (int i = 0; i < 2; i++) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name[i]);
    FILE *f = fopen(path, "w");
    if (!f) return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
    if (i == 0)
      data_block(f, s, true), data_block(f, s, false);
    else
      csv(f, s);
    if (fclose(f) != 0) return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
  }
  return GD_OK;
}

gd_status gdi_scaling(gd_world *w, const gd_options *o, const char *ranks) {
  gd_scaling s;
  gd_status st = gd_scaling_run(w, o, ranks, &s);
  if (st == GD_OK && gd_world_rank(w) == 0) {
    const char *folder = o->out[0] ? o->out : "runs/scaling";
    print_table(&s);
    if (!o->out[0]) (void)mkdir("runs", 0777);
    st = write_files(&s, folder);
    if (st == GD_OK) printf("\nfolder  %s (scaling.csv)\n", folder);
    if (st == GD_OK && o->plots && gdi_gnuplot(folder, "scaling", script))
      printf("figure  %s/scaling.svg, scaling.png\n", folder);
  }
  gd_scaling_free(&s);
  return gd_world_agree(w, st);
}

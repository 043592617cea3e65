/* Loss and learning rate as SVG and PNG. The gnuplot script stays in the run folder, to be changed by
 * hand. */
#include <unistd.h>

#include "cli/cli.h"

static const char script[] =
    "# gnuplot loss.gp   (in the run folder; draws loss.svg and loss.png from metrics.csv)\n"
    "set datafile separator ','\n"
    "set datafile missing ''\n"
    "set key autotitle columnhead noenhanced\n"
    "do for [format in 'svg png'] {\n"
    "  if (format eq 'svg') { set terminal svg size 900,600 background 'white' font 'sans,12' } \\\n"
    "  else { set terminal pngcairo size 900,600 font 'sans,10' }\n"
    "  set output 'loss.'.format\n"
    "  set multiplot layout 2,1\n"
    "  set grid lt 1 lc rgb '#dddddd'\n"
    "  set lmargin 12; set rmargin 12; set key above\n"
    "  set tics nomirror; set autoscale xfix\n"
    "  set ylabel 'loss'; set xlabel ''; set logscale y; set format y '%g'\n"
    "  stats 'metrics.csv' using 'val.accuracy' nooutput name 'A'\n"
    "  if (exists('A_records') && A_records > 0) { \\\n"
    "    set y2tics; set y2label 'validation accuracy'; \\\n"
    "    plot 'metrics.csv' using 'epoch':'train.loss' with lines lc rgb '#1f77b4' title 'train loss', \\\n"
    "      '' using 'epoch':'val.loss' with linespoints pt 7 ps 0.5 lc rgb '#d62728' title 'validation "
    "loss', \\\n"
    "      '' using 'epoch':'val.accuracy' axes x1y2 with linespoints pt 5 ps 0.5 lc rgb '#2ca02c' title "
    "'accuracy'; \\\n"
    "    unset y2tics; unset y2label } \\\n"
    "  else { plot 'metrics.csv' using 'epoch':'train.loss' with lines lc rgb '#1f77b4' title 'train loss', "
    "\\\n"
    "      '' using 'epoch':'val.loss' with linespoints pt 7 ps 0.5 lc rgb '#d62728' title 'validation loss' "
    "}\n"
    "  unset logscale y\n"
    "  set ylabel 'learning rate'; set xlabel 'epoch'; set yrange [0:*]\n"
    "  set offsets 0, 0, graph 0.1, 0\n"
    "  plot 'metrics.csv' using 'epoch':'lr' with lines lc rgb '#9467bd' notitle\n"
    "  unset multiplot; set yrange [*:*]; unset offsets\n"
    "}\n";

void gdi_plot_run(const char *folder) {
  if (gdi_gnuplot(folder, "loss", script)) printf("plots         %s/loss.svg, loss.png\n", folder);
}

/* Shares of each row, so that rare classes are seen too; counts stand in the cells while there is room. */
static const char confusion[] =
    "# gnuplot confusion.gp   (draws confusion.svg and confusion.png from confusion.csv)\n"
    "set datafile separator ','\n"
    "set terminal unknown\n"
    "stats 'confusion.csv' skip 1 using 0 nooutput name 'R'\n"
    "n = int(R_records)\n"
    "array total[n]\n"
    "do for [r=1:n] { total[r] = 0 }\n"
    "do for [c=2:n+1] { stats 'confusion.csv' skip 1 using (r = int($0) + 1, total[r] = total[r] "
    "+ column(c), 0) nooutput }\n"
    "share(r, v) = total[int(r) + 1] > 0 ? v / total[int(r) + 1] : 0\n"
    "big = n > 20\n"
    "set key off; set yrange [n-0.5:-0.5]; set xrange [-0.5:n-0.5]; set size ratio 1\n"
    "set palette defined (0 '#ffffff', 0.5 '#6baed6', 1 '#08306b'); set cbrange [0:1]\n"
    "set cblabel 'share of the label'; set xlabel 'predicted'; set ylabel 'label'; set tics out "
    "nomirror scale 0.5\n"
    "set xtics rotate by 90 right\n"
    "if (n > 60) { set format x ''; set format y '' }\n"
    "do for [format in 'svg png'] {\n"
    "  if (format eq 'svg') { set terminal svg size 800,720 background 'white' font 'sans,12' } \\\n"
    "  else { set terminal pngcairo size 800,720 font 'sans,10' }\n"
    "  set output 'confusion.'.format\n"
    "  if (big) { plot 'confusion.csv' matrix rowheaders columnheaders using 1:2:(share($2, $3)) "
    "with image pixels } \\\n"
    "  else { plot 'confusion.csv' matrix rowheaders columnheaders using 1:2:(share($2, $3)) "
    "with image pixels, \\\n"
    "    '' matrix rowheaders columnheaders using 1:2:(sprintf('%d', $3)):(share($2, $3) > 0.5 ? "
    "0xffffff : 0x444444) with labels font ',9' textcolor rgb variable }\n"
    "}\n";

void gdi_plot_confusion(const char *folder) {
  char path[4200];
  snprintf(path, sizeof path, "%s/confusion.csv", folder);
  if (access(path, R_OK) == 0 && gdi_gnuplot(folder, "confusion", confusion))
    printf("confusion     %s/confusion.csv, confusion.svg, confusion.png\n", folder);
}

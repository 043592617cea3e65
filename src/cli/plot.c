/* Loss and learning rate as SVG and PNG. The gnuplot script stays in the run folder, to be changed by
 * hand. */
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
    "  set grid lc rgb '#dddddd'\n"
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

void plot_run(const char *folder) {
  if (gnuplot(folder, "loss", script)) printf("plots         %s/loss.svg, loss.png\n", folder);
}

/* The figure of a study of varied settings: curves with the range of their seeds, and where each seed ended. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/compare.h"

/* Told apart without colour vision too (Okabe and Ito 2008); more rows begin again. */
static const char *const colour[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                     "#e69f00", "#56b4e9", "#000000"};
enum { COLOURS = sizeof colour / sizeof *colour, LEGEND = 12 };

static void head(FILE *f, const gd_vary_result *r) {
  const int rows = r->rows < LEGEND ? r->rows : LEGEND, legend = 22 * rows + 24;
  fprintf(f,
          "# gnuplot vary.gp   (in the folder of the study; draws vary.svg and vary.png from curves.dat)\n"
          "do for [format in 'svg png'] {\n"
          "  if (format eq 'svg') { set terminal svg size 1000,%d background 'white' font "
          "'Helvetica,Arial,sans-serif,13' } \\\n"
          "  else { set terminal pngcairo size 1500,%d font 'Sans,15' lw 1.5 }\n"
          "  set output 'vary.'.format\n"
          "  top = 1 - %d.0 / %d\n",
          440 + legend, (440 + legend) * 3 / 2, legend, 440 + legend);
  fputs("  set multiplot\n"
        "  set grid lc rgb '#e4e4e4' lw 0.7; set border 3 lc rgb '#555555'; set tics nomirror textcolor rgb "
        "'#333333'\n  unset key; set style fill transparent solid 0.18 noborder\n"
        "  set tmargin screen top; set bmargin screen 0.13 * top\n",
        f);
}

/* Text in single quotes for gnuplot, cut where it would leave the page. */
static void quoted(FILE *f, const char *text) {
  enum { MOST = 120 };
  for (int n = 0; *text; text++) {
    if (n++ == MOST) {
      fputs(" ...", f);
      return;
    }
    fprintf(f, *text == '\'' ? "''" : "%c", *text);
  }
}

static void legend(FILE *f, const gd_vary_result *r) {
  for (int i = 0; i < r->rows && i < LEGEND; i++) {
    fprintf(f, "  set label %d '%d  ", i + 1, i + 1);
    quoted(f, r->row[i].settings);
    fprintf(f,
            "' noenhanced at screen 0.075,1 - %d.0 / %d left point pt 5 ps 1.2 lc rgb '%s' offset 1,0 "
            "textcolor rgb "
            "'#333333'\n",
            22 * i + 24, 440 + 22 * (r->rows < LEGEND ? r->rows : LEGEND) + 24, colour[i % COLOURS]);
  }
}

static void curves(FILE *f, const gd_vary_result *r) {
  const char *y = r->percent ? "100*" : "";
  fprintf(f,
          "  set lmargin screen 0.075; set rmargin screen 0.66; set xlabel 'epochs'; set ylabel '%s%s' "
          "noenhanced\n  plot ",
          r->measure, r->percent ? ", %" : "");
  for (int i = 0; i < r->rows; i++)
    fprintf(f, "'curves.dat' index %d using 1:(%s$3):(%s$4) with filledcurves lc rgb '%s', \\\n    ", 2 * i,
            y, y, colour[i % COLOURS]);
  for (int i = 0; i < r->rows; i++)
    fprintf(f, "'curves.dat' index %d using 1:(%s$2) with lines lw 2 lc rgb '%s'%s", 2 * i, y,
            colour[i % COLOURS], i + 1 < r->rows ? ", \\\n    " : "\n");
}

/* The last value of each seed, and a bar at the median: how far rows lie apart against how far seeds do. */
static void ends(FILE *f, const gd_vary_result *r) {
  const char *y = r->percent ? "100*" : "";
  const double scale = r->percent ? 100 : 1;
  for (int i = 0; i < r->rows && i < LEGEND; i++) fprintf(f, "  unset label %d\n", i + 1);
  fprintf(f,
          "  set lmargin screen 0.75; set rmargin screen 0.985; set xlabel 'seeds, and their median'; "
          "set ylabel 'last %s%s' noenhanced\n"
          "  set xrange [0.4:%d.6]; set xtics %s; set offsets 0, 0, graph 0.04, graph 0.04\n",
          r->measure, r->percent ? ", %" : "", r->rows, r->rows > 20 ? "autofreq" : "1");
  for (int i = 0; i < r->rows; i++)
    if (isfinite(r->row[i].last))
      fprintf(f, "  set arrow from %g,%.10g to %g,%.10g nohead lw 3 lc rgb '%s'\n", i + 0.75,
              scale * r->row[i].last, i + 1.25, scale * r->row[i].last, colour[i % COLOURS]);
  fputs("  plot ", f);
  for (int i = 0; i < r->rows; i++)
    fprintf(f, "'curves.dat' index %d using 1:(%s$2) with points pt 6 ps 1.1 lw 1.5 lc rgb '%s'%s", 2 * i + 1,
            y, colour[i % COLOURS], i + 1 < r->rows ? ", \\\n    " : "\n");
}

void gdi_vary_plot(const gd_vary_result *r) {
  char *script = NULL;
  size_t bytes = 0;
  FILE *f = open_memstream(&script, &bytes);
  if (!f) return;
  head(f, r);
  legend(f, r);
  curves(f, r);
  ends(f, r);
  fputs("  unset multiplot; unset arrow; unset label; unset offsets; set xrange [*:*]; set xtics auto\n}\n",
        f);
  if (fclose(f) == 0 && gdi_gnuplot(r->folder, "vary", script))
    printf("figure  %s/vary.svg, vary.png\n", r->folder);
  free(script);
}

/* Files for gnuplot: name.dat with columns, name.gp that draws them into name.svg. */
#ifndef PLOT_H
#define PLOT_H

#include "seed.h"

static inline FILE *plot_file(const char *name, const char *ending) {
  char path[256];
  snprintf(path, sizeof path, "%s.%s", name, ending);
  FILE *f = fopen(path, "w");
  if (!f) must(GD_FAIL(GD_ERR_WRITE, "cannot write %s here", path));
  return f;
}

/* Writes the script around its plot command, and runs it where gnuplot is installed. */
static inline void plot(const char *name, const char *command) {
  FILE *f = plot_file(name, "gp");
  fprintf(f, "set terminal svg size 900,500\nset output '%s.svg'\n%s\n", name, command);
  fclose(f);
  char run[300];
  snprintf(run, sizeof run, "command -v gnuplot >/dev/null && gnuplot %s.gp", name);
  printf(system(run) == 0 ? "%s.svg drawn\n" : "%s.gp written; gnuplot draws it\n", name);
}

#endif

/* The parts of `gdtrain compare`: table, figure, page. */
#ifndef GDTRAIN_CLI_COMPARE_H
#define GDTRAIN_CLI_COMPARE_H

#include "cli/cli.h"

/* Short forms for people: 1.23M, never, -. */
void gdi_compare_number(char buf[24], double v);
/* What the target is about: loss, or the metric. */
const char *gdi_compare_goal(const gd_compare_options *c);
void gdi_compare_batch(char buf[32], const gd_compare_row *r);
/* Keep the command line, for the page to tell how to reproduce it. */
void gdi_compare_command(int argc, char **argv);
/* compare.svg and compare.png in the folder, with script and data. */
void gdi_compare_plot(const gd_compare_result *r, const gd_compare_options *c);
/* One self-contained page. Errors: GD_ERR_WRITE */
gd_status gdi_compare_report(const gd_compare_result *r, const gd_options *o, const gd_compare_options *c,
                             const char *path) GD_CHECKED;
/* A study of varied settings, whole. Collective. */
gd_status gdi_vary_command(gd_world *w, const gd_options *o, const gd_vary_options *v) GD_CHECKED;
/* vary.svg and vary.png in the folder, with the script; curves.dat is there. */
void gdi_vary_plot(const gd_vary_result *r);
/* A number of the study: percent of shares. */
void gdi_vary_number(char buf[32], const gd_vary_result *r, double v);
/* The scaling study, whole. Collective. */
gd_status gdi_scaling(gd_world *w, const gd_options *o, const char *ranks) GD_CHECKED;

#endif

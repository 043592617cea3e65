/*
 * A study that varies settings. Every run has a folder of its own, runs/<id>, and when it is over its curve,
 * runs/<id>.csv: complete or absent. All results are derived from the curves.
 */
#ifndef GDI_STUDY_VARY_H
#define GDI_STUDY_VARY_H

#include "study/study.h"

enum { GDI_VARY_AXES = 16, GDI_VARY_VALUES = 1000, GDI_VARY_RUNS = 10000 };

/* A setting and its values; key "": each value is a map of several settings. */
typedef struct gdi_axis {
  const char *key;
  int n;
  const char *value[GDI_VARY_VALUES];
} gdi_axis;

/* Settings that are compared: a combination of all but the seed. */
typedef struct gdi_arm {
  const char *settings;
  const char *value[GDI_VARY_AXES];
  gd_options options; /* its texts are the base's */
} gdi_arm;

typedef struct gdi_varied {
  int arm, seed; /* indices */
  char id[96];
  gdi_curve curve;
  int64_t stamp; /* of the file that it was read from */
} gdi_varied;

typedef struct gdi_vary {
  const gd_options *base;
  const gdi_job *data;     /* the sets that all runs use */
  const gd_metric *metric; /* NULL: the loss */
  int64_t n;               /* training samples */
  gd_arena *arena;
  gdi_axis *axis[GDI_VARY_AXES]; /* without the seed's */
  int axes, arms, seeds, runs;
  gdi_arm *arm;
  int64_t seed[GDI_VARY_VALUES];
  gdi_varied *run; /* [arms * seeds]: all of the first seed first */
  int64_t micro;   /* held; 0: not */
  char folder[GDI_STUDY_FOLDER], runs_folder[GDI_STUDY_RUNS];
} gdi_vary;

/* ---- the plan (vary_axis.c, vary_plan.c) */

/* A copy of n bytes, with an end; NULL with an error record. Owner: a */
const char *gdi_vary_text(gd_arena *a, const char *text, size_t n);
/* Errors: GD_ERR_USAGE with what is wrong: an empty value, one that is there twice, a bracket that is not closed ... */
gd_status gdi_axis_parse(gdi_axis *out, gd_arena *a, const char *text) GD_CHECKED;
/* Axes, arms and runs; then which micro-batches they have. `v` has base, data, n and arena. */
gd_status gdi_vary_plan(gdi_vary *v, const gd_vary_options *o) GD_CHECKED;
gd_status gdi_vary_micro_batches(gdi_vary *v) GD_CHECKED;

/* ---- results (vary_table.c, vary_write.c) */

/* Of a run that is over: its last value, its best one. The worst there is, when it diverged. */
double gdi_vary_last(const gdi_vary *v, const gdi_varied *r);
double gdi_vary_best(const gdi_vary *v, const gdi_varied *r);
gdi_varied *gdi_vary_run(const gdi_vary *v, int arm, int seed);
/* Rows, best first; arm[i] is that of row i. */
gd_status gdi_vary_table(const gdi_vary *v, gd_vary_result *out, int arm[]) GD_CHECKED;
gd_status gdi_vary_write(const gdi_vary *v, const gd_vary_result *r, const int arm[]) GD_CHECKED;

#endif

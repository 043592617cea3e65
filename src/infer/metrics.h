/* The metrics of a job, and the numbers that an evaluation adds up for them. */
#ifndef GDI_INFER_METRICS_H
#define GDI_INFER_METRICS_H

#include "gd/comm.h"
#include "gd/data.h"
#include "gd/infer.h"
#include "nn/metrics.h"

typedef struct gdi_metric_list {
  gd_metric_of of;
  const char **class_name; /* of.class_name */
  int n;
  const gd_metric *metric[GD_MAX_METRICS];
} gdi_metric_list;

/*
 * The metrics that `words` names, NULL: all that fit; "auto": accuracy, of labels, and of pixels mean_iou. Labels always have their
 * accuracy, last if it is not asked for. `classes`, `name`: of the model. Errors: GD_ERR_USAGE
 */
gd_status gdi_metrics_choose(gdi_metric_list *out, const char *words, const gd_criterion *c,
                             const gd_data_info *i, int64_t classes, char (*name)[GD_MAX_CLASS_NAME],
                             int64_t outputs) GD_CHECKED;
/* Targets were standardised so, or not at all; s outlives the list. Metrics are in their own unit. */
void gdi_metrics_standardized(gdi_metric_list *l, const gd_standardize *s);
void gdi_metrics_free(gdi_metric_list *l);
/* Nothing measured. */
gd_metrics gdi_no_metrics(void);
/* The metric that judges which model is best: the first with a value; NULL: the loss does. */
const gd_metric *gdi_metrics_first(const gdi_metric_list *l);
/* Its value in m, or the loss; and whether a is better than b. */
double gdi_quality(const gdi_metric_list *l, const gd_metrics *m);
bool gdi_quality_better(const gdi_metric_list *l, double a, double b);

/* Numbers of K micro-batches of `rows` samples each, but the last, of a set of n. */
typedef struct gdi_tally {
  const gdi_metric_list *list;
  int64_t K, rows, n;
  int64_t width;              /* of a record: loss, weight, then the sums */
  int64_t at[GD_MAX_METRICS]; /* SUMS: in a record; COUNTS: in count */
  double *record;             /* [K][width] */
  double *count;              /* [counts] */
  int64_t counts;
  double *sample[GD_MAX_METRICS]; /* SAMPLES: [n][numbers] */
  gd_host_values host;
} gdi_tally;

gd_status gdi_tally_new(gdi_tally *t, const gdi_metric_list *l, int64_t n, int64_t rows) GD_CHECKED;
void gdi_tally_free(gdi_tally *t);
/* Micro-batch k: its loss and weight, and what metrics count. */
gd_status gdi_tally_add(gdi_tally *t, int64_t k, double loss, double weight, gd_evaluated *e) GD_CHECKED;
/* Everybody learns everybody's. Collective. */
gd_status gdi_tally_exchange(gdi_tally *t, gd_world *w) GD_CHECKED;
/* Values of the whole; tables to files in `folder` and to `text`, where they are not NULL. Errors: GD_ERR_WRITE */
gd_status gdi_tally_finish(gdi_tally *t, const char *folder, FILE *text, gd_metrics *out) GD_CHECKED;

#endif

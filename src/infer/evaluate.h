/* Loss and metrics of a model over an order of a set. */
#ifndef GDI_INFER_EVALUATE_H
#define GDI_INFER_EVALUATE_H

#include "gd/infer.h"
#include "infer/metrics.h"
#include "infer/set.h"

typedef struct gdi_evaluation {
  gd_world *world;
  gd_module *model;
  gd_tape *tape;
  gd_loader *loader;
  const gdi_set *set;
  const gd_criterion *criterion;
  int64_t n; /* samples */
  const gdi_metric_list *metrics;
  const char *folder; /* rank 0 writes tables there; NULL: nowhere */
  FILE *text;         /* rank 0 prints them here; NULL: nowhere */
} gdi_evaluation;
enum { GDI_EVAL_ROWS = 256 };
/* Collective: yes */
gd_status gdi_evaluate(const gdi_evaluation *e, gd_metrics *out) GD_CHECKED;

#endif

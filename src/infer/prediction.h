/* What a model predicts of a data set, and the files that it is written to. */
#ifndef GDI_INFER_PREDICTION_H
#define GDI_INFER_PREDICTION_H

#include "gd/data.h"
#include "gd/module.h"

typedef struct gdi_prediction {
  int64_t n, outputs;
  double *value;                   /* [n, outputs]; or [n, places], the class of each */
  bool classes;                    /* outputs are probabilities of classes */
  bool binary;                     /* each is the probability of a yes */
  char (*name)[GD_MAX_CLASS_NAME]; /* of the classes, or NULL */
  const gd_names *target;          /* of what is no class */
  const gd_shape *places; /* shape of such an output, with classes as its last dimension; else NULL */
} gdi_prediction;

/* Can it be written to a file of this name? Errors: GD_ERR_USAGE */
gd_status gdi_prediction_check(const char *path, const gd_shape *places) GD_CHECKED;
/* .h5, .npy or .csv. Errors: GD_ERR_WRITE, GD_ERR_OOM */
gd_status gdi_prediction_write(const gdi_prediction *p, const char *path) GD_CHECKED;

#endif

/* The run folder: config.yaml, metrics.csv, summary.json. Rank 0 alone uses it. */
#ifndef GDI_TRAIN_RECORD_H
#define GDI_TRAIN_RECORD_H

#include "train/job.h"

typedef struct gdi_record {
  FILE *metrics;
  const gdi_metric_list *list; /* a column each, but for accuracy, which has its own */
  char folder[4096];
} gdi_record;

/*
 * The folder of a run: `wanted`, or a new one under runs/ named after the time. A folder that holds a run
 * already is GD_ERR_USAGE unless `resume`.
 */
gd_status gdi_record_folder_name(char *folder, size_t bytes, const char *wanted, bool resume) GD_CHECKED;
/* The same, and made, with a folder for checkpoints. */
gd_status gdi_record_folder(char *folder, size_t bytes, const char *wanted, bool resume) GD_CHECKED;
/* Remove the folder again when nothing was written to it: commands with a mistyped name leave no litter. */
void gdi_record_abandon(const char *folder);
/*
 * Open the record; rows after the job's step belong to updates that will be done again, and go. Of those that stay,
 * `seen` gets the last, the last validation, and the row of the step of its best.
 */
gd_status gdi_record_open(gdi_record *r, const char *folder, const gdi_job *j,
                          gd_train_result *seen) GD_CHECKED;
gd_status gdi_run_log_row(gdi_record *r, const gd_row *row) GD_CHECKED;
gd_status gdi_record_summary(gdi_record *r, const gd_train_result *result, gd_status ended) GD_CHECKED;
void gdi_record_close(gdi_record *r);
/*
 * The rows of a run folder, one after another; val.measure[0] is that of `metric`, NULL: there is none. The rest of
 * `val` is loss and accuracy. Errors: GD_ERR_DATA, and those of `see`
 */
gd_status gdi_run_log_read(const char *folder, const gd_metric *metric,
                           gd_status (*see)(void *user, const gd_row *row), void *user) GD_CHECKED;

#endif

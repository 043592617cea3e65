/* The steps of opening a job, which job.c calls in this order. */
#ifndef GDI_TRAIN_OPENING_H
#define GDI_TRAIN_OPENING_H

#include "gd/store.h"
#include "train/job.h"

/* job_same.c: the settings, as given first and as resolved later; also the processor. Collective. */
gd_status gdi_same_settings(const gdi_job *j) GD_CHECKED;
gd_status gdi_same_everywhere(const gdi_job *j) GD_CHECKED;

/* job_data.c: open the sets (collective) or borrow another job's; then their order and statistics, not
 * collective */
gd_status gdi_open_data(gdi_job *j, const gdi_set_use *use) GD_CHECKED;
void gdi_borrow_data(gdi_job *j, const gdi_job *from);
gd_status gdi_open_orders(gdi_job *j) GD_CHECKED;
gd_status gdi_open_standardize(gdi_job *j, const gdi_known *known) GD_CHECKED;
gd_status gdi_open_class_weights(gdi_job *j, const gdi_class_weights *known) GD_CHECKED;

/* job_params.c: which parameters are trained and how, and the values they begin with. */
gd_status gdi_open_params(gdi_job *j) GD_CHECKED;
/* What ranks do not exchange, constants and frozen parameters, is the same everywhere. Collective. */
gd_status gdi_same_constants(const gdi_job *j) GD_CHECKED;

/* job_update.c: values for automatic settings; then the sync. Collective: gdi_open_update() */
gd_status gdi_resolve_batches(gdi_job *j, const gd_checkpoint *from) GD_CHECKED;
gd_status gdi_resolve_rates(gdi_job *j) GD_CHECKED;
gd_status gdi_open_update(gdi_job *j) GD_CHECKED;

#endif

/* A training job: everything that a step needs, opened once by all ranks together. */
#ifndef GDI_TRAIN_JOB_H
#define GDI_TRAIN_JOB_H

#include "gd/train.h"
#include "infer/criterion.h"
#include "infer/evaluate.h"
#include "train/batches.h"

/* Requests that all ranks learn with the records of a step. */
enum { GDI_FLAG_STOP = 1, GDI_FLAG_SAVE = 2, GDI_FLAG_FAILED = 4, GDI_FLAG_TIME = 8 };

typedef struct gdi_on_gpu gdi_on_gpu; /* gpu.h */

typedef struct gdi_job {
  gd_world *world;
  gd_options opt;        /* resolved: nothing automatic is left that decides bits */
  const char *found_out; /* keys of what nobody gave in it; NULL: not told */
  gd_device *device;
  gd_dtype dtype;
  gdi_set train, val; /* val.data NULL: a split of train, or no validation */
  bool borrowed;      /* the sets are another job's */
  gd_order train_order, val_order;
  gd_class_lists class_lists; /* of the balanced sampler */
  bool validates;
  gd_augment *augment; /* NULL: training data as they are */
  gd_standardize standardize, standardize_targets;
  char data_digest[65], val_digest[65]; /* val: "" without validation */
  gdi_class_weights class_weights;
  gd_criterion *criterion;
  gdi_metric_list metrics;
  const char *tables; /* folder for confusion.csv and others, rank 0's; NULL: none */
  int64_t outputs;
  gd_module *model;
  gd_params *params;
  gd_tape *tape;
  gd_loader *loader, *val_loader;
  gd_optim optim;
  gd_schedule schedule;
  gdi_batches batches;
  int64_t step, total_steps;
  double lr_factor; /* of a program's control; 1 without */
  gd_sync *sync;
  gdi_on_gpu *on_gpu; /* NULL on CPUs */
  gd_ledger ledger;
  FILE *trace; /* samples that steps used; NULL: not asked for */
} gdi_job;

/* What was measured of the training part before: zeros where it was not. And where the run goes on. */
typedef struct gdi_known {
  gdi_set_use data; /* those that a run which is resumed began with */
  gd_standardize standardize, standardize_targets;
  gdi_class_weights class_weights;
  const struct gd_checkpoint *from; /* NULL: it begins */
} gdi_known;

/*
 * Open everything. `known`: what the checkpoint that is resumed knows; NULL to measure it.
 * Collective. On failure the job can and must still be closed.
 */
gd_status gdi_job_open(gdi_job *j, gd_world *w, const gd_options *o, const gdi_known *known) GD_CHECKED;
/* Default rate, momentum and weight decay of the optimizer, where they are automatic. */
gd_status gdi_usual_rates(gd_options *o) GD_CHECKED;
/* The sets alone, and jobs on sets that are open: many jobs, one copy of the data. Collective over w, which
 * may be a part of the world of `data`. */
gd_status gdi_job_open_data(gdi_job *j, gd_world *w, const gd_options *o) GD_CHECKED;
gd_status gdi_job_open_on(gdi_job *j, gd_world *w, const gd_options *o, const gdi_job *data,
                          const gdi_known *known) GD_CHECKED;
void gdi_job_close(gdi_job *j);
/* Lines that say who does what: hosts, ranks, threads, device, batch. */
void gdi_job_layout(const gdi_job *j, char *buf, size_t bytes);

/* The whole path of one update (step.c). flags: this rank's requests. After GD_ERR_NONFINITE j->step is the step at
 * fault. Collective. */
gd_status gdi_step(gdi_job *j, uint32_t flags, gd_sync_result *out) GD_CHECKED;
/*
 * On a GPU steps may be queued: *out of gdi_step() is then zero and the results come later. Wait for all
 * queued steps; on an error j->step is the step at fault. Collective.
 */
gd_status gdi_synchronize(gdi_job *j) GD_CHECKED;
/* The next result that arrived in the last gdi_step() or gdi_synchronize(); false: no more. */
bool gdi_next_result(gdi_job *j, gd_sync_result *out);
/* A step and its result, waiting for it. Collective. */
gd_status gdi_step_now(gdi_job *j, uint32_t flags, gd_sync_result *out) GD_CHECKED;
double gdi_job_lr(const gdi_job *j, int64_t step);

/* What injected faults multiply the gradient of a micro-batch by; 1 without one (injected.c). */
double gdi_injected_factor(const gdi_job *j, const gdi_step_plan *plan, gd_range rows);

/* Metrics of the job's validation part (fit.c). Collective. */
gd_status gdi_validate(gdi_job *j, gd_metrics *out) GD_CHECKED;

#endif

/* gd_verify(): trials of the same steps, run in different ways, and what they must have in common. */
#ifndef GDI_TRAIN_VERIFY_H
#define GDI_TRAIN_VERIFY_H

#include "gd/verify.h"
#include "train/job.h"

/* A trial's steps: whole batches, then the short one that ends the epoch, and the first of the next epoch. */
enum { GDI_EVEN_STEPS = 2, GDI_ALL_STEPS = 4 };

/* Parameters and states as rank 0 has gathered them; nothing elsewhere. */
typedef struct gdi_values {
  int arrays;
  size_t bytes; /* of one */
  void *array[1 + GD_OPTIM_MAX_STATES];
} gdi_values;

typedef struct gdi_verify {
  gd_world *world;
  gd_world *self;    /* rank 0's world of one */
  gd_options opt;    /* of the trials, resolved */
  gdi_batches whole; /* the batches of training, from which trials take the first `n` positions */
  int64_t n;
  gdi_job job;   /* all ranks */
  gdi_job alone; /* rank 0 */
  gdi_values start, ours, theirs;
  gd_check_done done;
  void *user;
  char failed[200]; /* names */
} gdi_verify;

/* ---- verify_trial.c */

/* A job over the first n positions of an epoch. Collective in w. Close it whatever happens. */
gd_status gdi_trial_open(const gdi_verify *v, gdi_job *j, gd_world *w, const gd_options *o) GD_CHECKED;
/* Steps of a job of all ranks and, when `alone`, the same ones on rank 0 by itself. Collective. */
gd_status gdi_trial_steps(gdi_verify *v, gdi_job *j, gdi_job *alone, int64_t steps) GD_CHECKED;
gd_status gdi_values_new(const gdi_job *j, gdi_values *out) GD_CHECKED; /* on rank 0 */
void gdi_values_free(gdi_values *v);
gd_status gdi_values_take(gdi_job *j, gdi_values *out) GD_CHECKED; /* collective in the job's world */

/* |a - b| / |a - from|, L2 over the parameters. */
double gdi_values_distance(const gdi_job *j, const gdi_values *a, const gdi_values *b,
                           const gdi_values *from);
bool gdi_values_equal(const gdi_values *a, const gdi_values *b);
/* How far two sums of the same gradients may be apart at this precision. */
double gdi_tolerance(const gdi_job *j);

/* Rank 0's finding becomes everybody's and is shown. Collective. */
gd_status gdi_report(gdi_verify *v, const char *check, gd_outcome outcome, const char *figure, ...) GD_CHECKED
    __attribute__((format(printf, 4, 5)));

/* ---- the checks: each reports itself; errors are those that keep it from judging. Collective. */

gd_status gdi_check_gradients(gdi_verify *v) GD_CHECKED; /* verify_gradients.c */
gd_status gdi_check_micro_batches(gdi_verify *v) GD_CHECKED;
/* verify_runs.c: replicas, ranks, epoch end, resume, samples */
gd_status gdi_check_runs(gdi_verify *v) GD_CHECKED;
gd_status gdi_check_samples(gdi_verify *v, const gdi_job *resumed) GD_CHECKED; /* verify_samples.c */
gd_status gdi_check_transport(gdi_verify *v) GD_CHECKED;                       /* verify_transport.c */

#endif

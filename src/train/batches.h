/* Batch arithmetic: which samples a step covers and how they are cut. Pure functions; nothing here knows of
 * ranks. */
#ifndef GDI_TRAIN_BATCHES_H
#define GDI_TRAIN_BATCHES_H

#include "gd/partition.h"

typedef struct gdi_batches {
  int64_t n;         /* samples of an epoch */
  int64_t batch;     /* B */
  int64_t micro;     /* M */
  int64_t per_epoch; /* steps */
  int64_t
      offset; /* of step numbers from batches, in a run that had other ones before: gdi_batches_position() */
  bool even;  /* micro-batches of a step differ by one sample at most; else the last one has the rest */
} gdi_batches;

/*
 * batch 0: full. micro 0: a function of B alone (B / 8, between 64 and 256; on a GPU B, at most 4096) where
 * that gives every rank work, else B / ranks, and *follows_ranks says so: the bits then depend on the number
 * of ranks at the start. drop_last: an epoch ends before the batch that is not full.
 */
gdi_batches gdi_batches_plan(int64_t n, int64_t batch, int64_t micro, bool drop_last, int ranks, bool gpu,
                             bool *follows_ranks);

/*
 * For a model with statistics, whose results depend on the micro-batches: they are cut evenly, and M, when it is
 * automatic, is a function of B alone on every device and number of ranks: B / 8, between 64 and 256.
 */
void gdi_batches_for_statistics(gdi_batches *b, bool automatic);
int64_t gdi_batches_least(const gdi_batches *b); /* samples of the smallest micro-batch of any step */

typedef struct gdi_step_plan {
  int64_t epoch;
  gd_range rows; /* positions in the epoch */
  int64_t K;     /* micro-batches */
} gdi_step_plan;

/* How many of these batches come before step number `step`, as if all of the run's had been such. */
int64_t gdi_batches_position(const gdi_batches *b, int64_t step);
/*
 * Step number `step` goes on where `rows` samples of an epoch were seen, maybe in other batches. Returns how many of them come
 * again, because no batch begins there.
 */
int64_t gdi_batches_continue(gdi_batches *b, int64_t step, int64_t epoch, int64_t rows);
gdi_step_plan gdi_batches_step(const gdi_batches *b, int64_t step);
gd_range gdi_batches_micro(const gdi_batches *b, const gdi_step_plan *s, int64_t k);
int64_t gdi_batches_max_micro(const gdi_batches *b); /* the largest K of any step */

#endif

/** @file verify.h  The promises, checked on a model, its data and a cluster. */
#ifndef GD_VERIFY_H
#define GD_VERIFY_H

#include "gd/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gd_outcome { GD_PASS, GD_FAILED, GD_SKIPPED } gd_outcome;

typedef struct gd_check {
  char name[24];
  gd_outcome outcome;
  char figure[400]; /**< what was measured, or why it failed or was skipped */
} gd_check;

/** Called on every rank as soon as a check is done. */
typedef void (*gd_check_done)(void *user, const gd_check *c);

/**
 * Check the promises on this model, these data and this cluster, in a few steps of at most 2048 samples:
 * gradients against differences; equal parameters on all ranks, on one rank alone, over the short batch at
 * the end of an epoch, with halved micro-batches and after a resume from a checkpoint; every sample once an
 * epoch; the transport. Writes a checkpoint below `out` (or runs/) and removes it.
 *
 * Collective: yes; options equal on all ranks
 * Errors:     GD_ERR_REPLICA naming the checks that failed; as gd_train() when a check could not be made
 */
GD_API gd_status gd_verify(gd_world *w, const gd_options *o, gd_check_done done, void *user) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

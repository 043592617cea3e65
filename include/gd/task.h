/**
 * @file task.h  A task: model, loss, metrics and data that a program has in hand, for the whole trainer.
 *
 * Parts that are NULL come from the options, so that {0} is what gd_train() does. A task is a recipe: verification
 * builds its model again in f64, a study for each of its runs.
 */
#ifndef GD_TASK_H
#define GD_TASK_H

#include "gd/data.h"
#include "gd/metric.h"
#include "gd/module.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gd_task {
  const char *name; /**< a word, kept in checkpoints: which program the model belongs to; NULL: "task" */
  /**
   * *(optional)* Make the model for inputs of the shapes b->in, on b->device, with parameters of b->dtype, and set
   * b->out[0], the shape of its output. Equal on all ranks, and at every call. Owner: *out is the caller's
   */
  gd_status (*model)(gd_module **out, gd_build *b, void *user);
  void *user;
  const gd_loss_class *loss;       /**< *(optional)* its settings are options */
  const gd_metric *const *metrics; /**< *(optional)* up to NULL */
  const gd_dataset_source *train;  /**< *(optional)* instead of data.train */
  const gd_dataset_source *val;    /**< *(optional)* instead of data.val */
} gd_task;

#ifdef __cplusplus
}
#endif
#endif

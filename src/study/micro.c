/*
 * Batches of the runs of a study. Where the micro-batch is part of what is learned, all runs have the same, or they
 * would differ by it too.
 */
#include <string.h>

#include "gd/log.h"
#include "infer/model.h"
#include "study/study.h"

static gd_status has_statistics(const gdi_job *data, const gd_options *o, bool *yes) {
  gd_module *model;
  gd_shape output;
  *yes = false;
  if (!o->task && o->model->n == 0) return GD_OK; /* the first run says what is missing */
  GD_TRY(gdi_job_model(&model, o->task, o->model, gd_dataset_info(data->train.data), data->device,
                       data->dtype, &output));
  *yes = gd_module_statistics(model, NULL, 0) > 0;
  gd_module_free(model);
  return GD_OK;
}

gd_status gdi_micro_batch_counts(const gdi_job *data, const gd_options *o, bool *counts) {
  gd_augment *augment;
  GD_TRY(gd_augment_new(&augment, o->augment, gd_dataset_info(data->train.data), 0));
  const bool mixes = gd_augment_mixes(augment);
  gd_augment_free(augment);
  GD_TRY(has_statistics(data, o, counts));
  *counts |= mixes;
  return GD_OK;
}

gdi_batches gdi_study_batches_of(int64_t n, const gd_options *o) {
  const bool gpu = strcmp(o->device, "cpu") != 0 && gd_device_gpus() > 0;
  bool follows_ranks;
  return gdi_batches_plan(n, o->batch_size, o->micro_batch, o->drop_last, 1, gpu, &follows_ranks);
}

int64_t gdi_micro_batch_held(int64_t n, const gd_options *o) {
  gdi_batches b = gdi_study_batches_of(n, o);
  gdi_batches_for_statistics(&b, o->micro_batch == 0);
  return b.micro;
}

void gdi_tell_micro_batch(int64_t micro, const char *of) {
  gd_message(GD_LOG_INFO,
             "the micro-batch is part of what is learned: all %s are trained in micro-batches of at most "
             "%lld samples, as the smallest batch needs them",
             of, (long long)micro);
}

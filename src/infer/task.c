#include "infer/task.h"

#include <stdio.h>
#include <string.h>

static gd_status name_metrics(gd_options *o, const gd_task *task) {
  char names[GD_MAX_METRICS * 48] = "";
  if (!task->metrics) return GD_OK;
  for (int i = 0; task->metrics[i]; i++) {
    const size_t n = strlen(names);
    GD_TRY(gd_metric_register(task->metrics[i]));
    snprintf(names + n, sizeof names - n, "%s%s", n ? " " : "", task->metrics[i]->name);
  }
  return gd_options_set(o, "metrics", names);
}

static gd_status name_data(gd_options *o, const char *key, const gd_dataset_source *source) {
  if (!source) return GD_OK;
  GD_TRY(gd_dataset_register(source));
  return gd_options_set(o, key, source->name);
}

gd_status gdi_task_options(gd_options *o, const gd_task *task) {
  char model[80];
  o->task = task;
  snprintf(model, sizeof model, "program:%.60s", task->name ? task->name : "task");
  if (task->model) GD_TRY(gd_options_set(o, "model", model));
  if (task->loss) {
    GD_TRY(gd_loss_register(task->loss));
    GD_TRY(gd_options_set(o, "loss", task->loss->name));
  }
  GD_TRY(name_metrics(o, task));
  GD_TRY(name_data(o, "data.train", task->train));
  return name_data(o, "data.val", task->val);
}

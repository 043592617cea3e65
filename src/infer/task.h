/* From a task to options that say the same by name. */
#ifndef GDI_INFER_TASK_H
#define GDI_INFER_TASK_H

#include "gd/options.h"
#include "gd/task.h"

/* Register the parts of a task, and let o name them and carry it. Errors: GD_ERR_USAGE */
gd_status gdi_task_options(gd_options *o, const gd_task *task) GD_CHECKED;

#endif

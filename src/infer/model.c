#include "infer/model.h"

#include <string.h>

#include "gd/models.h"

/* Models of programs stand under this word in checkpoints, and only their program can make them. */
static const char by_program[] = "program:";

static gd_status build(gd_module **out, const gd_task *task, const gd_tree *spec, gd_build *b) {
  if (task && task->model) {
    GD_TRY(task->model(out, b, task->user));
    if (!*out || gd_shape_numel(&b->out[0]) < 1)
      return GD_FAIL(GD_ERR_USAGE, "task %s: its model() made no module, or set no b->out[0]",
                     task->name ? task->name : "task");
    if (b->n_out == 0) b->n_out = 1;
    gd_module_reset(*out, 0);
    return GD_OK;
  }
  if (strncmp(spec->text, by_program, strlen(by_program)) == 0)
    return GD_FAIL(GD_ERR_USAGE, "the model is made by a program, \"%.60s\": only that program can use it",
                   spec->text + strlen(by_program));
  GD_TRY(gd_models_register());
  return gd_model_build(out, spec, b);
}

static gd_shape shape_of(gd_dtype dtype, int ndim, const int64_t dim[]) {
  gd_shape s = {.dtype = dtype, .ndim = ndim};
  for (int i = 0; i < ndim; i++) s.dim[i] = dim[i];
  return s;
}

gd_status gdi_job_model(gd_module **out, const gd_task *task, const gd_tree *spec, const gd_data_info *data,
                        gd_device *d, gd_dtype dtype, gd_shape *output) {
  gd_build b = {
      .device = d, .dtype = dtype, .n_in = 1, .outputs = data->labels ? data->classes : data->targets};
  *out = NULL;
  if (data->ndim > GD_MAX_DIMS - 1)
    return GD_FAIL(GD_ERR_SHAPE, "model: samples of %d dimensions", data->ndim);
  b.in[0] = shape_of(data->x_index ? GD_I64 : dtype, data->ndim, data->sample);
  b.in[0].layout = data->layout;
  for (int f = 0; f < data->n_more; f++) {
    const gd_source_field *m = &data->more[f];
    if (m->input) b.in[b.n_in++] = shape_of(m->index ? GD_I64 : dtype, m->ndim, m->shape);
  }
  GD_TRY(build(out, task, spec, &b));
  *output = b.out[0];
  return GD_OK;
}

int gdi_forward(gd_module *m, gd_tape *t, const gd_batch *b, gd_tensor *out[GD_MAX_FIELDS]) {
  int n = 1;
  out[0] = b->x;
  for (int f = 2; f < b->n_fields; f++)
    if (b->field[f].input) out[n++] = b->field[f].tensor;
  gd_status st = gd_forward_n(m, t, &n, out);
  if (st == GD_OK) return n;
  out[0] = gd_tape_fail(t, st);
  return 1;
}

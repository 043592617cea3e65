/* gdtrain graph CONFIG.yaml: the graph that one micro-batch records, as DOT. */
#include <string.h>

#include "cli/cli.h"
#include "infer/criterion.h"
#include "infer/model.h"
#include "infer/set.h"

typedef struct drawing {
  run_setup r;
  gd_data_info info;
  gd_device *device;
  gd_module *model;
  gd_criterion *criterion;
  gd_tape *tape;
} drawing;

/* Shapes come from the data; the demonstration's are known before its data is made. */
static gd_status find_shapes(drawing *d) {
  if (d->r.demonstration) {
    d->info = (gd_data_info){.ndim = 2, .sample = {28, 28}, .labels = true, .classes = 10, .targets = 1};
    return GD_OK;
  }
  gd_dataset *set;
  const gd_data_options how = gdi_data_options(&d->r.o);
  GD_TRY(gd_dataset_open(&set, d->r.o.data_train, &how));
  d->info = *gd_dataset_info(set);
  gd_dataset_close(set);
  return GD_OK;
}

static gd_status zeros(gd_tape *t, gd_dtype type, int ndim, const int64_t shape[], const char *name,
                       gd_tensor **out) {
  GD_TRY(gd_tensor_new(out, gd_tape_arena(t), gd_tape_device(t), type, ndim, shape));
  (*out)->name = name;
  return gd_tensor_fill(*out, 0);
}

/* Leaves carry their names in the whole model: "0.weight". */
static void name_leaves(gd_module *m, gd_arena *a) {
  const int n = gd_module_params(m, NULL, 0);
  gd_named *list = gd_arena_alloc(a, (size_t)n * sizeof *list); /* the names stay as long as the drawing */
  if (!list) return;
  gd_module_params(m, list, n);
  for (int i = n - 1; i >= 0; i--) list[i].tensor->name = list[i].name;
}

static gd_status draw(drawing *d) {
  const gd_data_info *i = &d->info;
  const char *loss_name = strcmp(d->r.o.loss, "auto") != 0 ? d->r.o.loss
                          : i->labels                      ? "cross_entropy"
                                                           : "mse";
  int64_t rows = d->r.o.micro_batch ? d->r.o.micro_batch : 64, shape[GD_MAX_DIMS] = {rows};
  gd_shape sample_out;
  memcpy(shape + 1, i->sample, (size_t)i->ndim * sizeof *shape);
  GD_TRY(gd_device_open(&d->device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  GD_TRY(gdi_job_model(&d->model, d->r.o.task, d->r.o.model, i, d->device, GD_F32, &sample_out));
  gd_module_reset(d->model, 1);
  GD_TRY(gd_tape_new(&d->tape, d->device));
  name_leaves(d->model, gd_tape_arena(d->tape));
  gd_tensor *x, *y;
  const gd_loss_class *cls;
  GD_TRY(gd_loss_find(&cls, loss_name));
  GD_TRY(gd_criterion_new(&d->criterion, cls,
                          &(gd_loss_settings){.label_smoothing = d->r.o.label_smoothing, .text = loss_name},
                          d->device, GD_F32, gdi_outputs_of(cls, &sample_out)));
  GD_TRY(zeros(d->tape, GD_F32, i->ndim + 1, shape, "x", &x));
  shape[1] = i->targets;
  if (i->labels) memcpy(shape + 1, i->y_sample, (size_t)i->y_ndim * sizeof *shape);
  GD_TRY(zeros(d->tape, i->labels ? GD_I64 : GD_F32,
               i->labels     ? 1 + i->y_ndim
               : i->y_vector ? 1
                             : 2,
               shape, "y", &y));
  const gd_batch batch = gd_batch_of(x, y, (gd_range){0, rows});
  gd_tensor *output = gd_forward(d->model, d->tape, x);
  gd_loss loss = gd_criterion_forward(d->criterion, d->tape, &output, 1, &batch);
  GD_TRY(gd_tape_status(d->tape));
  return gd_tape_write_dot(d->tape, loss.sum, stdout);
}

gd_status gdi_command_graph(int argc, char **argv) {
  drawing d = {0};
  gd_status st = gdi_run_options(&d.r, gdi_run_parse(&d.r, argc, argv, gdi_run_switches));
  if (st == GD_OK) st = find_shapes(&d);
  if (st == GD_OK) st = draw(&d);
  gd_tape_free(d.tape);
  gd_criterion_free(d.criterion);
  gd_module_free(d.model);
  gd_device_close(d.device);
  return gdi_run_end(&d.r, st);
}

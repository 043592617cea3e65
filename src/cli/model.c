/* gdtrain model CONFIG.yaml: a table of the layers, their shapes, parameters, work and memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/autograd.h"
#include "cli/cli.h"
#include "infer/model.h"
#include "infer/set.h"
#include "train/batches.h"

typedef struct table {
  run_setup r;
  gd_data_info data; /* n 0: not known */
  gd_device *device;
  gd_module *model;
  gd_tape *tape;
  int64_t parameters;
  double work, memory; /* of one sample */
} table;

/* ---- numbers that people read ---- */

/* "268.3 k"; steps of 1000 or, for bytes, 1024 */
static const char *short_number(double v, double step, const char *unit, char buf[16]) {
  static const char *const prefix[] = {"", "k", "M", "G", "T", "P", "E"};
  int i = 0;
  while (v >= step && i < 6) v /= step, i++;
  snprintf(buf, 16, i == 0 || v >= 100 ? "%.0f %s%s" : "%.1f %s%s", v, prefix[i], unit);
  const size_t n = strlen(buf);
  if (buf[n - 1] == ' ') buf[n - 1] = 0;
  return buf;
}

/* "269,322" */
static const char *grouped(int64_t v, char buf[32]) {
  char digits[24];
  const int n = snprintf(digits, sizeof digits, "%lld", (long long)v);
  int at = 0;
  for (int i = 0; i < n; i++) {
    if (i && (n - i) % 3 == 0) buf[at++] = ',';
    buf[at++] = digits[i];
  }
  buf[at] = 0;
  return buf;
}

/* ---- what a forward of one sample records ---- */

static bool is_view(const gd_node *n) {
  const char *out = n->out->data;
  for (int i = 0; i < n->n_in; i++) {
    const char *in = n->in[i] ? n->in[i]->data : NULL;
    if (in && out >= in && out < in + gd_tensor_bytes(n->in[i])) return true;
  }
  return false;
}

/* Of the operations of this module, without its children's: multiply-adds; bytes kept for backward, and of gradients. */
static void count(const table *t, const gd_module *m, double *work, double *memory) {
  *work = *memory = 0;
  for (const gd_node *n = t->tape->last; n; n = n->previous) {
    if (n->scope != &m->scope) continue;
    *work += gd_node_flops(n) / 2;
    *memory += (is_view(n) ? 1 : 2) * (double)gd_tensor_bytes(n->out);
    for (int i = 0; i < GD_SAVED; i++)
      if (n->saved[i]) *memory += (double)gd_tensor_bytes(n->saved[i]);
  }
}

/* Own parameters; those of a layer before it are counted there. */
static int64_t own_parameters(const gd_module *m, const gd_named *seen, int n_seen, bool *shares) {
  int64_t sum = 0;
  *shares = false;
  for (int i = 0; i < m->n_params; i++) {
    bool first = true;
    for (int k = 0; k < n_seen; k++) first &= seen[k].tensor != m->param[i].tensor;
    if (first) sum += gd_numel(m->param[i].tensor);
    *shares |= !first;
  }
  return sum;
}

/* ---- the table ---- */

typedef struct rows {
  table *t;
  const gd_named *param; /* of the whole model, in this order */
  int done;
} rows;

/* At most `width` characters; what is longer ends in a dot. */
static void cell(const char *text, int width) {
  const int n = (int)strlen(text);
  if (n <= width)
    printf("%-*s ", width, text);
  else
    printf("%.*s. ", width - 1, text);
}

static void row(rows *r, const gd_module *m, const char *name, int level) {
  table *t = r->t;
  char text[160], number[32], a[16], b[16];
  double work, memory;
  bool shares;
  count(t, m, &work, &memory);
  const int64_t own = own_parameters(m, r->param, r->done, &shares);
  r->done += m->n_params;
  t->parameters += own, t->work += work, t->memory += memory;
  snprintf(text, sizeof text, "%*s%s", 2 * level, "", name);
  cell(text, 22);
  cell(m->cls->name, 11);
  cell(gd_shape_text(&m->out, text, sizeof text), 14);
  printf("%10s%s %9s %8s\n", m->n_params ? grouped(own, number) : "-", shares ? "*" : " ",
         work ? short_number(work, 1000, "", a) : "-", memory ? short_number(memory, 1024, "B", b) : "-");
  for (int i = 0; i < m->n_children; i++) row(r, m->child[i].module, m->child[i].name, level + 1);
}

static void totals(const table *t, int ranks) {
  const gd_options *o = &t->r.o;
  char a[16], b[16], c[16], number[32];
  const double bytes = (double)t->parameters * (double)gd_dtype_bytes(t->model->dtype);
  printf("parameters    %s, %s\n", grouped(t->parameters, number), short_number(bytes, 1024, "B", a));
  printf("multiply-adds %s a sample", short_number(t->work, 1000, "", a));
  if (o->batch_size == 0 && t->data.n == 0) {
    printf("\n");
    return;
  }
  bool follows;
  const gdi_batches batches = gdi_batches_plan(t->data.n ? t->data.n : INT64_MAX / 2, o->batch_size,
                                               o->micro_batch, o->drop_last, ranks, false, &follows);
  const double batch = (double)batches.batch, micro = (double)batches.micro;
  const double share = micro * (double)((gdi_batches_max_micro(&batches) + ranks - 1) / ranks);
  printf(", %s a batch of %lld forward, %s with backward\n", short_number(t->work * batch, 1000, "", b),
         (long long)batches.batch, short_number(3 * t->work * batch, 1000, "", c));
  printf("each of %d rank%s %s multiply-adds a batch with backward; memory: parameters\n", ranks,
         ranks > 1 ? "s:" : ":", short_number(3 * t->work * (share < batch ? share : batch), 1000, "", a));
  printf("              and gradients %s, micro-batch of %lld samples %s\n",
         short_number(2 * bytes, 1024, "B", b), (long long)batches.micro,
         short_number(t->memory * micro, 1024, "B", c));
}

static gd_status print_table(table *t, int ranks) {
  const int n = gd_module_params(t->model, NULL, 0);
  gd_named *param = calloc((size_t)n + 1, sizeof *param);
  if (!param) return GD_FAIL(GD_ERR_OOM, "no memory for a table of %d parameters", n);
  gd_module_params(t->model, param, n);
  rows r = {.t = t, .param = param};
  char text[160];
  const gd_shape in = {.ndim = t->data.ndim};
  memcpy((void *)in.dim, t->data.sample, sizeof in.dim);
  cell("name", 22), cell("layer", 11), cell("output", 14);
  printf("%10s  %9s %8s\n", "parameters", "mult-adds", "memory");
  cell("input", 22), cell("", 11), cell(gd_shape_text(&in, text, sizeof text), 14);
  printf("%10s  %9s %8s\n", "-", "-", "-");
  row(&r, t->model, "model", 0);
  bool shares = false;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++) shares |= param[i].tensor == param[k].tensor;
  printf("\n%s", shares ? "* shared with a layer above, and counted there\n" : "");
  totals(t, ranks);
  printf("mult-adds, memory (results kept for backward, gradients): of one sample\n");
  free(param);
  return GD_OK;
}

/* ---- the model ---- */

static gd_status parse_sample(table *t, const char *text) {
  const char *at = text;
  for (t->data.ndim = 0; *at && t->data.ndim < GD_MAX_DIMS - 1; t->data.ndim++) {
    char *end;
    errno = 0;
    const int64_t v = strtoll(at, &end, 10);
    if (end == at || errno || v < 1 || (*end && *end != 'x')) break;
    t->data.sample[t->data.ndim] = v;
    at = *end ? end + 1 : end;
  }
  if (!*at && t->data.ndim > 0) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "--sample %.40s: expected the shape of a sample, as 784 or 1x28x28", text);
}

static gd_status find_sample(table *t, const char *sample) {
  if (sample) return parse_sample(t, sample);
  if (t->r.demonstration) {
    t->data.ndim = 2, t->data.sample[0] = t->data.sample[1] = 28;
    return GD_OK;
  }
  gd_dataset *set;
  const gd_data_options how = gdi_data_options(&t->r.o);
  GD_TRY(gd_dataset_open(&set, t->r.o.data_train, &how));
  t->data = *gd_dataset_info(set);
  gd_dataset_close(set);
  return GD_OK;
}

static gd_status build(table *t) {
  const gd_dtype dtype = strcmp(t->r.o.precision, "fp64") == 0 ? GD_F64 : GD_F32;
  int64_t shape[GD_MAX_DIMS] = {1};
  gd_shape output;
  gd_tensor *x;
  memcpy(shape + 1, t->data.sample, (size_t)t->data.ndim * sizeof *shape);
  if (t->r.o.model->n == 0)
    return GD_FAIL(GD_ERR_USAGE, "no model: give --model \"linear:512 relu linear:10\"");
  GD_TRY(gd_device_open(&t->device, &(gd_device_options){.kind = GD_CPU, .threads = 1}));
  GD_TRY(gdi_job_model(&t->model, t->r.o.task, t->r.o.model, &t->data, t->device, dtype, &output));
  GD_TRY(gd_tape_new(&t->tape, t->device));
  GD_TRY(gd_tensor_new(&x, gd_tape_arena(t->tape), t->device, dtype, t->data.ndim + 1, shape));
  GD_TRY(gd_tensor_fill(x, 0));
  GD_TRY(gd_require_grad(x, true)); /* so that what needs no parameter is recorded, too */
  (void)gd_forward(t->model, t->tape, x);
  return gd_tape_status(t->tape);
}

gd_status gdi_command_model(int argc, char **argv) {
  table t = {0};
  int64_t ranks = 1;
  gd_status st = gdi_run_parse(&t.r, argc, argv, gdi_run_switches);
  const char *sample = st == GD_OK ? gdi_args_take(&t.r.a, "sample") : NULL;
  if (st == GD_OK) st = gdi_args_i64(&t.r.a, "ranks", 1, 1 << 20, &ranks);
  if (st == GD_OK && sample)
    st = gd_settings_set(&t.r.a.setting, "data.train", "none"); /* it is not opened */
  st = gdi_run_options(&t.r, st);
  if (st == GD_OK) st = find_sample(&t, sample);
  if (st == GD_OK) st = build(&t);
  if (st == GD_OK) st = print_table(&t, (int)ranks);
  gd_tape_free(t.tape);
  gd_module_free(t.model);
  gd_device_close(t.device);
  return gdi_run_end(&t.r, st);
}

/* Opening a job: device, data, model, update, in that order; every step of it is agreed on by all ranks. */
#include "train/job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gd/log.h"
#include "device/device.h"
#include "gd/version.h"
#include "train/gpu.h"
#include "train/save.h"

gd_status gdi_device_for(gd_device **out, gd_world *w, const char *device, int64_t threads,
                         const char *precision) {
  gd_device_options d = {.kind = GD_CPU, .threads = threads ? (int)threads : gd_world_cores(w)};
  const int gpus = strcmp(device, "cpu") == 0 ? 0 : gd_device_gpus();
  if (gpus > 0 || strcmp(device, "cuda") == 0) d.kind = GD_CUDA;
  if (gpus > 0) d.index = gd_world_seat(w) % gpus;
  if (gpus > 0 && gpus < gd_world_local_size(w) && gd_world_rank(w) == 0)
    gd_message(GD_LOG_WARN, "%d ranks of this host share %d GPU%s: one rank for each is faster",
               gd_world_local_size(w), gpus, gpus > 1 ? "s" : "");
  if (strcmp(precision, "bf16") == 0) d.matmul = GD_MATMUL_BF16;
  if (strcmp(precision, "tf32") == 0) d.matmul = GD_MATMUL_TF32;
  if (d.kind == GD_CPU && d.matmul == GD_MATMUL_TF32)
    return GD_FAIL(GD_ERR_USAGE, "precision: tf32 needs a GPU; on CPUs choose fp32, bf16 or fp64");
  return gd_device_open(out, &d);
}

/* ---- data ---- */

static gd_status open_val(gdi_job *j) {
  GD_TRY(gdi_set_open(&j->val, j->world, j->opt.data_val, &j->opt));
  const gd_data_info *t = gd_dataset_info(j->train.data), *v = gd_dataset_info(j->val.data);
  gd_status st = GD_OK;
  if (t->ndim != v->ndim || memcmp(t->sample, v->sample, (size_t)t->ndim * sizeof *t->sample) != 0 ||
      t->labels != v->labels || (!t->labels && t->targets != v->targets))
    st = GD_FAIL(GD_ERR_DATA, "%s and %s hold samples of different shapes: see gdtrain data info", t->path,
                 v->path);
  if (st == GD_OK) st = gdi_set_match(&j->val, t->classes, t->class_name);
  if (st == GD_OK) st = gdi_set_labelled(&j->val);
  return gd_world_agree(j->world, st);
}

/* Block shuffle mixes as many blocks as 32 MB of the file hold: a property of the file, so the order is one
 * too. */
static void choose_blocks(gd_order *o, const gd_data_info *i) {
  enum { WINDOW_BYTES = 32 << 20 };
  o->block = i->block;
  o->window = WINDOW_BYTES / (int64_t)(i->x_bytes / (size_t)i->n + 1) / o->block;
  if (o->window < 1) o->window = 1;
}

/* Parts of the sets, and their order under this seed. */
static gd_status choose_orders(gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  const uint64_t seed = (uint64_t)j->opt.seed;
  if (strcmp(j->opt.shuffle, "auto") == 0)
    j->opt.shuffle = gd_dataset_streamed(j->train.data) ? "block" : "full";
  j->train_order = gd_order_all(i->n, seed);
  j->validates = j->opt.val_fraction > 0 || j->val.data;
  if (j->opt.val_fraction > 0)
    GD_TRY(gd_order_split(i->n, j->opt.val_fraction, seed, &j->train_order, &j->val_order));
  else
    j->val_order = gd_order_all(gd_dataset_info(j->val.data ? j->val.data : j->train.data)->n, seed);
  j->val_order.shuffle = GD_SHUFFLE_NONE;
  j->val_order.sampler = GD_SAMPLE_EPOCH;
  j->train_order.sampler =
      strcmp(j->opt.sampler, "replacement") == 0 ? GD_SAMPLE_REPLACEMENT : GD_SAMPLE_EPOCH;
  j->train_order.shuffle = strcmp(j->opt.shuffle, "full") == 0    ? GD_SHUFFLE_FULL
                           : strcmp(j->opt.shuffle, "block") == 0 ? GD_SHUFFLE_BLOCK
                                                                  : GD_SHUFFLE_NONE;
  choose_blocks(&j->train_order, i);
  return GD_OK;
}

static gd_status open_data(gdi_job *j) {
  if (!j->opt.data_train[0])
    return GD_FAIL(GD_ERR_USAGE, "no training data: give --data FILE.h5 (gdtrain data import makes one)");
  GD_TRY(gdi_set_open(&j->train, j->world, j->opt.data_train, &j->opt));
  GD_TRY(gd_world_agree(j->world, gdi_set_labelled(&j->train)));
  if (j->opt.data_val[0]) GD_TRY(open_val(j));
  gd_digest digest;
  GD_TRY(gd_world_agree(j->world, gd_dataset_digest(j->train.data, &digest)));
  gd_digest_hex(&digest, j->data_digest);
  return gd_world_same(j->world, "the training data", &digest, sizeof digest, j->data_digest);
}

/* The sets that another job has open. Without validation data, training data is what is validated on. */
static void borrow_data(gdi_job *j, const gdi_job *from) {
  j->train = from->train, j->val = from->val;
  memcpy(j->data_digest, from->data_digest, sizeof j->data_digest);
  j->borrowed = true;
}

/* Copies the statistics that a checkpoint knows, or measures those of the training part. */
static gd_status open_standardize(gdi_job *j, const gd_standardize *known) {
  if (!j->opt.standardize) return GD_OK;
  if (!known) return gd_standardize_fit(&j->standardize, j->train.data, &j->train_order);
  size_t bytes = (size_t)known->features * sizeof(double);
  j->standardize = (gd_standardize){known->features, malloc(bytes), malloc(bytes)};
  if (!j->standardize.mean || !j->standardize.std)
    return GD_FAIL(GD_ERR_OOM, "no memory for the statistics of the features");
  memcpy(j->standardize.mean, known->mean, bytes);
  memcpy(j->standardize.std, known->std, bytes);
  return GD_OK;
}

/* ---- model ---- */

static gd_status check_outputs(const gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  if (j->loss == GD_CROSS_ENTROPY) {
    if (!i->labels)
      return GD_FAIL(GD_ERR_USAGE, "loss: cross_entropy needs labels, but %s holds real targets: choose mse",
                     i->path);
    if (i->classes > j->outputs)
      return GD_FAIL(GD_ERR_USAGE,
                     "model: %lld outputs, but %s has %lld classes: end the model with linear:%lld",
                     (long long)j->outputs, i->path, (long long)i->classes, (long long)i->classes);
    return GD_OK;
  }
  if (i->labels)
    return GD_FAIL(GD_ERR_USAGE, "loss: %s needs real targets, but %s holds labels: choose cross_entropy",
                   j->opt.loss, i->path);
  if (i->targets != j->outputs)
    return GD_FAIL(GD_ERR_USAGE,
                   "model: %lld outputs, but %s has %lld targets a sample: end the model with linear:%lld",
                   (long long)j->outputs, i->path, (long long)i->targets, (long long)i->targets);
  return GD_OK;
}

static gd_status load_init(gdi_job *j) {
  if (!j->opt.init[0]) return GD_OK;
  gd_arena *a;
  GD_TRY(gd_arena_new(&a, "initial weights"));
  gd_stored *stored;
  int n = 0;
  gd_status st = gd_weights_read(&stored, &n, a, j->opt.init);
  if (st == GD_OK) st = gdi_weights_apply(j->params, stored, n, j->opt.init);
  gd_arena_free(a);
  return st;
}

/* The two losses that take logits: an activation of the same kind before them learns, but badly, and
 * silently. */
static void warn_of_double(const gdi_job *j) {
  static const char *const pairs[][2] = {{"cross_entropy", "softmax"}, {"bce_with_logits", "sigmoid"}};
  const char *space = strrchr(j->opt.model, ' '), *last = space ? space + 1 : j->opt.model;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (strcmp(j->opt.loss, pairs[i][0]) == 0 && strcmp(last, pairs[i][1]) == 0 &&
        gd_world_rank(j->world) == 0)
      gd_message(GD_LOG_WARN, "%s takes logits: end the model without %s", pairs[i][0], pairs[i][1]);
}

static gd_status build_model(gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  if (!j->opt.model[0])
    return GD_FAIL(GD_ERR_USAGE, "no model: give --model \"linear:512 relu linear:%lld\"",
                   (long long)(i->labels ? i->classes : i->targets));
  if (strcmp(j->opt.loss, "auto") == 0) j->opt.loss = i->labels ? "cross_entropy" : "mse";
  GD_TRY(gd_loss_parse(&j->loss, j->opt.loss));
  GD_TRY(gd_model_parse(&j->model, j->opt.model, i->ndim, i->sample, j->device, j->dtype, &j->outputs));
  GD_TRY(check_outputs(j));
  warn_of_double(j);
  gd_module_reset(j->model, (uint64_t)j->opt.seed);
  GD_TRY(gd_params_new(&j->params, j->model));
  GD_TRY(load_init(j));
  return gd_tape_new(&j->tape, j->device);
}

/* ---- update ---- */

static void resolve_batches(gdi_job *j) {
  bool follows_ranks;
  const int ranks = gd_world_size(j->world);
  j->batches = gdi_batches_plan(j->train_order.n, j->opt.batch_size, j->opt.micro_batch, ranks,
                                j->device->gpu != NULL, &follows_ranks);
  if (follows_ranks && gd_world_rank(j->world) == 0)
    gd_message(GD_LOG_INFO,
               "micro_batch: auto chose %lld so that all %d ranks have work; set it to keep the bits on "
               "other numbers of ranks",
               (long long)j->batches.micro, ranks);
  j->opt.micro_batch = j->batches.micro;
  j->total_steps = j->opt.steps ? j->opt.steps : j->opt.epochs * j->batches.per_epoch;
}

gd_status gdi_usual_rates(gd_options *o) {
  gd_optimizer kind;
  GD_TRY(gd_optim_parse(&kind, o->optimizer));
  const gd_optim usual = gd_optim_defaults(kind);
  if (isnan(o->momentum)) o->momentum = usual.momentum;
  if (isnan(o->weight_decay)) o->weight_decay = usual.weight_decay;
  if (isnan(o->lr)) o->lr = kind == GD_SGD || kind == GD_LARS ? 0.1 : kind == GD_RMSPROP ? 0.01 : 0.001;
  return GD_OK;
}

static gd_status resolve_rates(gdi_job *j) {
  const gd_options *o = &j->opt;
  gd_optimizer kind;
  GD_TRY(gdi_usual_rates(&j->opt));
  GD_TRY(gd_optim_parse(&kind, o->optimizer));
  j->optim = (gd_optim){.kind = kind,
                        .momentum = o->momentum,
                        .dampening = o->dampening,
                        .nesterov = o->nesterov,
                        .weight_decay = o->weight_decay,
                        .beta1 = o->beta1,
                        .beta2 = o->beta2,
                        .eps = o->eps,
                        .alpha = o->alpha,
                        .centered = o->centered,
                        .trust = o->trust};
  GD_TRY(gd_optim_check(&j->optim));

  double factor = (double)j->batches.batch / (double)o->lr_batch, lr = o->lr;
  if (strcmp(o->lr_scale, "linear") == 0) lr *= factor;
  if (strcmp(o->lr_scale, "sqrt") == 0) lr *= __builtin_sqrt(factor);
  const double epochs = (double)j->total_steps / (double)j->batches.per_epoch;
  gd_schedule_kind schedule;
  GD_TRY(gd_schedule_parse(&schedule, o->schedule));
  if (j->opt.t0 == 0) j->opt.t0 = epochs > o->warmup ? epochs - o->warmup : epochs;
  if (j->opt.total == 0) j->opt.total = j->opt.t0;
  j->schedule = gd_schedule_defaults(schedule, lr);
  j->schedule.eta_min = o->eta_min, j->schedule.t0 = o->t0, j->schedule.t_mult = (int)o->t_mult;
  j->schedule.every = o->lr_every, j->schedule.gamma = o->gamma, j->schedule.total = o->total;
  j->schedule.warmup = o->warmup;
  return gd_schedule_check(&j->schedule);
}

static gd_status open_update(gdi_job *j) {
  const bool only_nccl = strcmp(j->opt.transport, "nccl") == 0;
  if (only_nccl && !j->device->gpu) return GD_FAIL(GD_ERR_USAGE, "transport: nccl is for GPUs: see --device");
  gd_sync_options s = {.nccl = only_nccl                               ? GD_NCCL_ALWAYS
                               : strcmp(j->opt.transport, "auto") == 0 ? GD_NCCL_AUTO
                                                                       : GD_NCCL_NEVER,
                       .mode = strcmp(j->opt.sync, "allreduce") == 0 ? GD_SYNC_ALLREDUCE : GD_SYNC_ORDERED,
                       .optim = j->optim,
                       .max_micro_batches = gdi_batches_max_micro(&j->batches),
                       .clip_norm = j->opt.clip_norm,
                       .clip_value = j->opt.clip_value,
                       .skip_nonfinite = strcmp(j->opt.on_nan, "skip") == 0,
                       .noise_scale = j->opt.noise_scale,
                       .audit_every = j->opt.audit_every,
                       .bucket_bytes = isnan(j->opt.bucket_mb) ? 0 : (size_t)(j->opt.bucket_mb * 0x1p20),
                       .no_overlap = !j->opt.overlap};
  GD_TRY(gd_sync_new(&j->sync, j->world, j->params, &s));
  gd_sync_attach(j->sync, j->tape);
  return GD_OK;
}

static gd_status open_loaders(gdi_job *j) {
  gd_loader_options l = {.order = j->train_order,
                         .device = j->device,
                         .dtype = j->dtype,
                         .max_rows = j->batches.micro,
                         .standardize = j->standardize.features ? &j->standardize : NULL};
  GD_TRY(gd_loader_new(&j->loader, j->train.data, &l));
  if (!j->validates && !j->borrowed) return GD_OK;
  l.order = j->val_order;
  l.max_rows = GDI_EVAL_ROWS;
  return gd_loader_new(&j->val_loader, j->val.data ? j->val.data : j->train.data, &l);
}

/* ---- the whole ---- */

/* Each process writes its own list: restarted runs add files instead of mixing lines. */
static gd_status open_trace(gdi_job *j) {
  if (!j->opt.trace[0]) return GD_OK;
  char path[4200];
  snprintf(path, sizeof path, "%.4000s/samples-%s-%d.csv", j->opt.trace,
           gd_world_hostname(j->world, gd_world_rank(j->world)), (int)getpid());
  j->trace = fopen(path, "w");
  return j->trace ? GD_OK : GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
}

/* How this rank's settings differ from rank 0's, for the message. Collective. */
static gd_status describe_settings(const gdi_job *j, const char *text, char *buf, size_t bytes) {
  int64_t n = (int64_t)strlen(text) + 1;
  GD_TRY(gd_world_bcast(j->world, &n, sizeof n, 0));
  char *first = malloc((size_t)n);
  gd_options options;
  gd_status st =
      gd_world_agree(j->world, first ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare settings"));
  if (st == GD_OK && gd_world_rank(j->world) == 0) memcpy(first, text, (size_t)n);
  if (st == GD_OK) st = gd_world_bcast(j->world, first, (size_t)n, 0);
  if (st == GD_OK) st = gd_world_agree(j->world, gdi_options_read(&options, "the settings of rank 0", first));
  if (st == GD_OK) {
    if (gd_options_differ_any(&options, &j->opt, buf, bytes) == 0)
      snprintf(buf, bytes, "the others are compared with these");
    gd_options_free(&options);
  }
  free(first);
  return st;
}

/* Asked as they were given, before anything else is done together, and again with what was resolved on each
 * host. */
static gd_status same_settings(const gdi_job *j) {
  char *text = NULL, differences[400];
  size_t bytes = 0;
  if (gd_world_size(j->world) == 1) return GD_OK;
  FILE *f = open_memstream(&text, &bytes);
  if (f) gd_options_print(&j->opt, f);
  const bool ok = f && fclose(f) == 0;
  gd_status st = gd_world_agree(j->world, ok ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to compare settings"));
  if (st == GD_OK) st = describe_settings(j, text, differences, sizeof differences);
  if (st == GD_OK) st = gd_world_same(j->world, "the settings", text, bytes, differences);
  free(text);
  return st;
}

/* The same program, the same settings, the same arithmetic everywhere? */
static gd_status same_everywhere(const gdi_job *j) {
  const char *machine = gd_device_describe(j->device);
  GD_TRY(same_settings(j));
  return gd_world_same(j->world, "the processor and its kernels", machine, strlen(machine), machine);
}

static gd_status begin(gdi_job *j, gd_world *w, const gd_options *o) {
  memset(j, 0, sizeof *j);
  j->world = w;
  j->opt = *o;
  j->dtype = strcmp(o->precision, "fp64") == 0 ? GD_F64 : GD_F32;
  GD_TRY(gd_world_same(w, "the version of gdtrain", GD_VERSION, sizeof GD_VERSION, GD_VERSION));
  GD_TRY(same_settings(j));
  GD_TRY(gd_world_agree(w, gd_options_check(o)));
  return gd_world_agree(w, gdi_device_for(&j->device, w, o->device, o->threads, o->precision));
}

static gd_status open_on_data(gdi_job *j, const gd_standardize *known) {
  gd_world *w = j->world;
  GD_TRY(gd_world_agree(w, choose_orders(j)));
  GD_TRY(gd_world_agree(w, open_standardize(j, known)));
  GD_TRY(gd_world_agree(w, gdi_gpu_cause(j->device, build_model(j))));
  resolve_batches(j);
  GD_TRY(gd_world_agree(w, resolve_rates(j)));
  GD_TRY(same_everywhere(j));
  GD_TRY(open_update(j));
  GD_TRY(gd_world_agree(w, open_trace(j)));
  GD_TRY(gd_world_agree(w, gdi_gpu_cause(j->device, open_loaders(j))));
  return gd_world_agree(w, gdi_on_gpu_new(j));
}

gd_status gdi_job_open(gdi_job *j, gd_world *w, const gd_options *o, const gd_standardize *known) {
  GD_TRY(begin(j, w, o));
  GD_TRY(open_data(j));
  return open_on_data(j, known);
}

gd_status gdi_job_open_data(gdi_job *j, gd_world *w, const gd_options *o) {
  GD_TRY(begin(j, w, o));
  return open_data(j);
}

gd_status gdi_job_open_on(gdi_job *j, gd_world *w, const gd_options *o, const gdi_job *data) {
  GD_TRY(begin(j, w, o));
  borrow_data(j, data);
  return open_on_data(j, NULL);
}

void gdi_job_close(gdi_job *j) {
  if (j->trace) fclose(j->trace);
  gdi_on_gpu_free(j);
  gd_loader_free(j->loader);
  gd_loader_free(j->val_loader);
  gd_sync_free(j->sync);
  gd_tape_free(j->tape);
  gd_params_free(j->params);
  gd_module_free(j->model);
  gd_standardize_free(&j->standardize);
  if (!j->borrowed) gdi_set_close(&j->val, j->world), gdi_set_close(&j->train, j->world);
  gd_device_close(j->device);
}

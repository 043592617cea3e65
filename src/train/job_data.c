/* The data of a job: sets, their order, the statistics of their features. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "device/device.h"
#include "gd/log.h"
#include "train/job_open.h"

typedef struct kind {
  char text[64];
} kind;

/* "labels of 3 classes", "2 numbers a sample" */
static kind kind_of(const gd_data_info *i) {
  kind k;
  if (i->labels)
    snprintf(k.text, sizeof k.text, "labels of %lld classes", (long long)i->classes);
  else
    snprintf(k.text, sizeof k.text, "%lld number%s a sample", (long long)i->targets,
             i->targets == 1 ? "" : "s");
  return k;
}

/* What is learned by heart looks like what is understood. */
static void tell_same(const gdi_job *j) {
  const gd_data_info *t = gd_dataset_info(j->train.data), *v = gd_dataset_info(j->val.data);
  gd_message(GD_LOG_WARN,
             "%s: validates on the training data: %s and %s hold the same as those of %s; choose others by "
             "--val-data, --val-data.x and --val-data.y, or --val-fraction",
             v->path, v->x_name, v->y_name, t->path);
}

static gd_status match_val(gdi_job *j, const gd_data_info *t, const gd_data_info *v) {
  char text[2][GDI_SHAPE_TEXT];
  if (t->ndim != v->ndim || memcmp(t->sample, v->sample, (size_t)t->ndim * sizeof *t->sample) != 0)
    return GD_FAIL(GD_ERR_DATA, "%s: its samples are %s, but those of %s are %s: both need the same shape",
                   v->path, gdi_dims_text(v->ndim, v->sample, text[0]), t->path,
                   gdi_dims_text(t->ndim, t->sample, text[1]));
  if (t->labels != v->labels || (!t->labels && t->targets != v->targets))
    return GD_FAIL(GD_ERR_DATA, "%s: %s holds %s, but %s of %s %s%s", v->path, v->y_name, kind_of(v).text,
                   t->y_name, t->path, kind_of(t).text,
                   t->labels == v->labels ? "" : "; --target-type labels or numbers says what both are");
  GD_TRY(gdi_set_match(&j->val, t->classes, t->class_name));
  return gdi_set_labelled(&j->val);
}

static gd_status open_val(gdi_job *j) {
  const gd_data_info *t = gd_dataset_info(j->train.data);
  GD_TRY(gdi_set_open(
      &j->val, j->world, j->opt.data_val, &j->opt,
      &(gdi_set_use){.part = GD_PART_VAL,
                     .names = &t->names,
                     .target_type = t->labels ? GD_TARGET_RATHER_LABELS : GD_TARGET_RATHER_NUMBERS}));
  return gd_world_agree(j->world, match_val(j, t, gd_dataset_info(j->val.data)));
}

/* Block shuffle mixes as many blocks as 32 MB of the file hold: so the order depends on the file alone. */
static void choose_blocks(gd_order *o, const gd_data_info *i) {
  enum { WINDOW_BYTES = 32 << 20 };
  o->block = i->block;
  o->window = WINDOW_BYTES / (int64_t)(i->x_bytes / (size_t)i->n + 1) / o->block;
  if (o->window < 1) o->window = 1;
}

static gd_status open_balanced(gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  if (!i->labels)
    return GD_FAIL(GD_ERR_USAGE,
                   "data.sampler: balanced draws classes equally often, but the targets of %s are numbers: "
                   "leave it out, or say --target-type labels",
                   i->path);
  GD_TRY(gd_class_lists_new(&j->class_lists, j->train.data, &j->train_order));
  j->train_order.lists = &j->class_lists;
  j->train_order.sampler = GD_SAMPLE_BALANCED;
  return GD_OK;
}

/* Parts of the sets, and their order under this seed. */
gd_status gdi_open_orders(gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  const uint64_t seed = (uint64_t)j->opt.seed;
  if (strcmp(j->opt.shuffle, "auto") == 0)
    j->opt.shuffle = gd_dataset_streamed(j->train.data) && !i->from_images ? "block" : "full";
  if (i->layout)
    j->opt.layout = gdi_layout_word(i->layout); /* of the model from now on, whatever other files say */
  j->train_order = gd_order_all(i->n, seed);
  j->validates = j->opt.val_fraction > 0 || j->val.data;
  if (j->opt.val_fraction > 0)
    GD_TRY(gd_order_split(i->n, j->opt.val_fraction, seed, &j->train_order, &j->val_order));
  else
    j->val_order = gd_order_all(gd_dataset_info(j->val.data ? j->val.data : j->train.data)->n, seed);
  j->val_order.shuffle = GD_SHUFFLE_NONE;
  j->val_order.sampler = GD_SAMPLE_EPOCH;
  if (strcmp(j->opt.sampler, "replacement") == 0) j->train_order.sampler = GD_SAMPLE_REPLACEMENT;
  if (strcmp(j->opt.sampler, "balanced") == 0) GD_TRY(open_balanced(j));
  j->train_order.shuffle = strcmp(j->opt.shuffle, "full") == 0    ? GD_SHUFFLE_FULL
                           : strcmp(j->opt.shuffle, "block") == 0 ? GD_SHUFFLE_BLOCK
                                                                  : GD_SHUFFLE_NONE;
  choose_blocks(&j->train_order, i);
  return GD_OK;
}

/* Weights that were asked for; other sets may do without. */
static gd_status check_weights(const gdi_job *j) {
  const gd_data_info *i = gd_dataset_info(j->train.data);
  if (!j->opt.w_name[0] || strcmp(j->opt.w_name, "none") == 0 || i->w_name[0]) return GD_OK;
  return GD_FAIL(GD_ERR_DATA, "%s: it has no array %.64s with the weights of its samples, as data.w asks for",
                 i->path, j->opt.w_name);
}

gd_status gdi_open_data(gdi_job *j, const gdi_set_use *use) {
  if (!j->opt.data_train[0])
    return GD_FAIL(GD_ERR_USAGE, "no training data: give --data FILE.h5 (gdtrain data import makes one)");
  GD_TRY(gdi_set_open(&j->train, j->world, j->opt.data_train, &j->opt, use));
  GD_TRY(gd_world_agree(j->world, check_weights(j)));
  GD_TRY(gd_world_agree(j->world, gdi_set_labelled(&j->train)));
  const bool tells = gd_world_rank(j->world) == 0;
  GD_TRY(gd_world_agree(j->world, tells ? gdi_set_tell_labels(&j->train, &j->opt) : GD_OK));
  if (!j->opt.data_val[0] && j->opt.val_fraction == 0 && gd_dataset_info(j->train.data)->n_val > 0)
    j->opt.data_val = j->opt.data_train; /* the file has its own part to validate on */
  if (j->opt.data_val[0]) GD_TRY(open_val(j));
  gd_digest digest;
  GD_TRY(gd_world_agree(j->world, gd_dataset_digest(j->train.data, &digest)));
  gd_digest_hex(&digest, j->data_digest);
  GD_TRY(gd_world_same(j->world, "the training data", &digest, sizeof digest, j->data_digest));
  if (j->opt.val_fraction > 0) memcpy(j->val_digest, j->data_digest, sizeof j->val_digest);
  if (!j->val.data) return GD_OK;
  GD_TRY(gd_world_agree(j->world, gd_dataset_digest(j->val.data, &digest)));
  gd_digest_hex(&digest, j->val_digest);
  if (tells && strcmp(j->val_digest, j->data_digest) == 0) tell_same(j);
  return gd_world_same(j->world, "the validation data", &digest, sizeof digest, j->val_digest);
}

/* The sets that another job has open. Without validation data, training data is what is validated on. */
void gdi_borrow_data(gdi_job *j, const gdi_job *from) {
  j->train = from->train, j->val = from->val;
  j->opt.data_val = from->opt.data_val; /* which may have been found in the training file */
  memcpy(j->data_digest, from->data_digest, sizeof j->data_digest);
  memcpy(j->val_digest, from->val_digest, sizeof j->val_digest);
  j->borrowed = true;
}

static gd_status copy_known(gd_standardize *to, const gd_standardize *known) {
  const size_t bytes = (size_t)known->features * sizeof(double);
  *to = (gd_standardize){known->features, malloc(bytes), malloc(bytes)};
  if (!to->mean || !to->std) return GD_FAIL(GD_ERR_OOM, "no memory for the statistics of the data");
  memcpy(to->mean, known->mean, bytes);
  memcpy(to->std, known->std, bytes);
  return GD_OK;
}

/* Images with channels share statistics over their pixels, which augmentation moves about. */
static gd_status measure(gdi_job *j) {
  gdi_image_shape unused;
  const gd_data_info *i = gd_dataset_info(j->train.data);
  bool channels = strcmp(j->opt.standardize_by, "channel") == 0;
  if (strcmp(j->opt.standardize_by, "auto") == 0) {
    channels = i->ndim == 3 && gdi_image_shape_of(&unused, i) == GD_OK;
    gd_error_clear();
  }
  return channels ? gd_standardize_fit_channels(&j->standardize, j->train.data, &j->train_order)
                  : gd_standardize_fit(&j->standardize, j->train.data, &j->train_order);
}

/* Copies the statistics that a checkpoint knows, or measures those of the training part. */
gd_status gdi_open_standardize(gdi_job *j, const gdi_known *known) {
  if (j->opt.standardize)
    GD_TRY(known->standardize.features ? copy_known(&j->standardize, &known->standardize) : measure(j));
  if (!j->opt.standardize_targets) return GD_OK;
  if (known->standardize_targets.features)
    return copy_known(&j->standardize_targets, &known->standardize_targets);
  return gd_standardize_fit_targets(&j->standardize_targets, j->train.data, &j->train_order);
}

/* Weights that are counted stay as they were counted first. */
gd_status gdi_open_class_weights(gdi_job *j, const gdi_class_weights *known) {
  if (strcmp(j->opt.class_weights, "auto") == 0 && known->n)
    return gdi_class_weights_copy(&j->class_weights, known->w, known->n);
  return gdi_class_weights_find(&j->class_weights, j->opt.class_weights, j->train.data, &j->train_order);
}

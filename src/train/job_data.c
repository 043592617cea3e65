/* The data of a job: sets, their order, the statistics of their features. */
#include <stdlib.h>
#include <string.h>

#include "train/job_open.h"

static gd_status open_val(gdi_job *j) {
  const gd_data_info *t = gd_dataset_info(j->train.data);
  GD_TRY(gdi_set_open(&j->val, j->world, j->opt.data_val, &j->opt, true, &t->names));
  const gd_data_info *v = gd_dataset_info(j->val.data);
  gd_status st = GD_OK;
  if (t->ndim != v->ndim || memcmp(t->sample, v->sample, (size_t)t->ndim * sizeof *t->sample) != 0)
    st = GD_FAIL(GD_ERR_DATA, "%s and %s hold samples of different shapes: see gdtrain data info", t->path,
                 v->path);
  else if (t->labels != v->labels || (!t->labels && t->targets != v->targets))
    st = GD_FAIL(GD_ERR_DATA, "%s and %s hold targets of different kinds: see gdtrain data info", t->path,
                 v->path);
  if (st == GD_OK) st = gdi_set_match(&j->val, t->classes, t->class_name);
  if (st == GD_OK) st = gdi_set_labelled(&j->val);
  return gd_world_agree(j->world, st);
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
                   "data.sampler: balanced draws classes equally often, but %s holds real targets", i->path);
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
    j->opt.shuffle = gd_dataset_streamed(j->train.data) ? "block" : "full";
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

gd_status gdi_open_data(gdi_job *j) {
  if (!j->opt.data_train[0])
    return GD_FAIL(GD_ERR_USAGE, "no training data: give --data FILE.h5 (gdtrain data import makes one)");
  GD_TRY(gdi_set_open(&j->train, j->world, j->opt.data_train, &j->opt, true, NULL));
  GD_TRY(gd_world_agree(j->world, gdi_set_labelled(&j->train)));
  if (j->opt.data_val[0]) GD_TRY(open_val(j));
  gd_digest digest;
  GD_TRY(gd_world_agree(j->world, gd_dataset_digest(j->train.data, &digest)));
  gd_digest_hex(&digest, j->data_digest);
  return gd_world_same(j->world, "the training data", &digest, sizeof digest, j->data_digest);
}

/* The sets that another job has open. Without validation data, training data is what is validated on. */
void gdi_borrow_data(gdi_job *j, const gdi_job *from) {
  j->train = from->train, j->val = from->val;
  memcpy(j->data_digest, from->data_digest, sizeof j->data_digest);
  j->borrowed = true;
}

/* Copies the statistics that a checkpoint knows, or measures those of the training part. */
gd_status gdi_open_standardize(gdi_job *j, const gd_standardize *known) {
  if (!j->opt.standardize) return GD_OK;
  if (!known->features) return gd_standardize_fit(&j->standardize, j->train.data, &j->train_order);
  size_t bytes = (size_t)known->features * sizeof(double);
  j->standardize = (gd_standardize){known->features, malloc(bytes), malloc(bytes)};
  if (!j->standardize.mean || !j->standardize.std)
    return GD_FAIL(GD_ERR_OOM, "no memory for the statistics of the features");
  memcpy(j->standardize.mean, known->mean, bytes);
  memcpy(j->standardize.std, known->std, bytes);
  return GD_OK;
}

/* Weights that are counted stay as they were counted first. */
gd_status gdi_open_class_weights(gdi_job *j, const gdi_class_weights *known) {
  if (strcmp(j->opt.class_weights, "auto") == 0 && known->n)
    return gdi_class_weights_copy(&j->class_weights, known->w, known->n);
  return gdi_class_weights_find(&j->class_weights, j->opt.class_weights, j->train.data, &j->train_order);
}

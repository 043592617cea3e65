/* A small checkpoint with something in every field, and equality of two of them. */
#ifndef GD_TESTS_STORE_EXAMPLE_H
#define GD_TESTS_STORE_EXAMPLE_H

#include <string.h>

#include "gd/store.h"

typedef struct example {
  gd_checkpoint c;
  gd_stored param[4], frozen[2], buffer[2], momentum[4], *state[1];
  gd_tied tied[3];
  float weight[12], bias[2], last[8], m0[12], m1[2], m3[8], mean[4], fixed[4];
  double scale[3], m2[3];
  int64_t batches;
  double data_mean[3], data_std[3];
} example;

static gd_stored stored(const char *name, gd_dtype type, int ndim, int64_t d0, int64_t d1, void *data) {
  gd_stored a = {.dtype = type, .ndim = ndim, .shape = {d0, d1}, .data = data};
  strcpy(a.name, name);
  return a;
}

/* In the order in which it is read back: that of the names. Values depend on `step`. */
static gd_checkpoint *example_make(example *e, int64_t step) {
  static char state_name[1][32] = {"momentum_buffer"};
  static char class_name[2][GD_MAX_CLASS_NAME] = {"setosa", "r\xc3\xa9sum\xc3\xa9"};
  static char config[] = "batch_size: 128\nmodel: [{linear: 2}]\n", model[] = "linear:2 relu";
  *e = (example){.batches = 7 + step};
  for (int i = 0; i < 12; i++) e->weight[i] = (float)i / 7 + (float)step, e->m0[i] = -(float)i;
  for (int i = 0; i < 8; i++) e->last[i] = 1e-40f * (float)i, e->m3[i] = (float)step;
  for (int i = 0; i < 4; i++) e->fixed[i] = 2 - (float)i / 3;
  for (int i = 0; i < 3; i++) e->scale[i] = 1.0 / (i + 3), e->data_mean[i] = i, e->data_std[i] = 1.5;
  e->state[0] = e->momentum;
  e->param[0] = stored("0.bias", GD_F32, 1, 2, 0, e->bias);
  e->param[1] = stored("0.weight", GD_F32, 2, 4, 3, e->weight);
  e->param[2] = stored("10.scale", GD_F64, 1, 3, 0, e->scale);
  e->param[3] = stored("2.weight", GD_F32, 2, 2, 4, e->last);
  e->frozen[0] = stored("3.bias", GD_F32, 1, 4, 0, e->fixed);
  e->frozen[1] = stored("3.weight", GD_F32, 2, 2, 2, e->fixed);
  e->tied[0] = (gd_tied){"4.weight", "0.weight"};
  e->tied[1] = (gd_tied){"5.weight", "0.weight"};
  e->tied[2] = (gd_tied){"5.bias", "3.bias"};
  memcpy(e->momentum, e->param, sizeof e->param);
  e->momentum[0].data = e->m1, e->momentum[1].data = e->m0;
  e->momentum[2].data = e->m2, e->momentum[3].data = e->m3;
  e->buffer[0] = stored("1.batches", GD_I64, 0, 0, 0, &e->batches);
  e->buffer[1] = stored("1.running_mean", GD_F32, 1, 4, 0, e->mean);
  e->c = (gd_checkpoint){.n_params = 4,
                         .param = e->param,
                         .n_frozen = 2,
                         .frozen = e->frozen,
                         .n_tied = 3,
                         .tied = e->tied,
                         .n_buffers = 2,
                         .buffer = e->buffer,
                         .n_states = 1,
                         .state_name = state_name,
                         .state = e->state,
                         .step = step,
                         .epoch = 3,
                         .samples = 12345678901,
                         .seed = 0xfedcba9876543210u,
                         .best = 0.97,
                         .has_best = true,
                         .best_step = 700,
                         .best_loss = 0.125,
                         .rows = 77,
                         .skipped = step > 0,
                         .measured = {1.0 / 3, 32, 64, 0.25, 4.5, -1.0 / 7, 1e-300},
                         .watched = {true, 0.1, 1e300, 3, 0, 1.0 / 3, 2},
                         .config = config,
                         .model = model,
                         .sample_ndim = 1,
                         .sample = {3},
                         .outputs = 2,
                         .x_scale = 1.0 / 255,
                         .classes = 2,
                         .class_name = class_name,
                         .standardize = {3, e->data_mean, e->data_std},
                         .standardize_targets = {2, e->data_std, e->data_mean},
                         .machine = "cpu avx512"};
  memset(e->c.data_digest, 'd', 64);
  memset(e->c.val_digest, 'v', 64);
  strcpy(e->c.version, "0.1.0");
  return &e->c;
}

static bool same_array(const gd_stored *a, const gd_stored *b, bool values) {
  size_t bytes = a->dtype == GD_F32 ? 4 : 8;
  if (strcmp(a->name, b->name) || a->dtype != b->dtype || a->ndim != b->ndim) return false;
  for (int d = 0; d < a->ndim; d++) {
    if (a->shape[d] != b->shape[d]) return false;
    bytes *= (size_t)a->shape[d];
  }
  return values ? memcmp(a->data, b->data, bytes) == 0 : b->data == NULL;
}

/* Is b, as read, what a is? Without `values` b must have none. */
static bool same_checkpoint(const gd_checkpoint *a, const gd_checkpoint *b, bool values) {
  bool same =
      a->n_params == b->n_params && a->n_frozen == b->n_frozen && a->n_tied == b->n_tied &&
      a->n_buffers == b->n_buffers && a->n_states == b->n_states && a->step == b->step &&
      a->epoch == b->epoch && a->samples == b->samples && a->seed == b->seed && a->has_best == b->has_best &&
      a->rows == b->rows && a->skipped == b->skipped && a->best_loss == b->best_loss &&
      a->best_step == b->best_step && a->best == b->best &&
      memcmp(&a->measured, &b->measured, sizeof a->measured) == 0 && a->watched.kept == b->watched.kept &&
      memcmp(&a->watched.lr, &b->watched.lr, 6 * sizeof(double)) == 0 && strcmp(a->config, b->config) == 0 &&
      strcmp(a->model, b->model) == 0 && a->sample_ndim == b->sample_ndim && a->sample[0] == b->sample[0] &&
      a->outputs == b->outputs && a->x_scale == b->x_scale && a->classes == b->classes && b->class_name &&
      a->standardize.features == b->standardize.features &&
      memcmp(a->standardize.mean, b->standardize.mean, 24) == 0 &&
      memcmp(a->standardize.std, b->standardize.std, 24) == 0 &&
      a->standardize_targets.features == b->standardize_targets.features &&
      memcmp(a->standardize_targets.mean, b->standardize_targets.mean, 16) == 0 &&
      memcmp(a->standardize_targets.std, b->standardize_targets.std, 16) == 0 &&
      strcmp(a->data_digest, b->data_digest) == 0 && strcmp(a->val_digest, b->val_digest) == 0 &&
      strcmp(a->machine, b->machine) == 0 && strcmp(a->version, b->version) == 0;
  for (int i = 0; same && i < a->classes; i++) same = strcmp(a->class_name[i], b->class_name[i]) == 0;
  for (int i = 0; same && i < a->n_params; i++) same = same_array(&a->param[i], &b->param[i], values);
  for (int i = 0; same && i < a->n_frozen; i++) same = same_array(&a->frozen[i], &b->frozen[i], values);
  for (int i = 0; same && i < a->n_tied; i++)
    same = strcmp(a->tied[i].name, b->tied[i].name) == 0 && strcmp(a->tied[i].of, b->tied[i].of) == 0;
  for (int i = 0; same && i < a->n_buffers; i++) same = same_array(&a->buffer[i], &b->buffer[i], values);
  for (int s = 0; same && s < a->n_states; s++)
    for (int i = 0; same && i < a->n_params; i++)
      same = same_array(&a->state[s][i], &b->state[s][i], values) &&
             strcmp(a->state_name[s], b->state_name[s]) == 0;
  return same;
}

#endif

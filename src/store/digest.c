#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "store/checkpoint.h"

static gd_status check_name(const char *name, size_t size) {
  size_t n = strnlen(name, size);
  if (n == 0 || n == size || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return GD_FAIL(GD_ERR_USAGE, "'%.*s' cannot be the name of an array in a checkpoint", (int)n, name);
  return GD_OK;
}

bool gdi_is_average(const char *state) {
  return strcmp(state, "ema") == 0 || strcmp(state, "swa") == 0;
}

static gd_status add(gdi_entry *e, gd_stored *a, const char *state, int kind) {
  GD_TRY(check_name(a->name, sizeof a->name));
  if (a->dtype == GD_BF16)
    return GD_FAIL(GD_ERR_DTYPE, "%s is bf16: checkpoints hold the master copies, f32 or f64", a->name);
  *e = (gdi_entry){.kind = kind, .array = a};
  if (state)
    snprintf(e->path, sizeof e->path, "%s%s/%s", gdi_is_average(state) ? "" : "optim/", state, a->name);
  else
    snprintf(e->path, sizeof e->path, "model/%s", a->name);
  return GD_OK;
}

static gd_status collect(const gd_checkpoint *c, gdi_entry *e) {
  for (int i = 0; i < c->n_params; i++) GD_TRY(add(e++, &c->param[i], NULL, GDI_PARAM));
  for (int i = 0; i < c->n_frozen; i++) GD_TRY(add(e++, &c->frozen[i], NULL, GDI_FROZEN));
  for (int i = 0; i < c->n_buffers; i++) GD_TRY(add(e++, &c->buffer[i], NULL, GDI_BUFFER));
  for (int s = 0; s < c->n_states; s++) {
    GD_TRY(check_name(c->state_name[s], sizeof c->state_name[s]));
    for (int i = 0; i < c->n_params; i++) GD_TRY(add(e++, &c->state[s][i], c->state_name[s], GDI_STATE));
  }
  return GD_OK;
}

static int by_path(const void *a, const void *b) {
  return strcmp(((const gdi_entry *)a)->path, ((const gdi_entry *)b)->path);
}

gd_status gdi_checkpoint_entries(const gd_checkpoint *c, gdi_entry **out, int *n) {
  *n = c->n_params + c->n_frozen + c->n_buffers + c->n_states * c->n_params;
  *out = malloc(((size_t)*n + 1) * sizeof **out);
  if (!*out) return GD_FAIL(GD_ERR_OOM, "no memory to list %d arrays", *n);
  gd_status st = collect(c, *out);
  if (st == GD_OK) qsort(*out, (size_t)*n, sizeof **out, by_path);
  for (int i = 1; i < *n && st == GD_OK; i++)
    if (by_path(&(*out)[i - 1], &(*out)[i]) == 0)
      st = GD_FAIL(GD_ERR_USAGE, "two arrays are named %s", (*out)[i].path);
  if (st != GD_OK) free(*out), *out = NULL;
  return st;
}

bool gdi_measured_field(gd_measured *m, int i, const char **name, double **value) {
  const struct {
    const char *name;
    double *value;
  } field[] = {{"row_loss_sum", &m->loss_sum},     {"row_weight", &m->weight},
               {"row_samples", &m->samples},       {"row_seconds", &m->seconds},
               {"noise_weight", &m->noise_weight}, {"noise_S", &m->noise_s},
               {"noise_G2", &m->noise_g2}};
  if (i >= (int)(sizeof field / sizeof *field)) return false;
  *name = field[i].name, *value = field[i].value;
  return true;
}

bool gdi_watched_field(gd_watched *w, int i, const char **name, double **value) {
  const struct {
    const char *name;
    double *value;
  } field[] = {{"plateau_lr", &w->lr},       {"plateau_best", &w->lr_best},
               {"plateau_bad", &w->lr_bad},  {"plateau_cooling", &w->lr_cooling},
               {"stop_best", &w->stop_best}, {"stop_bad", &w->stop_bad}};
  if (i >= (int)(sizeof field / sizeof *field)) return false;
  *name = field[i].name, *value = field[i].value;
  return true;
}

bool gdi_measured_any(const gd_measured *m) {
  return m->samples != 0 || m->noise_weight != 0;
}

static void hash_f64(gd_sha256 *h, const double *values, int64_t n) {
  gdi_sha256_i64(h, n);
  gd_sha256_add(h, values, (size_t)n * sizeof *values);
}

static void hash_measured(gd_sha256 *h, gd_measured m) {
  const char *name;
  double *value;
  for (int i = 0; gdi_measured_field(&m, i, &name, &value); i++) hash_f64(h, value, 1);
}

/* Without names the digest is what it was before there were any. */
static void hash_names(gd_sha256 *h, char (*name)[GD_MAX_COLUMN_NAME], int64_t n) {
  if (n > 0) gdi_sha256_i64(h, n);
  for (int64_t i = 0; i < n; i++) gdi_sha256_text(h, name[i]);
}

static void hash_watched(gd_sha256 *h, gd_watched w) {
  const char *name;
  double *value;
  for (int i = 0; gdi_watched_field(&w, i, &name, &value); i++) hash_f64(h, value, 1);
}

/* What old files do not have leaves their digest as it is. */
static void hash_later(gd_sha256 *h, const gd_checkpoint *c) {
  if (c->rows >= 0) gdi_sha256_i64(h, c->rows);
  if (c->skipped > 0) gdi_sha256_i64(h, c->skipped);
  if (c->has_best && !isnan(c->best_loss)) hash_f64(h, &c->best_loss, 1);
  if (*c->val_digest) gdi_sha256_text(h, c->val_digest);
}

static void hash_scalars(gd_sha256 *h, const gd_checkpoint *c) {
  gdi_sha256_text(h, GDI_FORMAT);
  gdi_sha256_i64(h, c->step);
  gdi_sha256_i64(h, c->epoch);
  gdi_sha256_i64(h, c->samples);
  gdi_sha256_i64(h, (int64_t)c->seed);
  hash_f64(h, &c->best, c->has_best);
  gdi_sha256_i64(h, c->has_best ? c->best_step : 0);
  hash_later(h, c);
  if (gdi_measured_any(&c->measured)) hash_measured(h, c->measured);
  if (c->watched.kept) hash_watched(h, c->watched);
  gdi_sha256_text(h, c->config ? c->config : "");
  gdi_sha256_text(h, c->model ? c->model : "");
  gdi_sha256_i64(h, c->sample_ndim);
  for (int i = 0; i < c->sample_ndim; i++) gdi_sha256_i64(h, c->sample[i]);
  gdi_sha256_i64(h, c->outputs);
  hash_f64(h, &c->x_scale, 1);
  gdi_sha256_i64(h, c->classes);
  for (int64_t i = 0; c->class_name && i < c->classes; i++) gdi_sha256_text(h, c->class_name[i]);
  hash_names(h, c->names.x, c->names.n_x);
  hash_names(h, c->names.y, c->names.n_y);
  hash_f64(h, c->standardize.mean, c->standardize.features);
  hash_f64(h, c->standardize.std, c->standardize.features);
  if (c->standardize_targets.features) {
    hash_f64(h, c->standardize_targets.mean, c->standardize_targets.features);
    hash_f64(h, c->standardize_targets.std, c->standardize_targets.features);
  }
  if (c->n_class_weights) hash_f64(h, c->class_weight, c->n_class_weights);
  gdi_sha256_text(h, c->data_digest);
  gdi_sha256_text(h, c->machine);
  gdi_sha256_text(h, c->version);
  if (c->controlled) hash_f64(h, c->control, GD_CONTROL_NUMBERS);
  if (c->plugins && *c->plugins) gdi_sha256_text(h, c->plugins);
  if (c->found_out && *c->found_out) gdi_sha256_text(h, c->found_out);
}

static void hash_tied(gd_sha256 *h, const gd_checkpoint *c) {
  for (int i = 0; i < c->n_tied; i++) gdi_sha256_text(h, c->tied[i].name), gdi_sha256_text(h, c->tied[i].of);
}

gd_digest gdi_checkpoint_header_digest(const gd_checkpoint *c, const gdi_entry *entry, int n) {
  gd_sha256 h;
  gd_sha256_init(&h);
  hash_scalars(&h, c);
  hash_tied(&h, c);
  for (int i = 0; i < n; i++) {
    const gd_stored *a = entry[i].array;
    gdi_sha256_i64(&h, entry[i].kind == GDI_BUFFER ? 1 : entry[i].kind == GDI_FROZEN ? 2 : 0);
    gdi_sha256_array(&h, entry[i].path, a->dtype, a->ndim, a->shape, NULL);
  }
  return gd_sha256_end(&h);
}

gd_status gd_checkpoint_digest(const gd_checkpoint *c, gd_digest *out) {
  gdi_entry *entry;
  int n;
  GD_TRY(gdi_checkpoint_entries(c, &entry, &n));
  gd_sha256 h;
  gd_sha256_init(&h);
  for (int i = 0; i < n; i++) {
    const gd_stored *a = entry[i].array;
    if (entry[i].kind != GDI_STATE) gdi_sha256_array(&h, a->name, a->dtype, a->ndim, a->shape, a->data);
  }
  *out = gd_sha256_end(&h);
  free(entry);
  return GD_OK;
}

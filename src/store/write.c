#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/h5write.h"
#include "data/names.h"
#include "store/checkpoint.h"

static const char *text_or_empty(const char *text) {
  return text ? text : "";
}

static gd_status check_header(const gd_checkpoint *c, const char *path) {
  if (strlen(text_or_empty(c->model)) > GDI_MAX_CONFIG)
    return GD_FAIL(GD_ERR_WRITE, "%s: the description of the model is longer than %d bytes", path,
                   GDI_MAX_CONFIG);
  if (strlen(text_or_empty(c->config)) > GDI_MAX_CONFIG)
    return GD_FAIL(GD_ERR_WRITE, "%s: the configuration is longer than %d bytes", path, GDI_MAX_CONFIG);
  if (c->n_params < 1) return GD_FAIL(GD_ERR_WRITE, "%s: a checkpoint without parameters", path);
  if (c->sample_ndim < 0 || c->sample_ndim > GD_MAX_DIMS - 1 || c->classes < 0 ||
      c->classes > GDI_MAX_CLASSES)
    return GD_FAIL(GD_ERR_WRITE, "%s: a checkpoint of %d-dimensional samples and %lld classes", path,
                   c->sample_ndim, (long long)c->classes);
  return GD_OK;
}

/* In an attribute, as ever, where it is one line of words; a tree has an array of its own. */
static gd_status put_spec(gdi_h5_writer *w, const gd_checkpoint *c) {
  const char *text = text_or_empty(c->model);
  const bool tree = *text == '[' || strlen(text) > GDI_MAX_SPEC;
  GD_TRY(gdi_h5_put_attr_text(w, "/", "model", tree ? "" : text));
  return tree ? gdi_h5_put_text(w, "model_spec", 1, strlen(text) + 1, text) : GD_OK;
}

static gd_status put_root(gdi_h5_writer *w, const gd_checkpoint *c, const gd_digest *header,
                          const gd_digest *whole) {
  char header_hex[65], whole_hex[65];
  gd_digest_hex(header, header_hex);
  gd_digest_hex(whole, whole_hex);
  GD_TRY(gdi_h5_put_attr_text(w, "/", "format", GDI_FORMAT));
  GD_TRY(put_spec(w, c));
  GD_TRY(gdi_h5_put_attr_i64(w, "/", "outputs", c->outputs));
  GD_TRY(gdi_h5_put_attr_text(w, "/", "machine", c->machine));
  GD_TRY(gdi_h5_put_attr_text(w, "/", "version", c->version));
  if (*text_or_empty(c->plugins)) GD_TRY(gdi_h5_put_attr_text(w, "/", "plugins", c->plugins));
  if (*text_or_empty(c->found_out)) GD_TRY(gdi_h5_put_attr_text(w, "/", "found_out", c->found_out));
  GD_TRY(gdi_h5_put_attr_text(w, "/", "header_digest", header_hex));
  GD_TRY(gdi_h5_put_attr_text(w, "/", "digest", whole_hex));
  const char *config = text_or_empty(c->config);
  return gdi_h5_put_text(w, "config", 1, strlen(config) + 1, config);
}

static gd_status put_progress(gdi_h5_writer *w, const gd_checkpoint *c) {
  GD_TRY(gdi_h5_put_group(w, "progress"));
  GD_TRY(gdi_h5_put_attr_i64(w, "progress", "step", c->step));
  GD_TRY(gdi_h5_put_attr_i64(w, "progress", "epoch", c->epoch));
  if (c->rows >= 0) GD_TRY(gdi_h5_put_attr_i64(w, "progress", "rows", c->rows));
  if (c->skipped > 0) GD_TRY(gdi_h5_put_attr_i64(w, "progress", "skipped", c->skipped));
  GD_TRY(gdi_h5_put_attr_i64(w, "progress", "samples", c->samples));
  GD_TRY(gdi_h5_put_attr_i64(w, "progress", "seed", (int64_t)c->seed));
  gd_measured measured = c->measured;
  const char *name;
  double *value;
  for (int i = 0; gdi_measured_any(&measured) && gdi_measured_field(&measured, i, &name, &value); i++)
    GD_TRY(gdi_h5_put_attr_f64(w, "progress", name, *value));
  const int64_t numbers = GD_CONTROL_NUMBERS;
  if (c->controlled) GD_TRY(gdi_h5_put(w, "progress/control", GD_F64, 1, &numbers, c->control));
  gd_watched watched = c->watched;
  for (int i = 0; watched.kept && gdi_watched_field(&watched, i, &name, &value); i++)
    GD_TRY(gdi_h5_put_attr_f64(w, "progress", name, *value));
  if (!c->has_best) return GD_OK;
  if (!isnan(c->best_loss)) GD_TRY(gdi_h5_put_attr_f64(w, "progress", "best_loss", c->best_loss));
  GD_TRY(gdi_h5_put_attr_i64(w, "progress", "best_step", c->best_step));
  return gdi_h5_put_attr_f64(w, "progress", "best", c->best);
}

static gd_status put_statistics(gdi_h5_writer *w, const gd_standardize *s, const char *mean,
                                const char *std) {
  if (s->features == 0) return GD_OK;
  GD_TRY(gdi_h5_put(w, mean, GD_F64, 1, &s->features, s->mean));
  return gdi_h5_put(w, std, GD_F64, 1, &s->features, s->std);
}

static gd_status put_data(gdi_h5_writer *w, const gd_checkpoint *c) {
  GD_TRY(gdi_h5_put_group(w, "data"));
  GD_TRY(gdi_h5_put_attr_i64(w, "data", "classes", c->classes));
  GD_TRY(gdi_h5_put_attr_f64(w, "data", "x_scale", c->x_scale));
  GD_TRY(gdi_h5_put_attr_text(w, "data", "digest", c->data_digest));
  if (*c->val_digest) GD_TRY(gdi_h5_put_attr_text(w, "data", "val_digest", c->val_digest));
  const int64_t ndim = c->sample_ndim;
  if (ndim > 0) GD_TRY(gdi_h5_put(w, "data/sample", GD_I64, 1, &ndim, c->sample));
  if (c->class_name && c->classes > 0)
    GD_TRY(gdi_h5_put_text(w, "data/class_name", c->classes, GD_MAX_CLASS_NAME, c->class_name[0]));
  if (c->n_class_weights > 0)
    GD_TRY(gdi_h5_put(w, "data/class_weight", GD_F64, 1, &c->n_class_weights, c->class_weight));
  GD_TRY(gdi_names_put(w, &c->names, "data/columns", "data/targets"));
  GD_TRY(put_statistics(w, &c->standardize, "data/mean", "data/std"));
  return put_statistics(w, &c->standardize_targets, "data/target_mean", "data/target_std");
}

static gd_status put_arrays(gdi_h5_writer *w, const gdi_entry *entry, int n) {
  for (int i = 0; i < n; i++) {
    const gd_stored *a = entry[i].array;
    GD_TRY(gdi_h5_put(w, entry[i].path, a->dtype, a->ndim, a->shape, a->data));
    if (entry[i].kind == GDI_BUFFER) GD_TRY(gdi_h5_put_attr_i64(w, entry[i].path, "buffer", 1));
    if (entry[i].kind == GDI_FROZEN) GD_TRY(gdi_h5_put_attr_i64(w, entry[i].path, "frozen", 1));
  }
  return GD_OK;
}

/* The other names of each parameter that has some, in the order in which they are hashed. */
static gd_status put_tied(gdi_h5_writer *w, const gd_checkpoint *c) {
  for (int i = 0; i < c->n_tied; i++) {
    char names[GDI_MAX_TIED] = "", path[GDI_MAX_PATH];
    if (i > 0 && strcmp(c->tied[i].of, c->tied[i - 1].of) == 0) continue;
    size_t at = 0;
    for (int k = i; k < c->n_tied && strcmp(c->tied[k].of, c->tied[i].of) == 0 && at < sizeof names; k++)
      at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", k > i ? "\n" : "", c->tied[k].name);
    if (at >= sizeof names)
      return GD_FAIL(GD_ERR_WRITE, "%s: the names of %s are longer than %d bytes", w->path, c->tied[i].of,
                     GDI_MAX_TIED - 1);
    snprintf(path, sizeof path, "model/%s", c->tied[i].of);
    GD_TRY(gdi_h5_put_attr_text(w, path, "tied", names));
  }
  return GD_OK;
}

static gd_status read_back(const char *temporary, const char *path, const gd_digest *whole) {
  gd_digest found;
  gd_status st = gdi_checkpoint_verify(temporary, &found);
  if (st == GD_OK && memcmp(&found, whole, sizeof found) == 0) return GD_OK;
  return GD_FAIL(GD_ERR_WRITE, "%s: what was written does not read back: %s", path,
                 st == GD_OK ? "other values" : gd_error_last()->message);
}

static gd_status write_entries(const gd_checkpoint *c, const char *path, const gdi_entry *entry, int n) {
  const gd_digest header = gdi_checkpoint_header_digest(c, entry, n);
  gd_sha256 h;
  gd_sha256_init(&h);
  gd_sha256_add(&h, &header, sizeof header);
  for (int i = 0; i < n; i++) gd_sha256_add(&h, entry[i].array->data, gdi_stored_bytes(entry[i].array));
  const gd_digest whole = gd_sha256_end(&h);

  gdi_h5_writer w;
  gd_status st = gdi_h5_create(&w, path);
  if (st == GD_OK) st = put_root(&w, c, &header, &whole);
  if (st == GD_OK) st = put_progress(&w, c);
  if (st == GD_OK) st = put_data(&w, c);
  if (st == GD_OK) st = put_arrays(&w, entry, n);
  if (st == GD_OK) st = put_tied(&w, c);
  if (st == GD_OK) st = gdi_h5_finish(&w);
  if (st == GD_OK) st = read_back(w.temporary, path, &whole);
  if (st == GD_OK) st = gdi_h5_publish(&w);
  if (st != GD_OK) gdi_h5_abandon(&w);
  return st;
}

gd_status gd_checkpoint_write(const gd_checkpoint *c, const char *path) {
  GD_TRY(check_header(c, path));
  gdi_entry *entry;
  int n;
  GD_TRY(gdi_checkpoint_entries(c, &entry, &n));
  gd_status st = write_entries(c, path, entry, n);
  free(entry);
  return st;
}

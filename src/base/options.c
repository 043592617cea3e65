/* Settings: one table made from options.def, and everything else works on the table. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/words.h"

const gdi_option gdi_option_table[GDI_OPTIONS] = {
#define GD_OPTION(kind, field, key, def, limits, bits, help)                                                 \
  {GDI_##kind, offsetof(gd_options, field), key, def, limits, help, bits},
#include "gd/options.def"
};

const char *const gdi_option_short_form[][2] = {
    {"data", "data.train"},
    {"val_data", "data.val"},
    {"val_data.x", "data.val_x"},
    {"val_data.w", "data.val_w"},
    {"val_data.y", "data.val_y"},
    {"val_fraction", "data.val_fraction"},
    {"standardize", "data.standardize"},
    {"standardize_targets", "data.standardize_targets"},
    {"target_type", "data.target_type"},
    {"shuffle", "data.shuffle"},
    {"sampler", "data.sampler"},
    {"optimizer", "optimizer.name"},
    {"lr", "optimizer.lr"},
    {"momentum", "optimizer.momentum"},
    {"weight_decay", "optimizer.weight_decay"},
    {"nesterov", "optimizer.nesterov"},
    {"schedule", "schedule.name"},
    {"warmup", "schedule.warmup"},
    {"checkpoint_every", "checkpoint.every"},
    {"checkpoint", "checkpoint.every"},
    {NULL, NULL},
};

const gdi_option *gdi_option_find(const char *key) {
  for (int i = 0; gdi_option_short_form[i][0]; i++)
    if (strcmp(key, gdi_option_short_form[i][0]) == 0) {
      key = gdi_option_short_form[i][1];
      break;
    }
  for (int i = 0; i < GDI_OPTIONS; i++)
    if (strcmp(key, gdi_option_table[i].key) == 0) return &gdi_option_table[i];
  return NULL;
}

const char *gdi_option_key(const char *key) {
  const gdi_option *p = gdi_option_find(key);
  return p ? p->key : NULL;
}

bool gdi_option_is_tree(const char *key) {
  const gdi_option *p = gdi_option_find(key);
  return p && (p->kind == GDI_TREE || p->kind == GDI_ENTRY);
}

static const char *nearest_key(const char *key) {
  const char *known[GDI_OPTIONS + sizeof gdi_option_short_form / sizeof *gdi_option_short_form] = {0};
  for (int i = 0; i < GDI_OPTIONS; i++) known[i] = gdi_option_table[i].key;
  for (int i = 0; gdi_option_short_form[i][0]; i++) known[GDI_OPTIONS + i] = gdi_option_short_form[i][0];
  return gd_nearest(key, known);
}

/* ---- all of them ---- */

gd_status gd_options_new(gd_options *out) {
  memset(out, 0, sizeof *out);
  GD_TRY(gd_arena_new(&out->arena, "options"));
  for (int i = 0; i < GDI_OPTIONS; i++)
    GD_TRY(gdi_option_set(out, &gdi_option_table[i],
                          &(gd_setting){.key = gdi_option_table[i].key, .value = gdi_option_table[i].def}));
  return GD_OK;
}

void gd_options_free(gd_options *o) {
  gd_arena_free(o->arena);
  o->arena = NULL;
}

static gd_status tell_unknown(const gd_setting *s) {
  char where[160];
  const char *near = nearest_key(s->key);
  gd_setting_where(s, where, sizeof where);
  if (near)
    return GD_FAIL(GD_ERR_USAGE, "%s: unknown setting \"%s\", did you mean \"%s\"?", where, s->key, near);
  return GD_FAIL(GD_ERR_USAGE, "%s: unknown setting \"%s\" (gdtrain --help-options lists all)", where,
                 s->key);
}

gd_status gd_options_apply(gd_options *o, const gd_settings *s) {
  for (int i = 0; i < s->n; i++) {
    const gdi_option *p = gdi_option_find(s->item[i].key);
    GD_TRY(p ? gdi_option_set(o, p, &s->item[i]) : tell_unknown(&s->item[i]));
  }
  return GD_OK;
}

gd_status gd_options_set(gd_options *o, const char *key, const char *value) {
  gd_settings one = {0};
  gd_status st = gd_settings_set(&one, key, value);
  if (st == GD_OK) st = gd_options_apply(o, &one);
  gd_settings_free(&one);
  return st;
}

/* ---- checks over several ---- */

gd_status gd_interval_parse(const char *key, const char *text, int64_t *steps, double *seconds) {
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"s", 1}, {"sec", 1}, {"min", 60}, {"h", 3600}};
  char *end;
  double v = strtod(text, &end);
  if (steps) *steps = 0;
  *seconds = 0;
  if (end != text && v >= 0 && v < 1e15) {
    if (!*end && v == (double)(int64_t)v && (steps || v == 0)) {
      if (steps) *steps = (int64_t)v;
      return GD_OK;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
      if (strcmp(end, units[i].unit) == 0) {
        *seconds = v * units[i].seconds;
        return GD_OK;
      }
  }
  return GD_FAIL(GD_ERR_USAGE, "%s: \"%s\" is %s (10min, 30s, 2h)", key, text,
                 steps ? "neither a number of steps (500) nor a time" : "not a time");
}

gd_status gd_options_check(const gd_options *o) {
  int64_t steps;
  double seconds;
  GD_TRY(gd_interval_parse("checkpoint.every", o->checkpoint_every, &steps, &seconds));
  GD_TRY(gd_interval_parse("max_time", o->max_time, NULL, &seconds));
  if (o->data_val[0] && o->val_fraction > 0)
    return GD_FAIL(GD_ERR_USAGE, "data.val and data.val_fraction exclude each other: give one of them");
  const bool validates = o->data_val[0] || o->val_fraction > 0;
  if (strcmp(o->schedule, "reduce_on_plateau") == 0 && !validates)
    return GD_FAIL(GD_ERR_USAGE,
                   "schedule reduce_on_plateau follows validation: give data.val or data.val_fraction");
  if (o->snapshots && strcmp(o->schedule, "sgdr") != 0)
    return GD_FAIL(GD_ERR_USAGE, "checkpoint.snapshots are of the periods of schedule sgdr, not of %s",
                   o->schedule);
  if (o->stop_patience > 0 && !validates)
    return GD_FAIL(GD_ERR_USAGE, "early_stop follows validation: give data.val or data.val_fraction");
  if (strcmp(o->sync, "allreduce") == 0 && strcmp(o->on_nan, "skip") == 0)
    return GD_FAIL(GD_ERR_USAGE, "on_nan: skip needs sync: ordered");
  if (o->noise_scale && strcmp(o->sync, "allreduce") == 0)
    return GD_FAIL(GD_ERR_USAGE, "noise_scale needs sync: ordered");
  if (o->epochs == 0 && o->steps == 0) return GD_FAIL(GD_ERR_USAGE, "epochs or steps must be above 0");
  return GD_OK;
}

gd_status gd_options_read(gd_options *out, const char *name, const char *yaml) {
  gd_settings settings;
  GD_TRY(gd_options_new(out));
  gd_status st = gd_settings_read(&settings, name, yaml);
  if (st == GD_OK) {
    st = gd_options_apply(out, &settings);
    gd_settings_free(&settings);
  }
  if (st != GD_OK) gd_options_free(out);
  return st;
}

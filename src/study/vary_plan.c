/* Which runs a study of varied settings consists of. */
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/words.h"
#include "study/vary.h"

/* ---- the settings of an arm ---- */

/* What all runs must share, or their numbers could not be compared; and what the study itself decides. */
static gd_status check_key(const char *name) {
  const char *key = gdi_option_key(name);
  if (!key) return GD_OK; /* applying it tells what is wrong */
  const bool data = strncmp(key, "data.", 5) == 0 &&
                    !gdi_is_listed(key, "data.sampler data.shuffle data.standardize data.standardize_by "
                                        "data.standardize_targets");
  if (!data &&
      !gdi_is_listed(key, "out resume resume_changed trace load metrics max_time progress plots deadline"))
    return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "vary: %s: all runs of a study have the same; give it outside of --vary", key);
}

static gd_status apply(gd_options *o, const char *key, const char *value) {
  gd_settings s = {0};
  const bool yaml = !*key || (strchr("{[", *value) && !gdi_option_is_tree(key));
  if (yaml) {
    char *text = malloc(strlen(key) + strlen(value) + 3);
    if (!text) return GD_FAIL(GD_ERR_OOM, "no memory for what is varied");
    sprintf(text, "%s%s%s", key, *key ? ": " : "", value);
    const gd_status st = gd_settings_read(&s, *key ? key : "vary", text);
    free(text);
    GD_TRY(st);
  } else {
    GD_TRY(gd_settings_set(&s, key, value));
  }
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < s.n; i++) st = check_key(s.item[i].key);
  if (st == GD_OK) st = gd_options_apply(o, &s);
  gd_settings_free(&s);
  return st;
}

static gd_status plan_arm(gdi_vary *v, int number) {
  gdi_arm *arm = &v->arm[number];
  char text[4096] = "";
  size_t used = 0;
  arm->options = *v->base;
  for (int i = v->axes - 1, rest = number; i >= 0; i--) { /* the last one varies fastest */
    arm->value[i] = v->axis[i]->value[rest % v->axis[i]->n];
    rest /= v->axis[i]->n;
  }
  for (int i = 0; i < v->axes; i++) {
    const char *key = v->axis[i]->key;
    GD_TRY(apply(&arm->options, key, arm->value[i]));
    if (used < sizeof text)
      used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s", i ? " " : "", key,
                               *key ? "=" : "", arm->value[i]);
  }
  arm->settings = gdi_vary_text(v->arena, text, strlen(text));
  if (!arm->options.task && arm->options.model->n == 0)
    return GD_FAIL(GD_ERR_USAGE, "no model: give --model \"linear:512 relu linear:10\"");
  return arm->settings ? gd_options_check(&arm->options) : GD_ERR_OOM;
}

/* ---- all of them ---- */

/* A file name of the settings: what it cannot hold is left out, and a hash tells apart what is then alike. */
static void name_run(char id[96], const char *settings, int64_t seed) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  int n = 0;
  for (const char *c = settings; *c; c++) {
    hash = (hash ^ (uint8_t)*c) * 16777619u;
    const bool plain =
        (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || strchr("._=", *c);
    if (n < 56 && (plain || (n && !strchr("-=", id[n - 1])))) id[n++] = plain ? *c : '-';
  }
  while (n && id[n - 1] == '-') n--;
  snprintf(id + n, 96 - (size_t)n, "%s%08x-s%lld", n ? "-" : "", hash, (long long)seed);
}

/* Two names of one option would overwrite each other. */
static gd_status check_axis(const gdi_vary *v, const gdi_axis *x) {
  const char *key = gdi_option_key(x->key);
  for (int i = 0; key && i < v->axes; i++) {
    const char *other = gdi_option_key(v->axis[i]->key);
    if (other && strcmp(key, other) == 0) return GD_FAIL(GD_ERR_USAGE, "vary: %s is varied twice", key);
  }
  return GD_OK;
}

static gd_status plan_seeds(gdi_vary *v, const gdi_axis *x) {
  if (v->seeds) return GD_FAIL(GD_ERR_USAGE, "vary: seed is varied twice");
  for (v->seeds = 0; v->seeds < x->n; v->seeds++)
    GD_TRY(gd_setting_i64(&(gd_setting){.key = "vary seed", .value = x->value[v->seeds]}, 0, 9000000000000000,
                          &v->seed[v->seeds]));
  return GD_OK;
}

static gd_status plan_axes(gdi_vary *v, const gd_vary_options *o) {
  for (int i = 0; i < o->n; i++) {
    gdi_axis *x = gd_arena_alloc(v->arena, sizeof *x);
    if (!x) return GD_ERR_OOM;
    GD_TRY(gdi_axis_parse(x, v->arena, o->vary[i]));
    if (strcmp(x->key, "seed") == 0) {
      GD_TRY(plan_seeds(v, x));
      continue;
    }
    if (v->axes == GDI_VARY_AXES) return GD_FAIL(GD_ERR_USAGE, "vary: more than %d settings", GDI_VARY_AXES);
    GD_TRY(check_axis(v, x));
    v->axis[v->axes++] = x;
  }
  if (v->seeds == 0) v->seed[0] = v->base->seed, v->seeds = 1;
  int64_t arms = 1;
  for (int i = 0; i < v->axes && arms <= GDI_VARY_RUNS; i++) arms *= v->axis[i]->n;
  if (arms * v->seeds > GDI_VARY_RUNS) return GD_FAIL(GD_ERR_USAGE, "vary: more than %d runs", GDI_VARY_RUNS);
  v->arms = (int)arms, v->runs = v->arms * v->seeds;
  return GD_OK;
}

static gd_status plan_metric(gdi_vary *v) {
  const char *words = v->base->metrics;
  char name[64];
  if (strcmp(words, "auto") == 0) {
    v->metric = gd_dataset_info(v->data->train.data)->labels ? &gdi_metric_accuracy : NULL;
    return GD_OK;
  }
  snprintf(name, sizeof name, "%.*s", (int)strcspn(words, " ,"), words);
  GD_TRY(gd_metric_find(&v->metric, name));
  return v->metric->table
             ? GD_FAIL(GD_ERR_USAGE, "metrics: %s is a table: name a number to compare by first", name)
             : GD_OK;
}

gd_status gdi_vary_plan(gdi_vary *v, const gd_vary_options *o) {
  if (strcmp(v->base->max_time, "0") != 0)
    return GD_FAIL(GD_ERR_USAGE,
                   "max_time does not fit a comparison, whose runs go to their ends: leave it out");
  if (!v->data->val.data && v->base->val_fraction == 0)
    return GD_FAIL(GD_ERR_USAGE,
                   "no data to compare runs by: give --val-data FILE.h5, or --val-fraction 0.1");
  GD_TRY(plan_metric(v));
  GD_TRY(plan_axes(v, o));
  v->arm = gd_arena_alloc(v->arena, (size_t)v->arms * sizeof *v->arm);
  if (!v->arm) return GD_ERR_OOM;
  for (int i = 0; i < v->arms; i++) GD_TRY(plan_arm(v, i));
  v->run = gd_arena_alloc(v->arena, (size_t)v->runs * sizeof *v->run);
  if (!v->run) return GD_ERR_OOM;
  for (int i = 0; i < v->runs; i++) {
    gdi_varied *r = &v->run[i];
    *r = (gdi_varied){.arm = i % v->arms, .seed = i / v->arms, .curve = {.diverged = -1}};
    r->curve.measure = v->metric ? v->metric->name : NULL;
    name_run(r->id, v->arm[r->arm].settings, v->seed[r->seed]);
  }
  return GD_OK;
}

/* As for one rank, so that results do not depend on how many there are. */
gd_status gdi_vary_micro_batches(gdi_vary *v) {
  bool *counts = gd_arena_alloc(v->arena, (size_t)v->arms * sizeof *counts), varied = false;
  int64_t least = 0, most = 0;
  if (!counts) return GD_ERR_OOM;
  for (int i = 0; i < v->arms; i++) {
    const gd_options *o = &v->arm[i].options;
    GD_TRY(gdi_micro_batch_counts(v->data, o, &counts[i]));
    const int64_t micro = gdi_micro_batch_held(v->n, o);
    varied |= o->micro_batch != v->base->micro_batch;
    if (counts[i] && (least == 0 || micro < least)) least = micro;
    if (counts[i] && micro > most) most = micro;
  }
  v->micro = varied || least == most ? 0 : least;
  for (int i = 0; i < v->arms; i++) {
    gd_options *o = &v->arm[i].options;
    o->micro_batch = !counts[i] ? gdi_study_batches_of(v->n, o).micro
                     : v->micro ? v->micro
                                : gdi_micro_batch_held(v->n, o);
  }
  return GD_OK;
}

/* Which parameters are trained and how, as options say it, and the values they begin with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "nn/params.h"
#include "store/apply.h"
#include "train/job_open.h"

/* ---- freeze ---- */

/* Words of a text, in a copy of it that *out begins with. Owner: caller; free() both. */
static gd_status words_of(const char *text, char **copy, const char ***out, int *n) {
  static const char between[] = " \t\n,[]\"'";
  *copy = strdup(text);
  *out = calloc(strlen(text) / 2 + 1, sizeof **out);
  *n = 0;
  if (!*copy || !*out) return GD_FAIL(GD_ERR_OOM, "no memory for a list of patterns");
  char *save;
  for (char *w = strtok_r(*copy, between, &save); w; w = strtok_r(NULL, between, &save)) (*out)[(*n)++] = w;
  return GD_OK;
}

/* ---- optimizer.groups ---- */

static gd_status bad_group(const gd_tree *t, const char *what) {
  static const char example[] = "as in [{match: \"*.bias\", weight_decay: 0}]";
  if (t->line > 0)
    return GD_FAIL(GD_ERR_USAGE, "%s:%d: optimizer.groups: %s, %s", t->file, t->line, what, example);
  return GD_FAIL(GD_ERR_USAGE, "optimizer.groups: %s, %s", what, example);
}

static gd_status number(const gd_tree *t, const char *key, const char *text, double *out) {
  const char *file = t->line > 0 ? t->file : NULL;
  return gd_setting_f64(&(gd_setting){.key = key, .value = text, .file = file, .line = t->line}, 0, 1e9, out);
}

/* "0.1x" is a factor; a bare number the highest rate of the schedule. */
static gd_status read_rate(const gdi_job *j, const gd_tree *t, double *out) {
  char text[64];
  const size_t n = strlen(t->text);
  if (n == 0 || n >= sizeof text) return bad_group(t, "lr is a rate (0.01) or a factor (0.1x)");
  strcpy(text, t->text);
  const bool factor = text[n - 1] == 'x';
  if (factor) text[n - 1] = 0;
  GD_TRY(number(t, "optimizer.groups.lr", text, out));
  if (factor) return GD_OK;
  if (!(j->schedule.lr > 0))
    return bad_group(t, "a rate needs an optimizer.lr above 0; a factor (0.1x) does not");
  *out /= j->schedule.lr;
  return GD_OK;
}

static gd_status read_group(const gdi_job *j, const gd_tree *t, gd_param_group *out) {
  static const char *const keys[] = {"match", "lr", "weight_decay", NULL};
  *out = (gd_param_group){.rate = NAN, .weight_decay = NAN};
  if (t->kind != GD_TREE_MAP) return bad_group(t, "a group is a map");
  for (int i = 0; i < t->n; i++) {
    const gd_tree *v = t->item[i];
    int key;
    GD_TRY(gdi_word_index(&key, "key of optimizer.groups", t->key[i], keys));
    if (v->kind != GD_TREE_SCALAR) return bad_group(v, "what a group sets is one word or number");
    if (key == 0) out->match = v->text;
    if (key == 1) GD_TRY(read_rate(j, v, &out->rate));
    if (key == 2) GD_TRY(number(v, "optimizer.groups.weight_decay", v->text, &out->weight_decay));
  }
  return out->match ? GD_OK : bad_group(t, "a group needs match");
}

/* ---- all of it ---- */

static gd_status new_params(gdi_job *j) {
  const gd_tree *tree = j->opt.groups;
  const int groups = tree ? tree->n : 0;
  gd_params_options o = {.n_groups = groups};
  gd_param_group *group = calloc((size_t)groups + 1, sizeof *group);
  const char **freeze = NULL;
  char *copy = NULL;
  gd_status st = group ? words_of(j->opt.freeze, &copy, &freeze, &o.n_freeze)
                       : GD_FAIL(GD_ERR_OOM, "no memory for groups of parameters");
  for (int i = 0; st == GD_OK && i < groups; i++) st = read_group(j, tree->item[i], &group[i]);
  o.group = group, o.freeze = freeze;
  if (st == GD_OK) st = gd_params_new_with(&j->params, j->model, &o);
  free(group), free(freeze), free(copy);
  return st;
}

static gd_status load_init(gdi_job *j) {
  if (!j->opt.init[0]) return GD_OK;
  gd_arena *a;
  GD_TRY(gd_arena_new(&a, "initial weights"));
  gd_stored *stored;
  int n = 0;
  const gdi_init how = {j->opt.init, j->opt.init_map, j->opt.init_partial, gd_world_rank(j->world) == 0};
  gd_status st = gd_weights_read(&stored, &n, a, j->opt.init);
  if (st == GD_OK) st = gdi_weights_init(j->params, stored, n, &how);
  gd_arena_free(a);
  return st;
}

gd_status gdi_open_params(gdi_job *j) {
  GD_TRY(new_params(j));
  return load_init(j);
}

gd_status gdi_same_constants(const gdi_job *j) {
  gd_digest digest;
  char hex[65];
  if (j->params->n_constants + j->params->n_frozen == 0) return GD_OK;
  GD_TRY(gd_world_agree(j->world, gdi_params_digest_fixed(j->params, &digest)));
  gd_digest_hex(&digest, hex);
  return gd_world_same(j->world, "the constants and frozen parameters of the model", hex, sizeof hex, hex);
}

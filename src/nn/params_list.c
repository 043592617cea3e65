/* Which tensors of a model are trained, and how: shared, frozen and grouped parameters, statistics, constants. */
#include <math.h>
#include <string.h>

#include "base/words.h"
#include "nn/params.h"

static void reverse(gd_named *list, int n) {
  for (int i = 0, j = n - 1; i < j; i++, j--) {
    gd_named swap = list[i];
    list[i] = list[j];
    list[j] = swap;
  }
}

/* ---- patterns ---- */

/* All parameters, each name once. */
typedef struct names {
  int n;
  gd_named *item;
} names;

/* A pattern that matches nothing is a mistake that would go unnoticed. */
static gd_status check_pattern(const names *all, const char *what, const char *pattern) {
  char list[600] = "";
  for (int i = 0, at = 0; i < all->n; i++) {
    if (gdi_glob(pattern, all->item[i].name)) return GD_OK;
    if (at < (int)sizeof list)
      at += snprintf(list + at, sizeof list - (size_t)at, "%s%s", i ? ", " : "", all->item[i].name);
  }
  return GD_FAIL(GD_ERR_USAGE, "%s: '%s' matches no parameter; there are: %s", what, pattern, list);
}

static gd_status check_patterns(const names *all, const gd_params_options *o) {
  for (int i = 0; i < o->n_freeze; i++) GD_TRY(check_pattern(all, "freeze", o->freeze[i]));
  for (int i = 0; i < o->n_groups; i++) GD_TRY(check_pattern(all, "optimizer.groups", o->group[i].match));
  return GD_OK;
}

/* By any of the names of its tensor. */
static bool matches(const names *all, const char *pattern, const gd_tensor *t) {
  for (int i = 0; i < all->n; i++)
    if (all->item[i].tensor == t && gdi_glob(pattern, all->item[i].name)) return true;
  return false;
}

static bool is_frozen(const names *all, const gd_params_options *o, const gd_tensor *t) {
  for (int i = 0; i < o->n_freeze; i++)
    if (matches(all, o->freeze[i], t)) return true;
  return false;
}

/* ---- settings ---- */

static bool same(const gd_param_setting *a, const gd_param_setting *b) {
  return a->rate == b->rate &&
         (a->weight_decay == b->weight_decay || (isnan(a->weight_decay) && isnan(b->weight_decay)));
}

static gd_status add_setting(gd_params *p, const gd_param_setting *s, int *out) {
  for (*out = 0; *out < p->n_settings; ++*out)
    if (same(&p->setting[*out], s)) return GD_OK;
  if (p->n_settings == GD_MAX_PARAM_SETTINGS)
    return GD_FAIL(GD_ERR_USAGE, "optimizer.groups: more than %d different settings of parameters",
                   GD_MAX_PARAM_SETTINGS - 1);
  p->setting[p->n_settings++] = *s;
  return GD_OK;
}

static gd_status find_settings(gd_params *p, gd_arena *a, const names *all, const gd_params_options *o) {
  p->setting_of = gd_arena_zalloc(a, (size_t)p->n_trained * sizeof *p->setting_of);
  if (!p->setting_of) return GD_ERR_OOM;
  p->setting[0] = (gd_param_setting){1, NAN};
  p->n_settings = 1;
  for (int i = 0; i < p->n_trained; i++) {
    gd_param_setting s = p->setting[0];
    for (int g = 0; g < o->n_groups; g++) {
      if (!matches(all, o->group[g].match, p->item[i].tensor)) continue;
      if (!isnan(o->group[g].rate)) s.rate = o->group[g].rate;
      if (!isnan(o->group[g].weight_decay)) s.weight_decay = o->group[g].weight_decay;
    }
    GD_TRY(add_setting(p, &s, &p->setting_of[i]));
  }
  return GD_OK;
}

/* ---- lists ---- */

static const gd_named *entry_of(const gd_params *p, const gd_tensor *t) {
  for (int i = 0; i < p->n_trained; i++)
    if (p->item[i].tensor == t) return &p->item[i];
  for (int i = 0; i < p->n_frozen; i++)
    if (p->frozen[i].tensor == t) return &p->frozen[i];
  return NULL;
}

/*
 * A shared tensor has its place by the first of its names: backward, which goes the other way, is done with it there.
 * A tensor that requires no gradient any more is left out of `item`.
 */
static gd_status list_params(gd_params *p, gd_arena *a, const names *all, const gd_params_options *o) {
  p->frozen = gd_arena_alloc(a, (size_t)all->n * sizeof *p->frozen);
  p->alias = gd_arena_alloc(a, (size_t)all->n * sizeof *p->alias);
  if (!p->frozen || !p->alias) return GD_ERR_OOM;
  for (int i = 0; i < all->n; i++) {
    gd_tensor *t = all->item[i].tensor;
    if (entry_of(p, t))
      p->alias[p->n_aliases++].named = all->item[i];
    else if (is_frozen(all, o, t))
      p->frozen[p->n_frozen++] = all->item[i];
    else
      p->item[p->n_trained++] = all->item[i];
  }
  if (p->n_trained == 0)
    return GD_FAIL(GD_ERR_USAGE, "freeze: all parameters are frozen, none is left to train");
  for (int i = 0; i < p->n_frozen; i++) GD_TRY(gd_require_grad(p->frozen[i].tensor, false));
  reverse(p->item, p->n_trained); /* backward finishes the last registered first */
  for (int i = 0; i < p->n_aliases; i++) p->alias[i].of = entry_of(p, p->alias[i].named.tensor);
  return GD_OK;
}

static gd_status list_buffers(gd_params *p, gd_arena *a) {
  const int n = gd_module_buffers(p->module, NULL, 0);
  p->constant = gd_arena_alloc(a, ((size_t)n + 1) * sizeof *p->constant);
  if (!p->constant) return GD_ERR_OOM;
  gd_module_buffers(p->module, p->constant, n);
  for (int i = 0; i < n; i++)
    if (p->constant[i].momentum == 0) p->constant[p->n_constants++] = p->constant[i];
  return GD_OK;
}

gd_status gdi_params_list(gd_params *p, gd_arena *a, const gd_params_options *o) {
  const int statistics = gd_module_statistics(p->module, NULL, 0);
  names all = {.n = gd_module_params(p->module, NULL, 0)};
  if (all.n == 0)
    return GD_FAIL(GD_ERR_USAGE, "the model (%s) has no parameters to train", p->module->cls->name);
  all.item = gd_arena_alloc(a, (size_t)all.n * sizeof *all.item);
  p->item = gd_arena_alloc(a, (size_t)(all.n + statistics) * sizeof *p->item);
  if (!all.item || !p->item) return GD_ERR_OOM;
  gd_module_params(p->module, all.item, all.n);
  GD_TRY(check_patterns(&all, o));
  GD_TRY(list_params(p, a, &all, o));
  GD_TRY(find_settings(p, a, &all, o));
  p->n = p->n_trained + statistics;
  gd_module_statistics(p->module, p->item + p->n_trained, statistics);
  reverse(p->item + p->n_trained, statistics);
  return list_buffers(p, a);
}

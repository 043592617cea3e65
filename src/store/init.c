/* Weights of other programs: other names, and parts of a model only. */
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "gd/log.h"
#include "store/apply.h"

/* ---- names ---- */

/* Does every name begin so, once other wrappers are off? */
static bool all_begin(const gd_stored *stored, int n, const char *prefix) {
  for (int i = 0; i < n; i++)
    if (strncmp(stored[i].name, prefix, strlen(prefix)) != 0) return false;
  return n > 0;
}

/* A wrapper's name stands before all names, unless the model itself has it. */
static void take_off_wrappers(const gd_params *p, gd_stored *stored, int n) {
  static const char *const prefix[] = {"module.", "_orig_mod.", "module."};
  for (size_t k = 0; k < sizeof prefix / sizeof *prefix; k++) {
    const size_t length = strlen(prefix[k]);
    if (!all_begin(stored, n, prefix[k]) || strncmp(p->item[0].name, prefix[k], length) == 0) continue;
    for (int i = 0; i < n; i++)
      memmove(stored[i].name, stored[i].name + length, strlen(stored[i].name) - length + 1);
  }
}

/* to = the name with old replaced by new, or false: a whole name, its beginning, or a pattern with one *. */
static bool map_name(const char *name, const char *old, const char *new, char *to, size_t bytes) {
  const char *star = strchr(old, '*'), *new_star = strchr(new, '*');
  const size_t head = star ? (size_t)(star - old) : strlen(old), length = strlen(name);
  if (strncmp(name, old, head) != 0) return false;
  if (!star) return snprintf(to, bytes, "%s%s", new, name + head) < (int)bytes;
  const size_t tail = strlen(star + 1);
  if (length < head + tail || strcmp(name + length - tail, star + 1) != 0) return false;
  const int middle = (int)(length - head - tail);
  if (!new_star) return snprintf(to, bytes, "%s", new) < (int)bytes;
  return snprintf(to, bytes, "%.*s%.*s%s", (int)(new_star - new), new, middle, name + head, new_star + 1) <
         (int)bytes;
}

/* The first pair that fits a name changes it. */
static gd_status map_names(gd_stored *stored, int n, const char *map) {
  char *copy = strdup(map), *save;
  bool *mapped = calloc((size_t)n + 1, sizeof *mapped);
  gd_status st = copy && mapped ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory to map names");
  for (char *old = st == GD_OK ? strtok_r(copy, " \t\n,[]\"'", &save) : NULL; st == GD_OK && old;
       old = strtok_r(NULL, " \t\n,[]\"'", &save)) {
    char *equals = strchr(old, '=');
    if (!equals) {
      st = GD_FAIL(GD_ERR_USAGE, "init_map: '%s' is not OLD=NEW, as in backbone.=encoder.", old);
      break;
    }
    *equals = 0;
    bool used = false;
    for (int i = 0; i < n; i++) {
      char to[GD_MAX_NAME];
      if (mapped[i] || !map_name(stored[i].name, old, equals + 1, to, sizeof to)) continue;
      strcpy(stored[i].name, to);
      mapped[i] = used = true;
    }
    if (!used) st = GD_FAIL(GD_ERR_USAGE, "init_map: no name in the file begins with, or is, '%s'", old);
  }
  free(copy), free(mapped);
  return st;
}

/* ---- a part of a model ---- */

typedef struct counts {
  int loaded, left;
  char first_left[GD_MAX_NAME];
} counts;

static bool has(const gd_stored *stored, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(stored[i].name, name) == 0) return true;
  return false;
}

/* By any of its names. */
static bool there(const gd_params *p, const gd_named *item, const gd_stored *stored, int n) {
  bool yes = has(stored, n, item->name);
  for (int i = 0; i < p->n_aliases; i++)
    yes |= p->alias[i].of == item && has(stored, n, p->alias[i].named.name);
  return yes;
}

static void count(const gd_params *p, const gd_named *item, int items, const gd_stored *stored, int n,
                  counts *c) {
  for (int i = 0; i < items; i++) {
    if (there(p, &item[i], stored, n)) {
      c->loaded++;
    } else if (c->left++ == 0) {
      memcpy(c->first_left, item[i].name, sizeof c->first_left);
    }
  }
}

/* Names in the file that no tensor of the model has. */
static int unused(const gd_params *p, const gd_stored *stored, int n, char first[GD_MAX_NAME]) {
  int count = 0;
  for (int k = 0; k < n; k++) {
    bool used = false;
    for (int i = 0; i < p->n; i++) used |= strcmp(p->item[i].name, stored[k].name) == 0;
    for (int i = 0; i < p->n_frozen; i++) used |= strcmp(p->frozen[i].name, stored[k].name) == 0;
    for (int i = 0; i < p->n_constants; i++) used |= strcmp(p->constant[i].name, stored[k].name) == 0;
    for (int i = 0; i < p->n_aliases; i++) used |= strcmp(p->alias[i].named.name, stored[k].name) == 0;
    if (!used && count++ == 0) memcpy(first, stored[k].name, GD_MAX_NAME);
  }
  return count;
}

static void tell(const gd_params *p, const gd_stored *stored, int n, const counts *c, const char *path) {
  char first[GD_MAX_NAME] = "";
  const int rest = unused(p, stored, n, first);
  gd_message(GD_LOG_INFO, "%s: %d of %d arrays of the model are loaded", path, c->loaded,
             c->loaded + c->left);
  if (c->left)
    gd_message(GD_LOG_INFO, "%d begin anew: %s%s", c->left, c->first_left, c->left > 1 ? " ..." : "");
  if (rest) gd_message(GD_LOG_INFO, "%d of the file are not used: %s%s", rest, first, rest > 1 ? " ..." : "");
}

gd_status gdi_weights_init(gd_params *p, gd_stored *stored, int n, const gdi_init *how) {
  counts c = {0};
  take_off_wrappers(p, stored, n);
  GD_TRY(map_names(stored, n, how->map));
  count(p, p->item, p->n, stored, n, &c);
  count(p, p->frozen, p->n_frozen, stored, n, &c);
  count(p, p->constant, p->n_constants, stored, n, &c);
  if (c.loaded == 0)
    return GD_FAIL(
        GD_ERR_CHECKPOINT,
        "%s: none of its %d arrays has a name of the model (%s in the file, %s in the model): see init_map",
        how->path, n, n ? stored[0].name : "none", p->item[0].name);
  if (how->partial)
    GD_TRY(gdi_weights_apply_some(p, stored, n, how->path));
  else
    GD_TRY(gdi_weights_apply(p, stored, n, how->path));
  if (how->tells) tell(p, stored, n, &c, how->path);
  return GD_OK;
}

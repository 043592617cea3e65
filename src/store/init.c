/* Weights of other programs: other names, and parts of a model only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "device/device.h"
#include "gd/log.h"
#include "store/apply.h"
#include "store/safetensors.h"

/* ---- names ---- */

/* Does every name begin so, once other wrappers are off? */
static bool all_begin(const gd_stored *stored, int n, const char *prefix) {
  for (int i = 0; i < n; i++)
    if (strncmp(stored[i].name, prefix, strlen(prefix)) != 0) return false;
  return n > 0;
}

/* The names of wrappers and of dictionaries stand before all names, unless the model itself has them. */
static void take_off_wrappers(const gd_params *p, gd_stored *stored, int n) {
  static const char *const prefix[] = {"module.", "_orig_mod.", "state_dict.", "model_state_dict.", "model."};
  enum { PREFIXES = sizeof prefix / sizeof *prefix };
  for (int k = 0; k < PREFIXES; k++) {
    const size_t length = strlen(prefix[k]);
    if (!all_begin(stored, n, prefix[k]) || strncmp(p->item[0].name, prefix[k], length) == 0) continue;
    for (int i = 0; i < n; i++)
      memmove(stored[i].name, stored[i].name + length, strlen(stored[i].name) - length + 1);
    k = -1; /* one may hide another */
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

static bool listed(const gd_named *item, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(item[i].name, name) == 0) return true;
  return false;
}

/* Is it the name of a tensor of the model? */
static bool used(const gd_params *p, const char *name) {
  bool yes = listed(p->item, p->n, name) || listed(p->frozen, p->n_frozen, name) ||
             listed(p->constant, p->n_constants, name);
  for (int i = 0; i < p->n_aliases; i++) yes |= strcmp(p->alias[i].named.name, name) == 0;
  return yes;
}

/* A counter that PyTorch keeps beside the statistics of batch norm; nothing is computed with it. */
static bool counts_batches(const char *name) {
  static const char counter[] = "num_batches_tracked";
  const size_t n = strlen(name), length = sizeof counter - 1;
  return n >= length && strcmp(name + n - length, counter) == 0;
}

typedef struct names_text {
  char text[400];
} names_text;

/* How many arrays of the file the model has not, and "4.weight [2, 3], ...". */
static int unused(const gd_params *p, const gd_stored *stored, int n, names_text *out) {
  int count = 0;
  size_t at = 0;
  out->text[0] = 0;
  for (int k = 0; k < n; k++) {
    char shape[GDI_SHAPE_TEXT];
    if (used(p, stored[k].name) || counts_batches(stored[k].name)) continue;
    if (count++ > 0 && at < sizeof out->text - 1)
      at += (size_t)snprintf(out->text + at, sizeof out->text - at, ", ");
    if (at > sizeof out->text / 2)
      snprintf(out->text + at, sizeof out->text - at, "...");
    else
      at += (size_t)snprintf(out->text + at, sizeof out->text - at, "%.120s %s", stored[k].name,
                             gdi_dims_text(stored[k].ndim, stored[k].shape, shape));
  }
  return count;
}

static void tell(const counts *c, int rest, const names_text *text, const char *path) {
  gd_message(GD_LOG_INFO, "%s: %d of %d arrays of the model are loaded", path, c->loaded,
             c->loaded + c->left);
  if (c->left)
    gd_message(GD_LOG_INFO, "%d begin anew: %s%s", c->left, c->first_left, c->left > 1 ? " ..." : "");
  if (rest) gd_message(GD_LOG_INFO, "%d of the file are not used: %s", rest, text->text);
}

/* Nothing is left out that was not asked for. */
static gd_status check_all(const counts *c, int rest, const names_text *text, const gd_stored *stored, int n,
                           const gdi_init *how) {
  if (c->loaded == 0)
    return GD_FAIL(GD_ERR_CHECKPOINT,
                   "%s: none of its %d arrays has a name of the model (%s in the file, %s in the model): see "
                   "init_map",
                   how->path, n, n ? stored[0].name : "none", c->first_left);
  if (how->partial) return GD_OK;
  if (c->left)
    return GD_FAIL(GD_ERR_CHECKPOINT,
                   "%s: no array for %d of the model's %d: %s%s; --init-map OLD=NEW renames what it has%s%s, "
                   "--init-partial lets the others begin anew",
                   how->path, c->left, c->loaded + c->left, c->first_left, c->left > 1 ? " ..." : "",
                   rest ? " left: " : "", text->text);
  if (rest)
    return GD_FAIL(
        GD_ERR_CHECKPOINT,
        "%s: %d of its arrays %s not in the model: %s. Give a model that has %s, or --init-partial "
        "to leave %s out",
        how->path, rest, rest > 1 ? "are" : "is", text->text, rest > 1 ? "them" : "it",
        rest > 1 ? "them" : "it");
  return GD_OK;
}

/* Our own export has them beside the weights; a run measures its own. */
static int without_statistics(gd_stored *stored, int n) {
  int kept = 0;
  for (int i = 0; i < n; i++)
    if (!gdi_is_statistics(stored[i].name)) stored[kept++] = stored[i];
  return kept;
}

gd_status gdi_weights_init(gd_params *p, gd_stored *stored, int n, const gdi_init *how) {
  counts c = {0};
  n = without_statistics(stored, n);
  take_off_wrappers(p, stored, n);
  GD_TRY(map_names(stored, n, how->map));
  count(p, p->item, p->n, stored, n, &c);
  count(p, p->frozen, p->n_frozen, stored, n, &c);
  count(p, p->constant, p->n_constants, stored, n, &c);
  names_text text;
  const int rest = unused(p, stored, n, &text);
  GD_TRY(check_all(&c, rest, &text, stored, n, how));
  if (how->partial)
    GD_TRY(gdi_weights_apply_some(p, stored, n, how->path));
  else
    GD_TRY(gdi_weights_apply(p, stored, n, how->path));
  if (how->tells) tell(&c, rest, &text, how->path);
  return GD_OK;
}

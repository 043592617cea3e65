#include <string.h>

#include "base/files.h"
#include "cli/cli.h"

static bool listed(const char *word, const char *list) {
  size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += n)
    if ((at == list || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return true;
  return false;
}

static gd_status add(args *a, const char *key, const char *value) {
  gd_setting *s = &a->setting.item[a->setting.n++];
  char *name = gd_arena_alloc(a->setting.arena, strlen(key) + 1);
  if (!name) return GD_ERR_OOM;
  strcpy(name, key);
  *s = (gd_setting){.key = name, .value = value};
  return GD_OK;
}

static bool is_truth(const char *word) {
  return word && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0);
}

/* One "--key" with its value; returns how many words it took, 0 on an error. */
static int parse_option(args *a, char **argv, int left, const char *switches, gd_status *st) {
  char key[256];
  const char *name = argv[0] + 2, *equals = strchr(name, '=');
  snprintf(key, sizeof key, "%.*s", equals ? (int)(equals - name) : (int)strlen(name), name);
  for (char *c = key; *c; c++)
    if (*c == '-') *c = '_';
  const char *next = left > 1 ? argv[1] : NULL;
  if (equals) {
    *st = add(a, key, equals + 1);
    return 1;
  }
  if (listed(key, switches)) {
    *st = add(a, key, is_truth(next) ? next : "true");
    return is_truth(next) ? 2 : 1;
  }
  if (!next || strncmp(next, "--", 2) == 0) {
    *st = GD_FAIL(GD_ERR_USAGE, "%s needs a value", argv[0]);
    return 0;
  }
  *st = add(a, key, next);
  return 2;
}

gd_status gdi_args_parse(args *a, int argc, char **argv, const char *switches) {
  memset(a, 0, sizeof *a);
  GD_TRY(gd_arena_new(&a->setting.arena, "arguments"));
  a->word = gd_arena_alloc(a->setting.arena, sizeof *a->word * (size_t)(argc + 1));
  a->setting.item = gd_arena_alloc(a->setting.arena, sizeof *a->setting.item * (size_t)(argc + 1));
  if (!a->word || !a->setting.item) return GD_ERR_OOM;
  for (int i = 0; i < argc;) {
    if (strncmp(argv[i], "--", 2) != 0) {
      a->word[a->n_words++] = argv[i++];
      continue;
    }
    gd_status st;
    int taken = parse_option(a, argv + i, argc - i, switches, &st);
    GD_TRY(st);
    i += taken;
  }
  return GD_OK;
}

void gdi_args_free(args *a) {
  gd_arena_free(a->setting.arena);
}

const char *gdi_args_get(const args *a, const char *key) {
  const char *value = NULL; /* the last one wins */
  for (int i = 0; i < a->setting.n; i++)
    if (strcmp(a->setting.item[i].key, key) == 0) value = a->setting.item[i].value;
  return value;
}

const char *gdi_args_take(args *a, const char *key) {
  const char *value = gdi_args_get(a, key);
  int n = 0;
  for (int i = 0; i < a->setting.n; i++)
    if (strcmp(a->setting.item[i].key, key) != 0) a->setting.item[n++] = a->setting.item[i];
  a->setting.n = n;
  return value;
}

gd_status gdi_args_take_all(args *a, const char *key, const char *const **values, int *n) {
  const char **list = gd_arena_alloc(a->setting.arena, (size_t)(a->setting.n + 1) * sizeof *list);
  if (!list) return GD_ERR_OOM;
  *n = 0, *values = list;
  for (int i = 0; i < a->setting.n; i++)
    if (strcmp(a->setting.item[i].key, key) == 0) list[(*n)++] = a->setting.item[i].value;
  gdi_args_take(a, key);
  return GD_OK;
}

gd_status gdi_args_check(const args *a, const char *known) {
  for (int i = 0; i < a->setting.n; i++)
    if (!listed(a->setting.item[i].key, known))
      return GD_FAIL(GD_ERR_USAGE, "unknown option --%s; this command takes: %s", a->setting.item[i].key,
                     known);
  return GD_OK;
}

gd_status gdi_args_i64(args *a, const char *key, int64_t lo, int64_t hi, int64_t *out) {
  const char *value = gdi_args_take(a, key);
  return value ? gd_setting_i64(&(gd_setting){.key = key, .value = value}, lo, hi, out) : GD_OK;
}

gd_status gdi_args_f64(args *a, const char *key, double lo, double hi, double *out) {
  const char *value = gdi_args_take(a, key);
  return value ? gd_setting_f64(&(gd_setting){.key = key, .value = value}, lo, hi, out) : GD_OK;
}

gd_status gdi_args_flag(args *a, const char *key, bool *out) {
  const char *value = gdi_args_take(a, key);
  return value ? gd_setting_bool(&(gd_setting){.key = key, .value = value}, out) : GD_OK;
}

gd_status gdi_args_keep_input(const char *out, const char *input) {
  if (gdi_same_file(out, input))
    return GD_FAIL(GD_ERR_USAGE, "--out %s would replace the file that it is made from", out);
  return GD_OK;
}

bool gdi_settings_name(const gd_settings *s, const char *keys) {
  for (int i = 0; i < s->n; i++)
    if (listed(s->item[i].key, keys)) return true;
  return false;
}

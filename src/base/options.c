/* Settings: one table made from options.def, and everything else works on the table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/tree.h"
#include "base/words.h"

typedef enum kind { TREE, TEXT, PATH, WORD, INT, COUNT, REAL, FLAG, LENGTH, PLACE } kind;

typedef struct option {
  kind kind;
  size_t offset;
  const char *key, *def, *limits, *help;
  bool bits;
} option;

static const option table[] = {
#define GD_OPTION(kind, field, key, def, limits, bits, help)                                                 \
  {kind, offsetof(gd_options, field), key, def, limits, help, bits},
#include "gd/options.def"
};
enum { OPTIONS = sizeof table / sizeof *table };

/* Short forms of the usual ones, on the command line and in files alike. */
static const char *const short_form[][2] = {
    {"data", "data.train"},
    {"val_data", "data.val"},
    {"val_data.x", "data.val_x"},
    {"val_data.y", "data.val_y"},
    {"val_fraction", "data.val_fraction"},
    {"standardize", "data.standardize"},
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
};
enum { SHORT_FORMS = sizeof short_form / sizeof *short_form };

static const option *find(const char *key) {
  for (int i = 0; i < SHORT_FORMS; i++)
    if (strcmp(key, short_form[i][0]) == 0) key = short_form[i][1];
  for (int i = 0; i < OPTIONS; i++)
    if (strcmp(key, table[i].key) == 0) return &table[i];
  return NULL;
}

const char *gdi_option_key(const char *key) {
  const option *p = find(key);
  return p ? p->key : NULL;
}

bool gdi_option_is_tree(const char *key) {
  const option *p = find(key);
  return p && p->kind == TREE;
}

static const char *nearest_key(const char *key) {
  const char *known[OPTIONS + SHORT_FORMS + 1] = {0};
  for (int i = 0; i < OPTIONS; i++) known[i] = table[i].key;
  for (int i = 0; i < SHORT_FORMS; i++) known[OPTIONS + i] = short_form[i][0];
  return gd_nearest(key, known);
}

/* ---- one value ---- */

static gd_status set_text(gd_options *o, const option *p, const char *value) {
  char *copy = gd_arena_alloc(o->arena, strlen(value) + 1);
  *(const char **)((char *)o + p->offset) = copy;
  if (!copy) return GD_ERR_OOM;
  strcpy(copy, value);
  return GD_OK;
}

/* ~/runs as a shell reads it: in a file, and after --out=, none has. */
static gd_status set_path(gd_options *o, const option *p, const gd_setting *s) {
  char path[4096], where[160];
  const char *home = getenv("HOME"), *rest = s->value + 1;
  if (*s->value != '~') return set_text(o, p, s->value);
  if ((*rest && *rest != '/') || !home || !*home)
    return GD_FAIL(GD_ERR_USAGE, "%s%s%s: \"%s\": %s: write the path in full",
                   gd_setting_where(s, where, sizeof where), s->file ? ": " : "", s->file ? s->key : "",
                   s->value,
                   *rest && *rest != '/' ? "only ~/ is known here, one's own folder" : "HOME is not set");
  if ((size_t)snprintf(path, sizeof path, "%s%s", home, rest) >= sizeof path)
    return GD_FAIL(GD_ERR_USAGE, "%s: the path is too long", p->key);
  return set_text(o, p, path);
}

static gd_status set_tree(gd_options *o, const option *p, const gd_setting *s) {
  char name[300];
  gd_tree *tree;
  snprintf(name, sizeof name, "%s", p->key);
  if (s->file) snprintf(name, sizeof name, "%.200s:%d: %s", s->file, s->line, p->key);
  GD_TRY(s->tree ? gdi_tree_copy(&tree, o->arena, s->tree) : gd_tree_parse(&tree, o->arena, s->value, name));
  *(const gd_tree **)((char *)o + p->offset) = tree;
  return GD_OK;
}

/* The words of `limits` that are not numbers, for messages and matching. */
static int split_words(const char *limits, char *buf, size_t bytes, const char *words[], int max) {
  int n = 0;
  snprintf(buf, bytes, "%s", limits);
  for (char *save, *w = strtok_r(buf, " ", &save); w && n < max; w = strtok_r(NULL, " ", &save))
    words[n++] = w;
  words[n] = NULL;
  return n;
}

static gd_status set_word(gd_options *o, const option *p, const gd_setting *s) {
  char buf[256], where[160];
  const char *words[16];
  int n = split_words(p->limits, buf, sizeof buf, words, 15);
  for (int i = 0; i < n; i++)
    if (strcmp(words[i], s->value) == 0) return set_text(o, p, s->value);
  /* They are all listed; among the shortest the nearest is chance: gpu, cpu. */
  const char *near = strlen(s->value) > 3 ? gd_nearest(s->value, words) : NULL;
  return GD_FAIL(GD_ERR_USAGE, "%s%s%s: \"%s\" is not one of: %s%s%s%s",
                 gd_setting_where(s, where, sizeof where), s->file ? ": " : "", s->file ? s->key : "",
                 s->value, p->limits, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* "auto 1 1e9": length of the word that stands for a value found out later; 0 when there is none. */
static int automatic(const option *p) {
  bool number = strchr("+-.0123456789", p->limits[0]) != NULL;
  return (p->kind == COUNT || p->kind == REAL) && !number ? (int)strcspn(p->limits, " ") : 0;
}

static gd_status set_number(gd_options *o, const option *p, const gd_setting *s) {
  void *field = (char *)o + p->offset;
  const int word = automatic(p);
  if (word && (int)strlen(s->value) == word && strncmp(s->value, p->limits, (size_t)word) == 0) {
    if (p->kind == REAL)
      *(double *)field = NAN;
    else
      *(int64_t *)field = 0;
    return GD_OK;
  }
  char *rest;
  double lo = strtod(p->limits + word, &rest), hi = strtod(rest, NULL);
  gd_status st =
      p->kind == REAL ? gd_setting_f64(s, lo, hi, field) : gd_setting_i64(s, (int64_t)lo, (int64_t)hi, field);
  if (st == GD_OK || word == 0) return st;
  char why[512];
  snprintf(why, sizeof why, "%s", gd_error_last()->message);
  return GD_FAIL(st, "%s, or %.*s", why, word, p->limits);
}

static gd_status set_length(gd_options *o, const option *p, const gd_setting *s) {
  gd_length *field = (gd_length *)(void *)((char *)o + p->offset), l;
  char *rest, why[512], where[160];
  const double lo = strtod(p->limits, &rest), hi = strtod(rest, NULL);
  gd_status st = gd_length_parse(s->value, p->kind == PLACE, &l, NULL);
  if (st == GD_OK && !(lo <= l.n && l.n <= hi))
    st = GD_FAIL(GD_ERR_USAGE, "\"%s\" is not from %g to %g", s->value, lo, hi);
  if (st == GD_OK) *field = l;
  if (st == GD_OK) return GD_OK;
  snprintf(why, sizeof why, "%s", gd_error_last()->message);
  return GD_FAIL(st, "%s%s%s: %s", gd_setting_where(s, where, sizeof where), s->file ? ": " : "",
                 s->file ? s->key : "", why);
}

static gd_status set(gd_options *o, const option *p, const gd_setting *s) {
  switch (p->kind) {
  case TREE: return set_tree(o, p, s);
  case LENGTH:
  case PLACE: return set_length(o, p, s);
  case TEXT: return set_text(o, p, s->value);
  case PATH: return set_path(o, p, s);
  case WORD: return set_word(o, p, s);
  case FLAG: return gd_setting_bool(s, (bool *)((char *)o + p->offset));
  default: return set_number(o, p, s);
  }
}

/* ---- all of them ---- */

gd_status gd_options_new(gd_options *out) {
  memset(out, 0, sizeof *out);
  GD_TRY(gd_arena_new(&out->arena, "options"));
  for (int i = 0; i < OPTIONS; i++)
    GD_TRY(set(out, &table[i], &(gd_setting){.key = table[i].key, .value = table[i].def}));
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
    const option *p = find(s->item[i].key);
    GD_TRY(p ? set(o, p, &s->item[i]) : tell_unknown(&s->item[i]));
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

/* ---- printing and comparing ---- */

/* The value as text: the option's own, or in buf. */
static const char *value_text(const gd_options *o, const option *p, char *buf, size_t bytes) {
  const void *field = (const char *)o + p->offset;
  switch (p->kind) {
  case TREE: return (*(const gd_tree *const *)field)->text;
  case TEXT:
  case PATH:
  case WORD: return *(const char *const *)field;
  case FLAG: snprintf(buf, bytes, "%s", *(const bool *)field ? "true" : "false"); break;
  case LENGTH:
  case PLACE: gd_length_print(*(const gd_length *)field, p->kind == PLACE, buf, bytes); break;
  case REAL:
    if (isnan(*(const double *)field))
      snprintf(buf, bytes, "%.*s", automatic(p), p->limits);
    else
      gdi_print_real(buf, bytes, *(const double *)field);
    break;
  case COUNT:
    if (*(const int64_t *)field == 0) {
      snprintf(buf, bytes, "%.*s", automatic(p), p->limits);
      break;
    } /* fall through */
  case INT: snprintf(buf, bytes, "%lld", (long long)*(const int64_t *)field); break;
  }
  return buf;
}

gd_status gd_options_adopt(gd_options *o, const gd_options *from, const char *key) {
  char buf[80];
  const option *p = find(key);
  if (!p) return GD_FAIL(GD_ERR_INTERNAL, "no setting %s", key);
  if (strcmp(value_text(o, p, buf, sizeof buf), p->def) != 0) return GD_OK;
  return set(o, p, &(gd_setting){.key = key, .value = value_text(from, p, buf, sizeof buf)});
}

static bool is_found_out(const option *p) {
  static const char keys[] =
      "loss data.shuffle micro_batch schedule.t0 schedule.total schedule.run optimizer.lr "
      "optimizer.momentum optimizer.weight_decay";
  return gdi_is_listed(p->key, keys);
}

void gdi_options_found_out(const gd_options *o, char keys[GDI_FOUND_OUT]) {
  char buf[80];
  int n = 0;
  keys[0] = 0;
  for (int i = 0; i < OPTIONS; i++)
    if (is_found_out(&table[i]) && strcmp(value_text(o, &table[i], buf, sizeof buf), table[i].def) == 0)
      n += snprintf(keys + n, GDI_FOUND_OUT - (size_t)n, "%s%s", n ? " " : "", table[i].key);
}

void gd_options_print(const gd_options *o, FILE *f) {
  gdi_options_print_given(o, NULL, f);
}

void gdi_options_print_given(const gd_options *o, const char *keys, FILE *f) {
  char open_map[64] = "", buf[80];
  for (int i = 0; i < OPTIONS; i++) {
    const option *p = &table[i];
    const char *dot = strchr(p->key, '.');
    int map = dot ? (int)(dot - p->key) : 0;
    if (map && (strncmp(open_map, p->key, (size_t)map) != 0 || open_map[map]))
      fprintf(f, "%.*s:\n", map, p->key);
    snprintf(open_map, sizeof open_map, "%.*s", map, p->key);
    const char *value = value_text(o, p, buf, sizeof buf);
    fprintf(f, "%s%s: ", map ? "  " : "", dot ? dot + 1 : p->key);
    if (gdi_is_listed(p->key, keys))
      fprintf(f, strcmp(value, p->def) ? "%s # %s" : "%s", p->def, value);
    else if (p->kind == TEXT || p->kind == PATH ||
             (p->kind == TREE && *value != '[')) /* a tree in YAML is not quoted */
      gdi_print_quoted(f, value);
    else
      fputs(value, f);
    fputc('\n', f);
  }
}

static int differ(const gd_options *a, const gd_options *b, bool bits, char *buf, size_t bytes) {
  int n = 0;
  size_t used = 0;
  if (bytes) *buf = 0;
  for (int i = 0; i < OPTIONS; i++) {
    char buf_a[80], buf_b[80];
    const char *va = value_text(a, &table[i], buf_a, sizeof buf_a);
    const char *vb = value_text(b, &table[i], buf_b, sizeof buf_b);
    if ((bits && !table[i].bits) || strcmp(va, vb) == 0) continue;
    n++;
    int more = snprintf(buf + used, bytes - used, "%s%s: %s -> %s", n > 1 ? ", " : "", table[i].key, va, vb);
    if (more > 0) used = used + (size_t)more < bytes ? used + (size_t)more : bytes - 1;
  }
  return n;
}

int gd_options_differ(const gd_options *a, const gd_options *b, char *buf, size_t bytes) {
  return differ(a, b, true, buf, bytes);
}

int gd_options_differ_any(const gd_options *a, const gd_options *b, char *buf, size_t bytes) {
  return differ(a, b, false, buf, bytes);
}

/* One word after another within 80 columns, new lines indented; returns the column reached. */
static int put_words(FILE *f, const char *text, int column, int indent) {
  enum { WIDTH = 80 };
  for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
    const int n = (int)strcspn(text, " ");
    if (column + 1 + n > WIDTH) column = fprintf(f, "\n%*s", indent - 1, "") - 1;
    column += fprintf(f, " %.*s", n, text);
    text += n;
  }
  return column;
}

void gd_options_manual(FILE *f) {
  enum { INDENT = 38 };
  fputs("Keys of run.yaml and options of the same names (- and _ are equal), what they\n"
        "hold unless given, and what they mean:\n\n",
        f);
  for (int i = 0; i < OPTIONS; i++) {
    const option *p = &table[i];
    char words[256] = "";
    if (p->kind == WORD) snprintf(words, sizeof words, "(%s)", p->limits);
    int column = fprintf(f, "  --%-22s %-10s", p->key, p->def[0] ? p->def : "-");
    column = put_words(f, p->help, column, INDENT);
    put_words(f, words, column, INDENT);
    fputc('\n', f);
  }
  fputs("\nShort forms:\n", f);
  for (int i = 0; i < SHORT_FORMS; i++) fprintf(f, "  --%-22s --%s\n", short_form[i][0], short_form[i][1]);
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

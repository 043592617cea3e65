/** @file config.h  Settings as (dotted key, value, where it came from), and trees, from YAML files and command lines. */
#ifndef GD_CONFIG_H
#define GD_CONFIG_H

#include "gd/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * One setting: optimizer.lr = "0.1", from run.yaml:12. '-' in a key has become '_'. A list of scalars and
 * one-key maps is joined by blanks: model: [{linear: 512}, relu] is model = "linear:512 relu", and
 * batch_sizes: [full, 32] is batch_sizes = "full 32". A key without a value has the value "".
 */
typedef struct gd_setting {
  const char *key, *value;
  const char *file; /**< NULL: the command line */
  int line;
  const struct gd_tree *tree; /**< of options that are trees, read from a file; NULL: `value` says all */
} gd_setting;

typedef struct gd_settings {
  gd_setting *item;
  int n;
  gd_arena *arena;
} gd_settings;

#define GD_MAX_SETTINGS 1024

/**
 * Read a YAML file (or `text`, when it is not NULL, named `path`) of nested maps with scalar leaves.
 * Errors: GD_ERR_USAGE with file:line and cause: no such file, syntax, duplicate key, anchors or tags,
 *         nesting over 4, control characters, over 1 MB, too many settings; *out is then empty
 * Owner:  caller; gd_settings_free()
 */
GD_API gd_status gd_settings_read(gd_settings *out, const char *path, const char *text) GD_CHECKED;
GD_API void gd_settings_free(gd_settings *s); /**< leaves it empty */
/** Set a key as the command line does, replacing what stood there; copies both. `s` may be zeroed. */
GD_API gd_status gd_settings_set(gd_settings *s, const char *key, const char *value) GD_CHECKED;
/** The setting of that name, or NULL. */
GD_API const gd_setting *gd_settings_get(const gd_settings *s, const char *key);

/**
 * Locale-independent, whole-string conversions; lo <= *out <= hi. "inf" is a number only where a bound is
 * infinite, "nan" never. A bool is true/false, yes/no, on/off or 1/0.
 * Errors: GD_ERR_USAGE with key, value and where it came from
 */
GD_API gd_status gd_setting_i64(const gd_setting *s, int64_t lo, int64_t hi, int64_t *out) GD_CHECKED;
GD_API gd_status gd_setting_f64(const gd_setting *s, double lo, double hi, double *out) GD_CHECKED;
GD_API gd_status gd_setting_bool(const gd_setting *s, bool *out) GD_CHECKED;
/**
 * The word in `words` (NULL-terminated) that `word` was probably meant to be, or NULL: within an edit
 * distance of 1 (up to 4 letters), 2 (up to 7) or 3 of the whole or of what follows its last dot.
 */
GD_API const char *gd_nearest(const char *word, const char *const words[]);
/** "run.yaml:12" or "--optimizer.lr" into buf. Returns buf. */
GD_API const char *gd_setting_where(const gd_setting *s, char *buf, size_t bytes);

/* ---- trees ---- */

typedef enum gd_tree_kind { GD_TREE_SCALAR, GD_TREE_LIST, GD_TREE_MAP } gd_tree_kind;

/** A scalar, a list or a map of trees, and where it stands. Read only. */
typedef struct gd_tree {
  gd_tree_kind kind;
  const char *text;       /**< of a scalar; of a root: the whole in its canonical form */
  int n;                  /**< items of a list or map */
  const char *const *key; /**< [n] of a map; '-' has become '_' */
  struct gd_tree *const *item;
  const char *file; /**< or the option's name */
  int line;         /**< in a file; else 0 in the one-line form, -1 in YAML, where `column` says more */
  int column;       /**< from 1 */
} gd_tree;

/**
 * A tree from a text: YAML where it begins with [ or {, "[{linear: 512}, {residual: {body: [...]}}]", else the one-line
 * form, words with arguments: "linear:512 relu gpt:layers=4,heads=4" is [{linear: 512}, relu, {gpt: {layers: 4, heads:
 * 4}}]. A single map is a list of one. The root's `text` is canonical: equal trees have equal texts, and the text can be
 * parsed back; it is in the one-line form where that can say it.
 *
 * Owner:  `arena`; it keeps copies of text and name
 * Errors: GD_ERR_USAGE with line or column: syntax, anchors or tags, a key given twice, more than 64 levels, 65536
 *         values or 1 MB
 */
GD_API gd_status gd_tree_parse(gd_tree **out, gd_arena *arena, const char *text, const char *name) GD_CHECKED;
/** The item of a map, or NULL. */
GD_API const gd_tree *gd_tree_get(const gd_tree *map, const char *key);

/* ---- arguments: what a record of a layer, or of another thing that has a word, takes ---- */

typedef enum gd_arg_type {
  GD_ARG_INT,
  GD_ARG_REAL,
  GD_ARG_BOOL,
  GD_ARG_WORD, /**< one of `words` */
  GD_ARG_INTS, /**< one whole number or a list of them */
  GD_ARG_TREE  /**< layers: an entry or a list of entries */
} gd_arg_type;

/** An argument of a layer or an augmentation, named as in PyTorch. The first one is the main one: "linear: 10". */
typedef struct gd_arg {
  const char *name;
  gd_arg_type type;
  const char *def;   /**< as text; NULL: must be given; "": not given */
  double lo, hi;     /**< bounds of numbers */
  const char *words; /**< "zeros same": words allowed, also in place of numbers; NULL: none */
  const char *help;  /**< one line */
} gd_arg;

#ifdef __cplusplus
}
#endif
#endif

/** @file config.h  Settings as (dotted key, value, where it came from), from YAML files and command lines. */
#ifndef GD_CONFIG_H
#define GD_CONFIG_H

#include "gd/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One setting: optimizer.lr = "0.1", from run.yaml:12. A list of scalars or one-key maps is joined by
 * blanks: model: [{linear: 512}, relu] is model = "linear:512 relu". */
typedef struct gd_setting {
  const char *key, *value;
  const char *file; /**< NULL: the command line */
  int line;
} gd_setting;

typedef struct gd_settings {
  gd_setting *item;
  int n;
  gd_arena *arena;
} gd_settings;

/**
 * Read a YAML file (or `text`, when it is not NULL, named `path`) of nested maps with scalar leaves.
 * Errors: GD_ERR_USAGE with file:line and cause: syntax, duplicate key, anchors or tags, nesting over 4, over
 * 1 MB.
 */
GD_API gd_status gd_settings_read(gd_settings *out, const char *path, const char *text) GD_CHECKED;
GD_API void gd_settings_free(gd_settings *s);

/** Locale-independent, whole-string conversions; errors name key, value and where it came from
 * (GD_ERR_USAGE). */
GD_API gd_status gd_setting_i64(const gd_setting *s, int64_t lo, int64_t hi, int64_t *out) GD_CHECKED;
GD_API gd_status gd_setting_f64(const gd_setting *s, double lo, double hi, double *out) GD_CHECKED;
GD_API gd_status gd_setting_bool(const gd_setting *s, bool *out) GD_CHECKED;
/** The word in `words` (NULL-terminated) nearest to `word` (edit distance at most 3), or NULL. */
GD_API const char *gd_nearest(const char *word, const char *const words[]);
/** "run.yaml:12" or "--optimizer.lr" into buf. Returns buf. */
GD_API const char *gd_setting_where(const gd_setting *s, char *buf, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif

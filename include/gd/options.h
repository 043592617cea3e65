/** @file options.h  The settings of a run: one struct, filled from defaults, YAML and the command line. */
#ifndef GD_OPTIONS_H
#define GD_OPTIONS_H

#include <stdio.h>

#include "gd/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A length or a place in time: "3 epochs", "2.5 epochs", "100 steps". A bare number is epochs, except that a place
 * (a milestone, the start of an average) given as a bare number below 1 is a fraction of the run.
 */
typedef struct gd_length {
  double n;
  enum { GD_IN_EPOCHS, GD_IN_STEPS, GD_OF_RUN } unit;
} gd_length;
/**
 * Parse text as a length, or as a place; *rest (may be NULL) becomes what follows it, else nothing may.
 * Errors: GD_ERR_USAGE, without the key
 */
GD_API gd_status gd_length_parse(const char *text, bool place, gd_length *out, const char **rest) GD_CHECKED;
GD_API void gd_length_print(gd_length l, bool place, char *buf, size_t bytes);

/** One field for each line of options.def, where its meaning and limits are. `arena` holds the texts. */
typedef struct gd_options {
#define GD_FIELD_TREE                                        const gd_tree *
#define GD_FIELD_ENTRY                                       const char *
#define GD_FIELD_TEXT                                        const char *
#define GD_FIELD_PATH                                        const char *
#define GD_FIELD_WORD                                        const char *
#define GD_FIELD_INT                                         int64_t
#define GD_FIELD_COUNT                                       int64_t
#define GD_FIELD_REAL                                        double
#define GD_FIELD_FLAG                                        bool
#define GD_FIELD_LENGTH                                      gd_length
#define GD_FIELD_PLACE                                       gd_length
#define GD_OPTION(kind, field, key, def, limits, bits, help) GD_FIELD_##kind field;
#include "gd/options.def"
  gd_arena *arena;
  const struct gd_task *task; /**< no setting: what a program brings along (gd/task.h); NULL: nothing */
} gd_options;

/** All defaults. Owner: caller; gd_options_free() */
GD_API gd_status gd_options_new(gd_options *out) GD_CHECKED;
GD_API void gd_options_free(gd_options *o);
/** Apply settings in order; later ones win. Errors: GD_ERR_USAGE with key, place and nearest known name */
GD_API gd_status gd_options_apply(gd_options *o, const gd_settings *s) GD_CHECKED;
/** Where `key` still has its default, take `from`'s value. */
GD_API gd_status gd_options_adopt(gd_options *o, const gd_options *from, const char *key) GD_CHECKED;
/** Set one option by key. */
GD_API gd_status gd_options_set(gd_options *o, const char *key, const char *value) GD_CHECKED;
/** Errors: GD_ERR_USAGE for settings that exclude each other, with what to change */
GD_API gd_status gd_options_check(const gd_options *o) GD_CHECKED;
/** As YAML that gd_settings_read() reads back to the same values. */
GD_API void gd_options_print(const gd_options *o, FILE *f);
/** "key: a -> b, ..." of the settings that change the bits and differ, into buf. Returns how many. */
GD_API int gd_options_differ(const gd_options *a, const gd_options *b, char *buf, size_t bytes);
/** The same for all settings. */
GD_API int gd_options_differ_any(const gd_options *a, const gd_options *b, char *buf, size_t bytes);
/** "500" is steps, "10min" is seconds; both are 0 for "0". steps NULL: it must be a time. Errors: GD_ERR_USAGE with `key` */
GD_API gd_status gd_interval_parse(const char *key, const char *text, int64_t *steps,
                                   double *seconds) GD_CHECKED;
/** Print the table of all options with defaults and meanings. */
GD_API void gd_options_manual(FILE *f);

/** Settings from YAML text; `name` stands in messages. Owner: caller, gd_options_free() */
GD_API gd_status gd_options_read(gd_options *out, const char *name, const char *yaml) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

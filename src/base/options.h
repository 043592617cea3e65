/* The table of options, made from options.def: what the files that set, print and check them share. */
#ifndef GDI_BASE_OPTIONS_H
#define GDI_BASE_OPTIONS_H

#include "gd/options.h"

/* The first column of options.def. */
typedef enum gdi_option_kind {
  GDI_TREE,
  GDI_ENTRY,
  GDI_TEXT,
  GDI_PATH,
  GDI_WORD,
  GDI_INT,
  GDI_COUNT,
  GDI_REAL,
  GDI_FLAG,
  GDI_LENGTH,
  GDI_PLACE
} gdi_option_kind;

typedef struct gdi_option {
  gdi_option_kind kind;
  size_t offset;
  const char *key, *def, *limits, *help;
  bool bits;
} gdi_option;

enum {
#define GD_OPTION(kind, field, key, def, limits, bits, help) GDI_OPTION_##field,
#include "gd/options.def"
  GDI_OPTIONS
};
extern const gdi_option gdi_option_table[GDI_OPTIONS];

/* Short forms of the usual ones, on the command line and in files alike; the last is {NULL, NULL}. */
extern const char *const gdi_option_short_form[][2];

/* By its key or a short form of it, or NULL. */
const gdi_option *gdi_option_find(const char *key);
/* The name of the option that `key` is, or is short for; NULL: of none. */
const char *gdi_option_key(const char *key);
/* Does the option of this key hold a tree? */
bool gdi_option_is_tree(const char *key);
/* "auto 1 1e9": length of the word that stands for a value found out later; 0 when there is none. */
int gdi_option_automatic(const gdi_option *p);
gd_status gdi_option_set(gd_options *o, const gdi_option *p, const gd_setting *s) GD_CHECKED;

/*
 * Settings that are found out when a run begins, unless they are given: learning rate, micro-batch, length of a schedule.
 * The keys of those that are not given yet, separated by blanks, into `keys`, of GDI_FOUND_OUT bytes.
 */
enum { GDI_FOUND_OUT = 300 };
void gdi_options_found_out(const gd_options *o, char keys[GDI_FOUND_OUT]);
/* gd_options_print(), but the settings `keys` (NULL: none) as they were before, and their values in a comment. */
void gdi_options_print_given(const gd_options *o, const char *keys, FILE *f);

#endif

/* The arguments of things that have a word: layers of a model, augmentations. */
#ifndef GDI_BASE_ARGUMENTS_H
#define GDI_BASE_ARGUMENTS_H

#include <stdio.h>

#include "gd/config.h"
#include "gd/tensor.h"

typedef struct gdi_arg_value {
  bool given;
  int64_t i; /* also of a BOOL */
  double f;
  const char *word; /* NULL: a number */
  int n;            /* INTS */
  int64_t ints[GD_MAX_DIMS];
  const gd_tree *tree;
} gdi_arg_value;

int gdi_arguments_count(const gd_arg *args);
/*
 * The values of `args` from what is given to `word`: NULL (nothing), the main argument, or a map, of which the keys in
 * `also` (or NULL) are left. Errors: GD_ERR_USAGE naming the argument
 */
gd_status gdi_arguments_read(gdi_arg_value value[], const gd_arg *args, const char *word, const char *example,
                             const gd_tree *given, const char *const also[]) GD_CHECKED;
/* A line of help and one of types and default for each, and the example; for --help-layers NAME and its kin. */
void gdi_arguments_manual(FILE *f, const gd_arg *args, const char *example);

#endif

/* Which arrays of a data file are samples and targets. */
#ifndef GDI_DATA_FIND_H
#define GDI_DATA_FIND_H

#include "data/dataset.h"

enum { GDI_ARRAY_NAME = 64 };

/* A pair of names, and what is asked for. */
typedef struct gdi_pair {
  char x[GDI_ARRAY_NAME], y[GDI_ARRAY_NAME];
  bool marked; /* x_train and the like: there may be others */
} gdi_pair;
typedef bool (*gdi_has_name)(void *user, const char *name);

/*
 * The first of the usual pairs that is there, for GD_PART_...; a name that is given (x_name, y_name, or NULL) goes with
 * the other of its own pair first. false: none is whole; out->x is then the first that is there alone, or empty.
 */
bool gdi_find_pair(gdi_pair *out, const char *x_name, const char *y_name, int part, gdi_has_name has,
                   void *user);

/* Weights of samples under a usual name, marked as that of the samples: w beside x, w_val beside x_val. false: none */
bool gdi_find_weights(char name[GDI_ARRAY_NAME], const gdi_pair *of, int part, gdi_has_name has, void *user);
/* The same of an open file, or those that the options name. */
bool gdi_find_weights_of(gd_dataset *d, const gd_data_options *o, char name[GDI_ARRAY_NAME]);

/* info.x_name and y_name: by the options, or by names that are known; noted where there is a choice. */
gd_status gdi_find_arrays(gd_dataset *d, const gd_data_options *o) GD_CHECKED;
/* Arrays of programs that count dimensions in reverse, and others that only fit so, are turned; noted. */
gd_status gdi_find_orientation(gd_dataset *d) GD_CHECKED;

#endif

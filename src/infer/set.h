/* A data set as the trainer uses it: opened by all ranks, held once per host, classes matched to the model. */
#ifndef GDI_TRAIN_SET_H
#define GDI_TRAIN_SET_H

#include "gd/comm.h"
#include "gd/data.h"
#include "gd/options.h"

typedef struct gdi_set {
  gd_dataset *data;
  gd_shared memory;
  int64_t *class_map; /* label in the file -> label of the model; NULL: the same */
} gdi_set;

/* What a set is opened for. */
typedef struct gdi_set_use {
  int part;             /* GD_PART_ANY: training */
  bool without_targets; /* the file need not hold them */
  const gd_names
      *names; /* of the model, whose columns are taken (gd_dataset_match()), or NULL: there is none yet */
  gd_target_type target_type; /* of the model; without one the settings decide */
} gdi_set_use;

/* How the settings say that a data file is to be opened. */
gd_data_options gdi_data_options(const gd_options *o);
/*
 * Rank 0 tells what was taken for what. Collective. Errors as gd_dataset_open(), gd_dataset_match() and
 * gd_dataset_load(), the same on all ranks.
 */
gd_status gdi_set_open(gdi_set *s, gd_world *w, const char *path, const gd_options *o,
                       const gdi_set_use *use) GD_CHECKED;
/* To train, validate or evaluate, at least one label must be a class. Errors: GD_ERR_DATA */
gd_status gdi_set_labelled(const gdi_set *s) GD_CHECKED;
/* Targets of yes or no, of a loss that is `binary`. Errors: GD_ERR_DATA with the sample that is neither */
gd_status gdi_set_binary(const gdi_set *s, const char *loss) GD_CHECKED;
/* Says where labels to learn from look like a mistake: for one rank. */
gd_status gdi_set_tell_labels(const gdi_set *s, const gd_options *o) GD_CHECKED;
void gdi_set_close(gdi_set *s, gd_world *w);

/*
 * Match the file's classes to the model's by name. Errors: GD_ERR_DATA for a class that the model does not
 * know, or more classes than it has where there are no names.
 */
gd_status gdi_set_match(gdi_set *s, int64_t classes, char (*names)[GD_MAX_CLASS_NAME]) GD_CHECKED;
/* Apply the match to the labels of a batch, in place. Nothing to do for targets. */
gd_status gdi_set_relabel(const gdi_set *s, gd_tensor *labels) GD_CHECKED;

#endif

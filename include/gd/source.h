/**
 * @file source.h  Data sets of a program's own: made or fetched by a function instead of read from a file.
 *
 * A source has a name that `data` and `val_data` take, with arguments: --data spiral:n=5000. Sample i is a function
 * of i alone (and of the arguments): then order, resume and numbers of ranks keep their bits as with files. It is
 * held in memory once per host, or asked for as training goes on (memory: stream).
 */
#ifndef GD_SOURCE_H
#define GD_SOURCE_H

#include "gd/batch.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A field of a sample. The first is x, the second y; a model's forward_n and a loss see all of them. One named "w", a
 * number not below 0, is the weight of the sample: losses multiply by it.
 */
typedef struct gd_source_field {
  const char *name;
  gd_dtype dtype; /**< as read() writes it: u8, i32, i64, f32 or f64; y: i64 (labels) or f64 */
  int ndim;       /**< of one sample; 0: a number */
  int64_t shape[GD_MAX_DIMS - 1];
  double scale;                  /**< values are multiplied by this; 0: 1 */
  bool index;                    /**< i64 that stay i64 (tokens); else they become the model's type */
  bool input;                    /**< beyond x: the model gets it too, as a further input */
  int64_t classes;               /**< y: labels 0 .. classes - 1, or GD_IGNORED; 0: real targets */
  const char *const *class_name; /**< *(optional)* [classes] */
} gd_source_field;

typedef struct gd_source_info {
  int64_t n; /**< samples */
  int n_fields;
  gd_source_field field[GD_MAX_FIELDS];
} gd_source_info;

/** A kind of data set. Owner: its author; the record must stay. */
typedef struct gd_dataset_source {
  const char *name;  /**< a word */
  const char *about; /**< one line */
  /** Describe the set with these arguments, "" for none; *user goes to read() and close(). */
  gd_status (*open)(gd_source_info *out, const char *args, void **user);
  /**
   * The n samples at index[]: field[f] gets [n, shape...] of its dtype. Called by one thread at a time for what one
   * open() returned, not always the same one.
   */
  gd_status (*read)(void *user, int64_t n, const int64_t index[], void *const field[]);
  void (*close)(void *user); /**< *(optional)* */
} gd_dataset_source;

/** Make a source known under its name. Errors: GD_ERR_USAGE: the name is no word or taken, or it cannot read */
GD_API gd_status gd_dataset_register(const gd_dataset_source *s) GD_CHECKED;
/** The source of that name ("spiral", "spiral:n=5000"), or NULL. */
GD_API const gd_dataset_source *gd_dataset_source_find(const char *name);
/** The number after "name=" in the arguments of a source; `otherwise` when it is not there, NaN when it is none. */
GD_API double gd_source_arg(const char *args, const char *name, double otherwise);

#ifdef __cplusplus
}
#endif
#endif

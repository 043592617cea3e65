/** @file data.h  Data sets in HDF5, the order of samples, and the loader of micro-batches. */
#ifndef GD_DATA_H
#define GD_DATA_H

#include <stdio.h>

#include "gd/batch.h"
#include "gd/config.h"
#include "gd/partition.h"
#include "gd/rng.h"
#include "gd/source.h"
#include "gd/sha256.h"
#include "gd/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a data set ---- */

#define GD_MAX_CLASS_NAME  64
#define GD_MAX_COLUMN_NAME 256

/** Names of the columns of a table: those of a sample's values, and those of its targets. NULL and 0: it has none. */
typedef struct gd_names {
  int64_t n_x, n_y;
  char (*x)[GD_MAX_COLUMN_NAME]; /**< [n_x] */
  char (*y)[GD_MAX_COLUMN_NAME]; /**< [n_y] */
} gd_names;
GD_API void gd_names_free(gd_names *n); /**< of names that were malloc'd */

/** What a data file holds. Arrays belong to the data set. */
typedef struct gd_data_info {
  char path[4096];
  char x_name[64], y_name[64]; /**< names of the arrays in the file */
  char w_name[64];             /**< of the weights of samples; "": all weigh 1 */
  int64_t n;                   /**< samples */
  int64_t n_val;               /**< of x_val and y_val beside x and y: to validate on; 0: there are none */
  int ndim;
  int64_t sample[GD_MAX_DIMS - 1]; /**< shape of one sample; ndim 0: a scalar each */
  gd_dtype x_type;                 /**< u8, i32, i64, f32 or f64, as stored */
  gd_layout layout;                /**< of samples that are images, where the file or an option says it */
  bool x_index;                    /**< x stays i64 (tokens) */
  bool from_images; /**< samples are made of images in x as they are asked for: decoded, or of another size */
  double x_scale;   /**< x is multiplied by this when a batch is formed: 1/255 for u8 images, else 1 */
  bool labels;      /**< y holds integer labels (else real targets) */
  bool unlabelled;  /**< none of the labels is a class: all are ignored */
  int64_t targets;  /**< k: targets per sample; of labels 1, or as many as y_sample has places */
  int y_ndim;       /**< of the labels of one sample: 0: it has one; 2: one for each pixel */
  int64_t y_sample[GD_MAX_DIMS - 1]; /**< [y_ndim] */
  bool y_vector;                     /**< y is given as [N], not [N,k] */
  char y_note
      [160]; /**< what y was taken as where that was a guess, and the option that says otherwise; or "" */
  int64_t classes; /**< labels: number of classes (names, else 1 + the largest label); 0 otherwise */
  char (*class_name)[GD_MAX_CLASS_NAME]; /**< [classes], or NULL */
  int n_more;                            /**< fields beyond x and y */
  gd_source_field more[GD_MAX_FIELDS - 2];
  gd_names names; /**< of one-dimensional samples and of targets, where the file has them */
  size_t x_bytes,
      y_bytes; /**< in memory; y as i64 or f64 (labels of pixels that are bytes: as they are), further fields among it */
  bool checksummed; /**< stored with fletcher32 */
  int64_t block;    /**< samples that are best read together: for GD_SHUFFLE_BLOCK */
  char *notes;      /**< lines on what was taken for what, or NULL */
} gd_data_info;

typedef struct gd_dataset gd_dataset;

/** What targets are taken as. By their type: one whole number a sample is a label, and so are one-hot columns. */
typedef enum gd_target_type {
  GD_TARGET_AUTO,
  GD_TARGET_LABELS,
  GD_TARGET_NUMBERS,
  GD_TARGET_RATHER_LABELS,  /**< where they can be, and it is noted */
  GD_TARGET_RATHER_NUMBERS, /**< the same, unless the file itself says that they are classes */
} gd_target_type;

typedef struct gd_data_options {
  gd_target_type target_type;
  bool target_known; /**< it is what a model was trained on, and is not noted */
  const char *x_name,
      *y_name; /**< NULL: x/y, data/label, images/labels, X/y or features/targets; or x_train/y_train */
  const char *
      w_name; /**< weights of samples; NULL: w, sample_weight or sample_weights, where there are any; "none" */
  /** Of a file that holds several: any takes those without a mark, then train; val and test take their own first. */
  enum { GD_PART_ANY, GD_PART_VAL, GD_PART_TEST } part;
  enum { GD_MEMORY_AUTO, GD_MEMORY_HOLD, GD_MEMORY_STREAM } memory;
  size_t hold_limit_bytes; /**< auto: larger sets are streamed; 0: a quarter of the machine's memory */
  bool without_targets;    /**< a file without targets will do: each reads as one 0 */
  gd_layout layout; /**< of samples that are images; GD_LAYOUT_GUESSED: as attribute `layout` of x says */
  int size;         /**< images become size x size when they are asked for; 0: what the file says */
  double
      largest; /**< values beyond +-largest are refused, as the model's type cannot hold them; 0: all will do */
  bool probed; /**< skip the trial in a child process (h5look.h): another process of this host made it */
} gd_data_options;

/**
 * Open a data file, or a source that a program has registered under that name (source.h), and check its header; values
 * are read later. The file may be damaged or hostile. Text becomes classes, in the order of their names; arrays that
 * MATLAB wrote, and others of which only so there are as many samples as targets, are turned: info.notes tells.
 *
 * Owner:      caller; gd_dataset_close()
 * Collective: no; every rank may open the same file
 * Errors:     GD_ERR_DATA with file and array: missing, not HDF5, wrong rank or type, N differs between x and
 *             y, sizes that do not fit the file
 */
GD_API gd_status gd_dataset_open(gd_dataset **out, const char *path, const gd_data_options *o) GD_CHECKED;
GD_API void gd_dataset_close(gd_dataset *d); /**< NULL is fine */
GD_API const gd_data_info *gd_dataset_info(const gd_dataset *d);
GD_API bool gd_dataset_streamed(const gd_dataset *d);

/**
 * Take the columns that a model was trained on, in its order, whatever their order in the file; other columns of the
 * file are left out, and info tells what then remains. To be called before gd_dataset_load(). Where either has no
 * names, nothing is done.
 *
 * Errors: GD_ERR_DATA with the names that the file lacks, or has twice
 */
GD_API gd_status gd_dataset_match(gd_dataset *d, const gd_names *model) GD_CHECKED;

/** Bytes that gd_dataset_load() needs; 0 when the set is streamed. */
GD_API size_t gd_dataset_load_bytes(const gd_dataset *d);
/**
 * Hold the set in `memory`, which the caller keeps until gd_dataset_close(). Processes of a host may share
 * it: one passes load = true and reads the file into it; after a barrier the others pass load = false.
 *
 * Errors: GD_ERR_DATA with sample and column, or pixel, for NaN or infinity, and for labels outside 0 .. classes - 1
 *         other than -100, which is ignored. A streamed set makes the same checks when it reads.
 */
GD_API gd_status gd_dataset_load(gd_dataset *d, void *memory, bool load) GD_CHECKED;

/**
 * SHA-256 over shape, types and values: all of them up to 64 MB, those of evenly spread samples of a larger
 * set. It is the same whether the set is held or streamed.
 */
GD_API gd_status gd_dataset_digest(gd_dataset *d, gd_digest *out) GD_CHECKED;

/** Standardisation: per feature, or target, x' = (x - mean) / std. Those with no spread have std 1. */
typedef struct gd_standardize {
  int64_t features;   /**< or targets; 0: off */
  double *mean, *std; /**< [features], malloc'd; gd_standardize_free() */
} gd_standardize;
GD_API void gd_standardize_free(gd_standardize *s);

/* ---- which samples, in which order ---- */

/**
 * The samples of a part of a set, class by class. Classes of which there is none are left out, and so are samples
 * without a class.
 */
typedef struct gd_class_lists {
  int64_t classes;
  int64_t *first;  /**< [classes + 1] where the samples of a class begin */
  int64_t *sample; /**< indices in the set, ascending within a class */
} gd_class_lists;

/**
 * epoch: every sample once; replacement: drawn; balanced: groups of as many samples as there are classes, one of each
 * in random order, and every class goes through its own samples in random orders, one pass after the other.
 */
typedef enum gd_sampler { GD_SAMPLE_EPOCH, GD_SAMPLE_REPLACEMENT, GD_SAMPLE_BALANCED } gd_sampler;
typedef enum gd_shuffle { GD_SHUFFLE_FULL, GD_SHUFFLE_BLOCK, GD_SHUFFLE_NONE } gd_shuffle;

/**
 * The samples of a part of a data set in the order of an epoch: a pure function of (seed, epoch, position),
 * the same on every rank, with random access. A part is the whole set, or one side of a random split keyed by
 * the seed.
 */
typedef struct gd_order {
  int64_t n;     /**< samples in this part */
  int64_t set_n; /**< samples in the whole set */
  int64_t first; /**< split: this part is positions first .. first + n - 1 of the split permutation */
  bool split;
  uint64_t seed;
  gd_sampler sampler;
  gd_shuffle shuffle;          /**< of GD_SAMPLE_EPOCH */
  const gd_class_lists *lists; /**< GD_SAMPLE_BALANCED; the caller's */
  int64_t block;               /**< GD_SHUFFLE_BLOCK: samples per block (a chunk of the file) */
  int64_t window;              /**< GD_SHUFFLE_BLOCK: blocks mixed together in memory */
} gd_order;

GD_API gd_order gd_order_all(int64_t n, uint64_t seed);
/** *val gets round(val_fraction n) samples, at least 1, and *train the rest. Errors: GD_ERR_USAGE */
GD_API gd_status gd_order_split(int64_t n, double val_fraction, uint64_t seed, gd_order *train,
                                gd_order *val) GD_CHECKED;
/** Index in the data set of the sample at `position` (0 .. n-1) of `epoch`. */
GD_API int64_t gd_order_at(const gd_order *o, int64_t epoch, int64_t position);

/* ---- the loader ---- */

/**
 * Changes made at random to images before they are learned from: a list of words with arguments, "crop:4 flip". What is
 * drawn depends on (seed, epoch, sample) alone.
 */
typedef struct gd_augment gd_augment;
/**
 * *out NULL where `list` is NULL or empty. Owner: caller; gd_augment_free()
 * Errors: GD_ERR_USAGE naming the word or its argument, GD_ERR_DATA: samples are no images
 */
GD_API gd_status gd_augment_new(gd_augment **out, const gd_tree *list, const gd_data_info *i,
                                uint64_t seed) GD_CHECKED;
GD_API void gd_augment_free(gd_augment *a); /**< NULL is fine */
/** Are samples of a micro-batch mixed? Classes are then probabilities: y is [M, classes]. */
GD_API bool gd_augment_mixes(const gd_augment *a);
/** All of them, or the arguments of one: for --help-augment. Errors: GD_ERR_USAGE with the nearest word */
GD_API gd_status gd_augment_manual(FILE *f, const char *name) GD_CHECKED;

typedef struct gd_loader gd_loader;

typedef struct gd_loader_options {
  gd_order order;
  gd_device *device;
  gd_dtype dtype;
  int64_t max_rows;                          /**< of any micro-batch */
  const gd_standardize *standardize;         /**< NULL, or no features: off; must outlive the loader */
  const gd_standardize *standardize_targets; /**< the same for targets that are numbers */
  const gd_augment *augment;                 /**< NULL: samples as they are; must outlive the loader */
  size_t stream_bytes;                       /**< streamed: memory for blocks of the file; 0: 96 MiB */
} gd_loader_options;

/**
 * A loader over a data set that is held or streamed. A streamed set gets a thread that reads the hinted
 * micro-batch while the caller computes; a held one is gathered by the caller, which costs less than handing
 * over, unless they are augmented. A GPU that has no room for the set, or learns from augmented samples, is sent samples
 * as they are stored, and augments and converts them itself.
 * Owner: caller, gd_loader_free(); the data set must outlive it
 */
GD_API gd_status gd_loader_new(gd_loader **out, gd_dataset *d, const gd_loader_options *o) GD_CHECKED;
GD_API void gd_loader_free(gd_loader *l);
/** The samples at positions `rows` of `epoch`, in that order. Errors: GD_ERR_DATA, GD_ERR_USAGE */
GD_API gd_status gd_loader_get(gd_loader *l, int64_t epoch, gd_range rows, gd_batch *out) GD_CHECKED;
/** Start reading what the next gd_loader_get() will ask for; samples of a held set are also sent to a GPU. */
GD_API void gd_loader_hint(gd_loader *l, int64_t epoch, gd_range rows);

/** Labels of each class in a part of a set; counts [classes]. Errors: GD_ERR_USAGE: it has no labels */
GD_API gd_status gd_label_counts(gd_dataset *d, const gd_order *part, int64_t counts[]) GD_CHECKED;
/** Owner: caller; gd_class_lists_free(). Errors: GD_ERR_USAGE: it has no labels, or many a sample; GD_ERR_OOM */
GD_API gd_status gd_class_lists_new(gd_class_lists *out, gd_dataset *d, const gd_order *part) GD_CHECKED;
GD_API void gd_class_lists_free(gd_class_lists *l);
/** Mean and standard deviation per feature over a part of a set, in one pass (Welford/Chan), f64. */
GD_API gd_status gd_standardize_fit(gd_standardize *out, gd_dataset *d, const gd_order *part) GD_CHECKED;
/** The same of images, over all pixels of a channel. Errors: GD_ERR_DATA: samples are no images */
GD_API gd_status gd_standardize_fit_channels(gd_standardize *out, gd_dataset *d,
                                             const gd_order *part) GD_CHECKED;
/** The same of targets. Errors: GD_ERR_USAGE: they are labels */
GD_API gd_status gd_standardize_fit_targets(gd_standardize *out, gd_dataset *d,
                                            const gd_order *part) GD_CHECKED;
/** Back to their own unit: value = value std + mean, `rows` of them. Nothing to do where it is off. */
GD_API void gd_standardize_undo(const gd_standardize *s, double *value, int64_t rows);

/* ---- making data files ---- */

/** A column of a table that was imported. */
typedef struct gd_column {
  char name[GD_MAX_COLUMN_NAME]; /**< or its position */
  char use[16];                  /**< feature, target, weight, dropped */
  char type[16];                 /**< number, classes, one-hot, index, date; empty when dropped */
  int64_t missing, distinct;     /**< distinct < 0: more than -distinct */
  double min, mean, max;         /**< of numbers and dates; NaN of others */
} gd_column;
/** The columns that a data file remembers from its import; *n 0: none. Owner: caller, free(). Errors: GD_ERR_DATA */
GD_API gd_status gd_data_columns(gd_column **out, int64_t *n, const char *path) GD_CHECKED;

/** A data set in memory, about to be written to a file. */
typedef struct gd_table {
  int64_t n;
  int64_t n_val; /**< samples behind those, to validate on: stored as x_val and y_val */
  int ndim;
  int64_t sample[GD_MAX_DIMS - 1];
  gd_dtype x_type;  /**< u8, f32 or f64 */
  gd_layout layout; /**< stored where it is known */
  void *x;          /**< [n + n_val, sample...] */
  int64_t *
      image_at; /**< [n + n_val + 1] x is encoded images that become such samples: where each begins; or NULL */
  bool labels;
  int64_t targets;
  bool y_vector;
  int y_ndim;                        /**< of the labels of one sample: 0: it has one */
  int64_t y_sample[GD_MAX_DIMS - 1]; /**< [y_ndim] */
  void *y;                           /**< i64 [n + n_val, y_sample...] when labels, else f64 [n + n_val, k] */
  double *w;                         /**< [n + n_val] weights of samples, or NULL */
  int64_t classes;
  char (*class_name)[GD_MAX_CLASS_NAME]; /**< or NULL */
  gd_names names;                        /**< malloc'd, or absent */
  int64_t n_columns;
  gd_column *column; /**< [n_columns] those of the table that it was made of, or NULL */
  char *notes;       /**< lines on what was taken for what, or NULL */
} gd_table;
GD_API void gd_table_free(gd_table *t);
/** Write a data file: temporary name, flushed, renamed. Errors: GD_ERR_WRITE with the file */
GD_API gd_status gd_table_write(const gd_table *t, const char *path) GD_CHECKED;

typedef struct gd_generate_options {
  const char *name; /**< see gd_generator_name() */
  int64_t n, d, k;  /**< 0: the generator's own */
  double noise;     /**< < 0: the generator's own */
  double condition; /**< linear: condition number; 0: 10 */
  uint64_t seed;
} gd_generate_options;
/**
 * Generate a data set: line yields yields15 sine notgate linear quadratic blobs spirals moons glyphs. Sample
 * i depends on (seed, i) alone. Owner: caller; gd_table_free()
 */
GD_API gd_status gd_generate(gd_table *out, const gd_generate_options *o) GD_CHECKED;
GD_API const char *gd_generator_name(int i);  /**< NULL past the last */
GD_API const char *gd_generator_about(int i); /**< one line */

/** IDX images and labels (MNIST family), plain or .gz. Errors: GD_ERR_DATA with file and what is wrong */
GD_API gd_status gd_import_idx(gd_table *out, const char *images, const char *labels) GD_CHECKED;
/** CIFAR-10/100 binary batches. */
GD_API gd_status gd_import_cifar(gd_table *out, const char *const files[], int n, bool hundred) GD_CHECKED;
typedef struct gd_image_options {
  int size;          /**< of the images, size x size; 0: all must have one size */
  int64_t per_class; /**< of each part, the first so many of a class, by their names; 0: all */
  bool
      keep_encoded; /**< the files are kept as they are, and decoded, cropped and resized as samples are asked for */
  /** After each batch of files: how many are decoded, and which part of the archive is read, < 0: not known. Or NULL */
  void (*progress)(void *user, int64_t images, double part);
  void *user;
} gd_image_options;
/**
 * JPEG and PNG images, a folder per class, in a folder or in a .tar (.gz .xz .zst) or .zip archive. Those below test/ or
 * val/ beside train/ are what is validated on. x is u8 [N,H,W,C]; classes and images are in the order of their names.
 * Files that cannot be read are left out, and gd_table.notes names them.
 *
 * Errors: GD_ERR_DATA with the file: none can be read, sizes that differ, a class without images; GD_ERR_OOM
 */
GD_API gd_status gd_import_images(gd_table *out, const char *path, const gd_image_options *o) GD_CHECKED;
/** How a table is written, which of its columns are taken, and as what. All zero: guessed, and noted. */
typedef struct gd_csv_options {
  enum { GD_HEADER_GUESS, GD_HEADER_YES, GD_HEADER_NO } header; /**< does the first line name the columns? */
  /**
   * Columns: names, or positions from 0, also first-last, with commas between; a name that holds a comma stands in
   * double quotes.
   */
  const char *target;   /**< NULL or "last"; or "none" */
  const char *features; /**< the only ones, in this order; NULL: all that are no targets */
  const char *drop;     /**< neither features nor targets */
  const char *weight;   /**< the one that holds the weights of samples; NULL: none does */
  bool classes; /**< the target is a class even when it is a number; text that is no number always is */
  const char
      *one_hot; /**< columns that become one of 0 and 1 for each of their values; "*": all that are text */
  const char *index; /**< columns that become the number of their value, in the order of values; "*" */
  const char *like;  /**< a data file: categories that it has are columns here too, though no row has them */
  char delimiter;    /**< ' ': blanks and tabs */
  char decimal;      /**< . or , */
  char thousands;    /**< what groups digits by three; GD_CSV_NONE is the default */
  char quote;        /**< default " */
  char comment;      /**< it and the rest of its line are left out */
  const char *encoding; /**< as iconv calls it */
  const char *
      missing; /**< texts of cells without a value, with commas between; "none"; NULL: NA NaN null ? and kin */
  enum { GD_MISSING_REFUSED, GD_MISSING_DROPS_ROW, GD_MISSING_FILLED } on_missing;
  double fill; /**< of features */
  enum {
    GD_DATES_REFUSED,
    GD_DATES_NUMBERS,
    GD_DATES_DROPPED
  } dates;   /**< numbers: days since 1970-01-01 (UTC) */
  bool trim; /**< blanks at the ends of text that is not quoted are left out; of numbers and names they are */
} gd_csv_options;
#define GD_CSV_NONE '\1' /**< as quote or comment: there is none */
/**
 * Text files of the same columns, one after the other, plain or .gz .xz .zst; "-" is standard input. The whole of a
 * column decides what it is. gd_table.notes tells what was taken for what, and what else could be said.
 *
 * Errors: GD_ERR_DATA with file, line, column and text; GD_ERR_USAGE for columns that are not there
 */
GD_API gd_status gd_import_csv(gd_table *out, const char *const files[], int n,
                               const gd_csv_options *o) GD_CHECKED;
/** Which arrays are taken, and as what. All zero: by their names and types. */
typedef struct gd_npy_options {
  const char *x_name, *y_name; /**< of an archive; NULL: as of a data file */
  bool classes;                /**< the target is a class even when it is a float */
} gd_npy_options;
/**
 * NumPy arrays of any number type and byte order: two .npy files, or two arrays of an .npz archive (y NULL), with weights of samples w where it has them. Of a
 * .npy file alone (y NULL) samples without targets. Integers, truth values and text are classes; gd_table.notes tells what was taken for what.
 *
 * Errors: GD_ERR_DATA with file and array; a type that is not read with what to save instead
 */
GD_API gd_status gd_import_npy(gd_table *out, const char *x, const char *y,
                               const gd_npy_options *o) GD_CHECKED;

#ifdef __cplusplus
}
#endif
#endif

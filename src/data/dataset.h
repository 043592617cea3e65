/* An open data set, as the loader and the statistics see it. */
#ifndef GDI_DATA_DATASET_H
#define GDI_DATA_DATASET_H

#include "base/h5file.h"
#include "data/image.h"
#include "data/words.h"
#include "gd/data.h"
#include "gd/loss.h"

/* A field beyond x and y: it lies behind y, in the row of its sample, whose numbers of 8 bytes keep it aligned. */
typedef struct gdi_dataset_field {
  int64_t n;          /* values of a sample; the rest is in info.more */
  size_t offset;      /* in y's row */
  gdi_h5_array array; /* of a file */
} gdi_dataset_field;

/* Targets in the file: as they are wanted; labels that are real numbers; labels as columns of 0 and a 1. */
typedef enum gdi_y_as { GDI_Y_STORED, GDI_Y_WHOLE, GDI_Y_ONE_HOT } gdi_y_as;

struct gd_dataset {
  gd_data_info info;
  gdi_y_as y_as;
  int64_t y_columns; /* of a sample, as stored */
  int64_t features;  /* values of x per sample */
  int64_t *x_map;    /* [features] the column of the file that each is; NULL: it is stored as it is wanted */
  int64_t *y_map;    /* [info.targets] */
  bool byte_labels;  /* labels lie in memory as the bytes they are, and 255 is GD_IGNORED; else as i64 */
  int64_t ignored;   /* the label of the file that does not count, and becomes GD_IGNORED */
  size_t x_row, y_row; /* bytes of a sample in memory: x as stored; y as i64 or f64, and further fields */
  gdi_dataset_field more[GD_MAX_FIELDS - 2]; /* [info.n_more] */
  const gd_dataset_source *source;           /* NULL: a file */
  void *source_user;
  bool source_open;
  bool streamed;
  gdi_h5 file;
  gdi_h5_array x, y;
  int64_t
      *image_at; /* [n + 1] where images begin that samples are made of (encoded.h); NULL: x holds samples */
  gdi_image_shape stored;          /* of images that are not encoded, but of another size; else 0 */
  gdi_words words;                 /* y is text: the classes that it becomes */
  double largest;                  /* 0: values of any size */
  const char *loaded_x, *loaded_y; /* NULL until held */
};

/* Label k of a row of y. */
static inline int64_t gdi_label_at(const gd_dataset *d, const void *y, int64_t k) {
  if (!d->byte_labels) return ((const int64_t *)y)[k];
  const uint8_t label = ((const uint8_t *)y)[k];
  return label == UINT8_MAX ? GD_IGNORED : label;
}
/* All of them. */
static inline void gdi_labels_of_row(const gd_dataset *d, const void *y, int64_t *to) {
  for (int64_t k = 0; k < d->info.targets; k++) to[k] = gdi_label_at(d, y, k);
}

/* Read and check the samples lo .. hi-1; x NULL, of a file: their targets alone. Errors: GD_ERR_DATA with sample and column */
gd_status gdi_dataset_read(gd_dataset *d, int64_t lo, int64_t hi, void *x, void *y) GD_CHECKED;
/* Labels of the samples lo .. hi-1 of the file, which may be text. Errors: GD_ERR_DATA with the sample */
gd_status gdi_dataset_labels(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) GD_CHECKED;
/* Are all targets, which are numbers, from least to most? Errors: GD_ERR_DATA with the first that is not, and why */
gd_status gdi_targets_within(gd_dataset *d, double least, double most, const char *why) GD_CHECKED;
/* labels.c: are targets, described but for that, labels or numbers? Errors: GD_ERR_DATA */
gd_status gdi_labels_choose(gd_dataset *d, const gd_data_options *o) GD_CHECKED;
/* The names of one-hot columns become those of classes. Errors: GD_ERR_OOM */
gd_status gdi_labels_name(gd_dataset *d) GD_CHECKED;
/* Labels that are no whole numbers in the file, where gdi_dataset_labels() finds such. */
gd_status gdi_labels_read(const gd_dataset *d, int64_t lo, int64_t hi, int64_t *to) GD_CHECKED;
/* A line where the labels look like a mistake: one class alone, or none of class 0; or, unless they are `weighed`, where
 * some classes are rare. */
gd_status gdi_note_labels(char **notes, gd_dataset *d, bool weighed) GD_CHECKED;
/* One more field; `array`: of a file, else NULL. Errors: GD_ERR_DATA: it is named w, and is no weight */
gd_status gdi_dataset_add_field(gd_dataset *d, const gd_source_field *f,
                                const gdi_h5_array *array) GD_CHECKED;
/* How much room samples, targets and further fields take as they are held, and where the latter lie. */
void gdi_dataset_measure(gd_dataset *d);
/* Nothing more is read from it. */
void gdi_dataset_close_file(gd_dataset *d);
/* Samples per read that suit the file: whole chunks, about `bytes`. */
int64_t gdi_dataset_read_rows(const gd_dataset *d, size_t bytes);

#endif

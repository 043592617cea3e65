/*
 * Micro-batches of encoded images: read in the order of the file, then decoded, cropped and augmented by all threads. Once
 * the largest image was met, only libjpeg and libpng allocate.
 */
#ifndef GDI_DATA_DECODE_H
#define GDI_DATA_DECODE_H

#include "data/augment.h"
#include "data/encoded.h"

typedef struct gdi_decoding gdi_decoding;

/* A sample and where in the micro-batch it goes. */
typedef struct gdi_pick {
  int64_t index, row;
} gdi_pick;

/* `a` may be NULL. At most `rows` at a time. Errors: GD_ERR_OOM, GD_ERR_ENV, GD_ERR_DATA: targets */
gd_status gdi_decoding_new(gdi_decoding **out, gd_dataset *d, const gd_augment *a, int threads,
                           int64_t rows) GD_CHECKED;
void gdi_decoding_free(gdi_decoding *s);
/*
 * Samples pick[0 .. n-1] of an epoch, which ascend by index; put() gets each as it is stored, on any thread.
 * Errors: GD_ERR_DATA with the first sample that is damaged
 */
typedef void (*gdi_put)(void *user, int64_t row, const char *x, const char *y);
gd_status gdi_decoding_run(gdi_decoding *s, int64_t epoch, const gdi_pick pick[], int64_t n, gdi_put put,
                           void *user) GD_CHECKED;

#endif

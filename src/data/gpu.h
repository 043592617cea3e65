/* Batches, formed on a GPU: from a set that is resident, or from samples that are sent in the background. */
#ifndef GDI_DATA_GPU_H
#define GDI_DATA_GPU_H

#include "data/convert.h"
#include "data/dataset.h"
#include "device/gpu.h"

typedef struct gdi_gpu_set gdi_gpu_set;

/* The key of an order at one epoch, for kernels. Errors: GD_ERR_USAGE: block shuffle has none */
gd_status gdi_order_key_at(const gd_order *o, int64_t epoch, gdi_order_key *out) GD_CHECKED;

/* What turns stored values into those of the model. */
typedef struct gdi_scaling {
  const gdi_convert *x, *y;
} gdi_scaling;

/* Copy a held set to the GPU. *out NULL without an error: it does not fit, or its order has no key. */
gd_status gdi_gpu_set_new(gdi_gpu_set **out, gd_device *d, const gd_dataset *data, const gdi_scaling *by,
                          const gd_order *order) GD_CHECKED;
void gdi_gpu_set_free(gdi_gpu_set *s);
/*
 * Form the samples at positions `rows` of an epoch. `in` NULL: which they are is sent with the call; else it lies in
 * device memory, and in->first is position `first`.
 */
gd_status gdi_gpu_set_form(gdi_gpu_set *s, const gdi_batch_input *in, int64_t first, int64_t epoch,
                           gd_range rows, const gdi_formed *to) GD_CHECKED;

/*
 * A set that is not resident: rows as stored are put together in one of two slots of pinned host memory and
 * sent, in the copy stream, to the same slot on the GPU, where a kernel forms the batch as it does from a
 * resident set. While one slot is in use the other is filled. Marks keep a slot from being overwritten before
 * it was sent here, and before it was used there.
 */
typedef struct gdi_upload gdi_upload;

/*
 * Slots of up to `rows` samples. changes->n above 0: what they are for a sample, changes->n of
 * gdi_change, lies behind its row of y. Errors: GD_ERR_OOM, GD_ERR_GPU
 */
gd_status gdi_upload_new(gdi_upload **out, gd_device *d, const gd_dataset *data, const gdi_scaling *by,
                         const gdi_changes *changes, int64_t rows) GD_CHECKED;
void gdi_upload_free(gdi_upload *s);
/* Host memory of a slot: x and y of its first sample. */
char *gdi_upload_x(const gdi_upload *s, int slot);
char *gdi_upload_y(const gdi_upload *s, int slot);
/* Wait until a slot's host memory may be overwritten. */
gd_status gdi_upload_writable(gdi_upload *s, int slot) GD_CHECKED;
/* Queue the copy of its first samples. */
gd_status gdi_upload_send(gdi_upload *s, int slot, int64_t rows) GD_CHECKED;
/* What is queued from now on finds them on the GPU. */
gd_status gdi_upload_arrive(gdi_upload *s, int slot) GD_CHECKED;
/* What is queued now was the last use of what was sent. */
gd_status gdi_upload_used(gdi_upload *s, int slot) GD_CHECKED;
/* What says in device memory that a batch is in this slot. */
gdi_batch_input gdi_upload_input(const gdi_upload *s, int slot);
/* Form samples `rows` of the slot, counted from its first. `in` NULL: of `slot`; else of the slot that *in
 * names when the work runs. */
gd_status gdi_upload_form(gdi_upload *s, int slot, const gdi_batch_input *in, gd_range rows,
                          const gdi_formed *to) GD_CHECKED;

#endif

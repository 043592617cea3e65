/* Batches on a GPU: formed there from a set that is resident, else formed here and sent in the background. */
#ifndef GDI_DATA_GPU_H
#define GDI_DATA_GPU_H

#include "data/convert.h"
#include "data/dataset.h"
#include "device/gpu.h"

typedef struct gdi_gpu_set gdi_gpu_set;

/* The key of an order at one epoch, for kernels. Errors: GD_ERR_USAGE: block shuffle has none */
gd_status gdi_order_key_at(const gd_order *o, int64_t epoch, gdi_order_key *out) GD_CHECKED;

/* Copy a held set to the GPU. *out NULL without an error: it does not fit, or its order has no key. */
gd_status gdi_gpu_set_new(gdi_gpu_set **out, gd_device *d, const gd_dataset *data, const gdi_convert *x,
                          const gd_order *order) GD_CHECKED;
void gdi_gpu_set_free(gdi_gpu_set *s);
/*
 * Form the samples at positions `rows` of an epoch in x and y. `in` NULL: which they are is sent with the
 * call; else it lies in device memory, and in->first is position `first`. rounded: x in bf16 too, or NULL.
 */
gd_status gdi_gpu_set_form(gdi_gpu_set *s, const gdi_batch_input *in, int64_t first, int64_t epoch,
                           gd_range rows, gd_tensor *x, gd_tensor *rounded, gd_tensor *y) GD_CHECKED;

/* A loader forms batches in two slots of host memory by turns, and sends them. These marks keep a slot from
 * being overwritten before it was sent, and the tensors before kernels are done with them. */
typedef struct gdi_gpu_slot {
  gdi_mark *sent, *used; /* the host memory is free again; kernels are done with the device's */
  bool was_sent, was_used;
} gdi_gpu_slot;

gd_status gdi_gpu_slot_new(gd_device *d, gdi_gpu_slot *s) GD_CHECKED;
void gdi_gpu_slot_free(gd_device *d, gdi_gpu_slot *s);
/* Wait until its host memory may be overwritten. */
gd_status gdi_gpu_slot_free_to_form(gd_device *d, gdi_gpu_slot *s) GD_CHECKED;
/* What is queued now is the last use of the tensors. */
gd_status gdi_gpu_slot_used(gd_device *d, gdi_gpu_slot *s) GD_CHECKED;
gd_status gdi_gpu_slot_send(gd_device *d, gdi_gpu_slot *s, gd_tensor *x, const void *host_x, size_t x_bytes,
                            gd_tensor *y, const void *host_y, size_t y_bytes) GD_CHECKED;

#endif

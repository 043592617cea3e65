/* What a training step on a GPU asks of a loader. */
#ifndef GDI_DATA_LOADER_H
#define GDI_DATA_LOADER_H

#include "data/gpu.h"

/* Is the whole set in the GPU's memory? */
bool gdi_loader_resident(const gd_loader *l);
/*
 * From now on batches are what `in`, in device memory, says at the time when they are formed: gd_loader_get()
 * then names rows relative to position `first`, which in->first stands for. NULL: as before.
 */
void gdi_loader_follow(gd_loader *l, const gdi_batch_input *in, int64_t first);
/*
 * The same for a set that is not resident. Samples `rows`, up to sent_rows of them, are read and sent. What is
 * queued from now on finds them on the GPU, where `in` must say *now when it runs; gd_loader_get() forms parts
 * of them and neither waits nor sends, so its work can be recorded. With gdi_loader_used() what was queued or
 * replayed so far is the last that reads them. Errors: GD_ERR_DATA, GD_ERR_USAGE, GD_ERR_GPU
 */
gd_status gdi_loader_take(gd_loader *l, int64_t epoch, gd_range rows, const gdi_batch_input *in,
                          gdi_batch_input *now) GD_CHECKED;
gd_status gdi_loader_used(gd_loader *l) GD_CHECKED;

#endif

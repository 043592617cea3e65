/* What a training step on a GPU asks of a loader. */
#ifndef GDI_DATA_LOADER_H
#define GDI_DATA_LOADER_H

#include "data/gpu.h"

/* gd_loader_new(); where samples are sent to a GPU, up to sent_rows at once for gdi_loader_take(). */
gd_status gdi_loader_new(gd_loader **out, gd_dataset *d, const gd_loader_options *o,
                         int64_t sent_rows) GD_CHECKED;
/* Is the whole set in the GPU's memory? Does a GPU augment samples, not the host? */
bool gdi_loader_resident(const gd_loader *l);
bool gdi_loader_augments_there(const gd_loader *l);
/*
 * From now on batches are what `in`, in device memory, says at the time when they are formed: gd_loader_get()
 * then names rows relative to position `first`, which in->first stands for. NULL: as before.
 */
void gdi_loader_follow(gd_loader *l, const gdi_batch_input *in, int64_t first);
/*
 * For a set that is not resident: read samples `rows` (at most sent_rows) and send them. Before the work that uses
 * them runs, the caller writes *now to `in`. Until gdi_loader_used(), gd_loader_get() only forms parts of them, which
 * can be recorded; gdi_loader_used() says that all such work is queued. Errors: GD_ERR_DATA, GD_ERR_USAGE, GD_ERR_GPU
 */
gd_status gdi_loader_take(gd_loader *l, int64_t epoch, gd_range rows, const gdi_batch_input *in,
                          gdi_batch_input *now) GD_CHECKED;
gd_status gdi_loader_used(gd_loader *l) GD_CHECKED;

#endif

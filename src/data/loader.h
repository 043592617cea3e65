/* What a training step on a GPU asks of a loader. */
#ifndef GDI_DATA_LOADER_H
#define GDI_DATA_LOADER_H

#include "data/gpu.h"

/* Are batches formed on the GPU, so that a step can be recorded? */
bool gdi_loader_resident(const gd_loader *l);
/*
 * From now on batches are what `in`, in device memory, says at the time when they are formed: gd_loader_get()
 * then names rows relative to position `first`, which in->first stands for. NULL: as before.
 */
void gdi_loader_follow(gd_loader *l, const gdi_batch_input *in, int64_t first);

#endif

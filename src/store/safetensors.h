/* Weights in the safetensors format, of PyTorch and others. */
#ifndef GDI_STORE_SAFETENSORS_H
#define GDI_STORE_SAFETENSORS_H

#include "store/arrays.h"

/* Does the file begin as one? */
bool gdi_safetensors_is(const char *path);
/* All its tensors, in arena `a`; F16 and BF16 as f32. Errors: GD_ERR_CHECKPOINT, whatever bytes it holds */
gd_status gdi_safetensors_read(gd_stored **out, int *n, gd_arena *a, const char *path) GD_CHECKED;

/* What exported weights hold besides the model: mean and std of standardised samples, then of targets. */
extern const char *const gdi_statistics[4];
bool gdi_is_statistics(const char *name);

#endif

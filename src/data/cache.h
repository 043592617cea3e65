/* Blocks of a streamed data set in memory: what was used last stays, up to a limit. */
#ifndef GDI_DATA_CACHE_H
#define GDI_DATA_CACHE_H

#include "data/dataset.h"

typedef struct gdi_cache gdi_cache;

/* `bytes`: the limit, 0: 96 MiB; one block is kept at least. Errors: GD_ERR_OOM */
gd_status gdi_cache_new(gdi_cache **out, gd_dataset *d, const gd_order *o, size_t bytes) GD_CHECKED;
void gdi_cache_free(gdi_cache *c);
/* How far ahead of their use samples may be asked for and still be there; 0: the order scatters them. */
int64_t gdi_cache_ahead(const gdi_cache *c);
/* Sample `index`; the pointers hold until the next call. Errors: GD_ERR_DATA */
gd_status gdi_cache_sample(gdi_cache *c, int64_t index, const char **x, const char **y) GD_CHECKED;

#endif

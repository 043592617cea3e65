/* Forming batches in host memory: positions -> samples -> rows of the model's type, or as stored. */
#ifndef GDI_DATA_COLLATE_H
#define GDI_DATA_COLLATE_H

#include "data/cache.h"
#include "data/convert.h"
#include "data/decode.h"
#include "data/order.h"

/* Used by one thread at a time: of a streamed set the one that reads. */
typedef struct gdi_collator {
  const gd_dataset *d;
  const gd_loader_options *o;
  gdi_convert x, y; /* y: real targets */
  gdi_convert more[GD_MAX_FIELDS - 2];
  char *to_x, *to_y, *const *to_more; /* where rows go now */
  bool as_stored;                     /* rows are not converted: a GPU does that */
  size_t drawn; /* bytes behind a row of y: what was drawn for a GPU, which augments too; 0: it does not */
  gdi_order_epoch order;
  int64_t first; /* position of row 0 */
  gdi_pick *picks;
  void *room;               /* to augment a sample in; NULL: none is */
  char *moved;              /* its y, where labels move with their pixels */
  char *unmixed;            /* a micro-batch of x and y before it is mixed; NULL: none is */
  int64_t targets;          /* values of y */
  gdi_cache *cache;         /* streamed; else NULL */
  gdi_decoding *decoding;   /* of encoded images; else NULL */
  int64_t ahead, ahead_end; /* positions of the epoch still to be read ahead */
} gdi_collator;

/* `o` must outlive it; rows: at most at a time. Errors: GD_ERR_DTYPE, GD_ERR_USAGE, GD_ERR_OOM */
gd_status gdi_collator_make(gdi_collator *c, gd_dataset *d, const gd_loader_options *o,
                            int64_t rows) GD_CHECKED;
void gdi_collator_free(gdi_collator *c);
/* The samples at positions `rows` of an epoch, to memory for that many; `more`: for each field beyond y. Errors: GD_ERR_DATA */
gd_status gdi_collate(gdi_collator *c, int64_t epoch, gd_range rows, char *x, char *y,
                      char *const more[]) GD_CHECKED;
/* Streamed, with no rows to form: read one position further ahead, as far as the cache keeps blocks until they
 * are needed; false: far enough. */
bool gdi_collator_ahead(gdi_collator *c);

#endif

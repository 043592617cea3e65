/* From values as stored to values of the model's type: scaled, and standardised, in one pass. */
#ifndef GDI_DATA_CONVERT_H
#define GDI_DATA_CONVERT_H

#include "gd/data.h"

typedef void (*gdi_convert_fn)(const void *from, void *to, int64_t n, const void *shift, const void *factor);

/* to = (from - shift) factor; without standardising shift is absent and factor is one number. */
typedef struct gdi_convert {
  gdi_convert_fn run;
  int64_t n;                   /* values of a sample */
  bool standardizes, in_float; /* shift is there; both are float */
  void *shift, *factor;        /* float where that loses nothing, else double */
} gdi_convert;

/* `scale` comes before standardising. Errors: GD_ERR_DTYPE (to: f32 or f64), GD_ERR_USAGE, GD_ERR_OOM */
gd_status gdi_convert_make(gdi_convert *c, gd_dtype from, gd_dtype to, int64_t n, double scale,
                           const gd_standardize *s) GD_CHECKED;
void gdi_convert_free(gdi_convert *c);

static inline void gdi_convert_row(const gdi_convert *c, const void *from, void *to) {
  c->run(from, to, c->n, c->shift, c->factor);
}

#endif

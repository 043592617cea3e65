/* Element types on the host: sizes, and conversion between any two. */
#ifndef GDI_DEVICE_CONVERT_H
#define GDI_DEVICE_CONVERT_H

#include "gd/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* n values from one type to another. Into integers: towards zero, what does not fit becomes the nearest that
 * does, NaN 0. */
void gdi_convert(gd_dtype to_type, void *to, gd_dtype from_type, const void *from, int64_t n);
/* IEEE's half, from its bits. */
float gdi_from_half(uint16_t bits);

#ifdef __cplusplus
}
#endif
#endif

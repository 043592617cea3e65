/* Arrays whose dimensions are stored in reverse, as Fortran, MATLAB and Julia lay them out. */
#ifndef GDI_BASE_TURN_H
#define GDI_BASE_TURN_H

#include <stddef.h>
#include <stdint.h>

/* to [shape], last dimension fastest, = from, whose first dimension is fastest. */
void gdi_turn(void *to, const void *from, size_t width, int ndim, const int64_t shape[]);

#endif

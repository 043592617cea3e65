/* Arrays that MATLAB wrote: .mat files of version 7.3 are HDF5 files, and an attribute tells what each array was. */
#ifndef GDI_DATA_MATLAB_H
#define GDI_DATA_MATLAB_H

#include "base/h5file.h"

/* "double", "logical", ...; "" for an array of others. */
void gdi_matlab_class(gdi_h5 *f, const char *array, char class[32]);
/* Text and empty arrays look like numbers there. Errors: GD_ERR_DATA */
gd_status gdi_matlab_check(gdi_h5 *f, const char *array) GD_CHECKED;

#endif

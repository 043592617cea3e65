#include "data/matlab.h"

#include <string.h>

void gdi_matlab_class(gdi_h5 *f, const char *array, char class[32]) {
  class[0] = 0;
  if (!*array || !gdi_h5_has_attr(f, array, "MATLAB_class")) return;
  if (gdi_h5_attr_text(f, array, "MATLAB_class", class, 32) != GD_OK) strcpy(class, "?");
}

gd_status gdi_matlab_check(gdi_h5 *f, const char *array) {
  char class[32];
  gdi_matlab_class(f, array, class);
  if (strcmp(class, "char") == 0)
    return GDI_H5_REFUSE(f, array, "text of MATLAB: store numbers, such as double(categorical(names))");
  if (*class && gdi_h5_has_attr(f, array, "MATLAB_empty"))
    return GDI_H5_REFUSE(f, array, "an empty array of MATLAB");
  return GD_OK;
}

/*
 * Files as others make them, for scripts.
 *   write_hdf5 FILE NAME=ROWSxCOLUMNS ... NAME=ROWS ...   f64 samples, and labels row % 3
 */
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(hid_t f, const char *name, hsize_t rows, hsize_t columns) {
  double *x = malloc((size_t)(rows * (columns ? columns : 1)) * sizeof *x);
  for (hsize_t i = 0; i < rows * (columns ? columns : 1); i++) /* samples tell their class */
    x[i] = columns ? (double)(i / columns % 3 == i % columns) + (double)i / 1e4 : (double)(i % 3);
  hid_t space = H5Screate_simple(columns ? 2 : 1, (hsize_t[]){rows, columns}, NULL);
  hid_t id = H5Dcreate2(f, name, columns ? H5T_IEEE_F64LE : H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT);
  const int failed = id < 0 || H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) < 0;
  H5Dclose(id), H5Sclose(space);
  free(x);
  return failed;
}

int main(int argc, char **argv) {
  hid_t f = argc > 1 ? H5Fcreate(argv[1], H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT) : H5I_INVALID_HID;
  int failed = f < 0;
  for (int i = 2; i < argc && !failed; i++) {
    char name[64];
    unsigned rows = 0, columns = 0;
    failed = sscanf(argv[i], "%63[^=]=%ux%u", name, &rows, &columns) < 2 || put(f, name, rows, columns);
  }
  return f < 0 || H5Fclose(f) < 0 || failed;
}

/* One NumPy array: a .npy file, or one in an .npz archive. */
#ifndef GDI_DATA_NPY_H
#define GDI_DATA_NPY_H

#include "data/elements.h"
#include "data/words.h"

typedef struct gdi_npy {
  gdi_file file;
  char path[4096]; /* as messages name it: "a.npz: x" */
  gdi_elements e;  /* numbers, or text of `width` bytes each: kind S (bytes), U (UTF-32) */
  bool reversed;   /* Fortran's order: the first dimension is fastest */
  int ndim;
  int64_t shape[GD_MAX_DIMS], n;
} gdi_npy;

/* Its header, checked. e NULL: a file; else the file `e` of the archive `path`. Errors: GD_ERR_DATA, what to save instead */
gd_status gdi_npy_open(gdi_npy *a, const char *path, const gdi_zip_entry *e) GD_CHECKED;
static inline bool gdi_npy_text(const gdi_npy *a) {
  return a->e.kind == 'S' || a->e.kind == 'U';
}
/* Numbers in C order: u8, f32 or f64. */
gd_status gdi_npy_numbers(gdi_npy *a, gd_dtype type, void *to) GD_CHECKED;
/* Text: each joins `words` as a class, and to[i] is its number there. */
gd_status gdi_npy_words(gdi_npy *a, gdi_words *words, int64_t *to) GD_CHECKED;

#endif

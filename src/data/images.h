/* An import of images: all of them read (images.c), then arranged by part, class and name (images_table.c). */
#ifndef GDI_DATA_IMAGES_H
#define GDI_DATA_IMAGES_H

#include "data/image.h"
#include "gd/data.h"

typedef enum gdi_part { GDI_PART_TRAIN, GDI_PART_VAL, GDI_PART_TEST } gdi_part;

typedef struct gdi_picture {
  char *name;      /* as in gdi_member */
  gdi_image image; /* pixels are gone where the bytes of the file, [n], are kept */
  uint8_t *bytes;
  size_t n;
  gdi_part part;
  size_t folder, folder_end; /* name[folder .. folder_end) is its class */
  int64_t label;
} gdi_picture;

typedef struct gdi_pictures {
  const char *path;
  gdi_picture *picture; /* [n] those that could be read */
  int64_t n, n_folders, unreadable;
  char **folder; /* [n_folders] of all folders; in the order of an archive, or of names */
  int size;      /* 0: all have one */
  bool keep_encoded;
  uint64_t bytes, most_bytes; /* of what is kept, pixels as colour; how many may be */
  char *notes;
} gdi_pictures;

/* Errors: GD_ERR_DATA: none can be read, or sizes differ and none is given */
gd_status gdi_pictures_read(gdi_pictures *s, const char *path, const gd_image_options *o) GD_CHECKED;
void gdi_pictures_free(gdi_pictures *s);
void gdi_picture_free(gdi_picture *p); /* what it holds */
/* per_class: as of gd_image_options. Errors: GD_ERR_DATA: an image without a class, a class without images */
gd_status gdi_pictures_table(gd_table *t, gdi_pictures *s, int64_t per_class) GD_CHECKED;

#endif

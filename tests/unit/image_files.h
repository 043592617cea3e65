/* Small PNG and JPEG files, and where they go below the folder of a test. */
#ifndef GD_TEST_IMAGE_FILES_H
#define GD_TEST_IMAGE_FILES_H

#include "data_fixture.h"

#if defined(GD_WITH_JPEG) && defined(GD_WITH_PNG)
#include <jpeglib.h>
#include <png.h>

typedef struct file {
  uint8_t *bytes;
  size_t n;
} file;

/* Pixel k of image `which`. */
static inline uint8_t value(int which, int k) {
  return (uint8_t)(37 * which + 11 * k + k * k % 7);
}

static inline file make_png(int which, int width, int height, int channels) {
  file f = {NULL, 0};
  uint8_t *pixel = malloc((size_t)(width * height * channels));
  for (int k = 0; k < width * height * channels; k++) pixel[k] = value(which, k);
  png_image image = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)width,
                     .height = (png_uint_32)height,
                     .format = channels == 1   ? PNG_FORMAT_GRAY
                               : channels == 3 ? PNG_FORMAT_RGB
                                               : PNG_FORMAT_RGBA};
  png_alloc_size_t n = 0;
  assert_true(png_image_write_to_memory(&image, NULL, &n, 0, pixel, 0, NULL));
  f.bytes = malloc(n), f.n = n;
  assert_true(png_image_write_to_memory(&image, f.bytes, &n, 0, pixel, 0, NULL));
  free(pixel);
  return f;
}

/* A smooth image, which JPEG keeps nearly as it is. */
static inline file make_jpeg(int width, int height, int channels, bool progressive) {
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr error;
  unsigned char *out = NULL;
  unsigned long n = 0;
  c.err = jpeg_std_error(&error);
  jpeg_create_compress(&c);
  jpeg_mem_dest(&c, &out, &n);
  c.image_width = (JDIMENSION)width, c.image_height = (JDIMENSION)height, c.input_components = channels;
  c.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, 95, TRUE);
  if (progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  for (int y = 0; y < height; y++) {
    uint8_t line[3 * 256];
    for (int k = 0; k < width * channels; k++) line[k] = (uint8_t)(2 * y + k / channels + 40);
    jpeg_write_scanlines(&c, (JSAMPROW[]){line}, 1);
  }
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  return (file){out, n};
}

static inline void put(const char *name, file f) {
  char path[512];
  snprintf(path, sizeof path, "%s", in_folder(name));
  for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); at++) {
    *at = 0;
    mkdir(path, 0777);
    *at = '/';
  }
  write_bytes(name, f.bytes, f.n);
  free(f.bytes);
}
#endif

#endif

#include "data/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef GD_WITH_JPEG
#include <jerror.h>
#include <jpeglib.h>
#endif
#ifdef GD_WITH_PNG
#include <png.h>
#endif

/* As many values as these formats can make of a byte; a header that promises more does not speak of this file. */
enum { MAX_PIXELS = 1 << 26, MAX_RATIO = 1032, MAX_SCANS = 500, MAX_CHUNK_BYTES = 8 << 20 };

/* Room for the pixels that a header of `n` bytes promises. */
static gd_status promise(gdi_image *out, int64_t width, int64_t height, int channels, size_t n) {
  if (width < 1 || height < 1 || width > MAX_PIXELS / height)
    return GD_FAIL(GD_ERR_DATA, "%lld x %lld pixels; up to %d million are read", (long long)width,
                   (long long)height, MAX_PIXELS >> 20);
  if ((size_t)(width * height) / MAX_RATIO > n)
    return GD_FAIL(GD_ERR_DATA, "its header promises %lld x %lld pixels, which %zu bytes cannot hold",
                   (long long)width, (long long)height, n);
  const size_t bytes = (size_t)(width * height * channels);
  if (bytes > out->room) {
    free(out->pixel);
    out->pixel = malloc(bytes);
    out->room = out->pixel ? bytes : 0;
  }
  out->width = (int)width, out->height = (int)height, out->channels = channels;
  return out->pixel
             ? GD_OK
             : GD_FAIL(GD_ERR_OOM, "no memory for %lld x %lld pixels", (long long)width, (long long)height);
}

/* ---- JPEG ---- */

#ifdef GD_WITH_JPEG
typedef struct jpeg {
  struct jpeg_decompress_struct c;
  struct jpeg_error_mgr error;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  char why[JMSG_LENGTH_MAX];
} jpeg;

static void jpeg_fail(j_common_ptr c) {
  jpeg *j = c->client_data;
  j->error.format_message(c, j->why);
  longjmp(j->failed, 1);
}

/* Damage that libjpeg would paint over is damage; bytes between segments harm nobody. */
static void jpeg_warn(j_common_ptr c, int level) {
  if (level < 0 && c->err->msg_code != JWRN_EXTRANEOUS_DATA) jpeg_fail(c);
}

/* Thousands of empty scans take hours. */
static void jpeg_scans(j_common_ptr c) {
  jpeg *j = c->client_data;
  if (j->c.input_scan_number <= MAX_SCANS) return;
  snprintf(j->why, sizeof j->why, "it has more than %d scans", MAX_SCANS);
  longjmp(j->failed, 1);
}

static gd_status jpeg_pixels(jpeg *j, gdi_image *out, const uint8_t *bytes, size_t n) {
  if (setjmp(j->failed)) return GD_FAIL(GD_ERR_DATA, "damaged JPEG: %s", j->why);
  jpeg_create_decompress(&j->c);
  j->c.progress = &j->progress;
  jpeg_mem_src(&j->c, bytes, n);
  jpeg_read_header(&j->c, TRUE);
  if (j->c.num_components != 1 && j->c.num_components != 3)
    return GD_FAIL(GD_ERR_DATA, "its colours are CMYK: save it as RGB");
  j->c.out_color_space = j->c.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  GD_TRY(promise(out, j->c.image_width, j->c.image_height, j->c.num_components, n));
  jpeg_start_decompress(&j->c);
  while (j->c.output_scanline < j->c.output_height) {
    JSAMPROW row = out->pixel + (size_t)j->c.output_scanline * (size_t)out->width * (size_t)out->channels;
    jpeg_read_scanlines(&j->c, &row, 1);
  }
  jpeg_finish_decompress(&j->c);
  return GD_OK;
}

static gd_status decode_jpeg(gdi_image *out, const uint8_t *bytes, size_t n) {
  jpeg j = {.progress.progress_monitor = jpeg_scans};
  j.c.err = jpeg_std_error(&j.error);
  j.c.client_data = &j;
  j.error.error_exit = jpeg_fail, j.error.emit_message = jpeg_warn;
  const gd_status st = jpeg_pixels(&j, out, bytes, n);
  jpeg_destroy_decompress(&j.c);
  return st;
}
#else
#define decode_jpeg NULL
#endif

/* ---- PNG ---- */

#ifdef GD_WITH_PNG
typedef struct png {
  png_structp png;
  png_infop info;
  png_bytepp row;
  const uint8_t *bytes;
  size_t n, at;
  jmp_buf failed;
  char why[160];
} png;

static void png_fail(png_structp p, png_const_charp why) {
  png *s = png_get_error_ptr(p);
  snprintf(s->why, sizeof s->why, "%s", why);
  longjmp(s->failed, 1);
}

static void png_ignore(png_structp p, png_const_charp why) {
  (void)p, (void)why;
}

static void png_read(png_structp p, png_bytep to, size_t n) {
  png *s = png_get_io_ptr(p);
  if (n > s->n - s->at) png_error(p, "it ends early");
  memcpy(to, s->bytes + s->at, n);
  s->at += n;
}

static gd_status png_pixels(png *s, gdi_image *out) {
  png_structp p = s->png;
  if (setjmp(s->failed)) return GD_FAIL(GD_ERR_DATA, "damaged PNG: %s", s->why);
  png_set_read_fn(p, s, png_read);
  png_set_user_limits(p, MAX_PIXELS, MAX_PIXELS);
  png_set_chunk_malloc_max(p, MAX_CHUNK_BYTES);
  png_read_info(p, s->info);
  const bool colour = png_get_color_type(p, s->info) & PNG_COLOR_MASK_COLOR;
  GD_TRY(
      promise(out, png_get_image_width(p, s->info), png_get_image_height(p, s->info), colour ? 3 : 1, s->n));
  png_set_strip_16(p), png_set_expand(p), png_set_strip_alpha(p);
  png_set_interlace_handling(p);
  png_read_update_info(p, s->info);
  const size_t row = (size_t)out->width * (size_t)out->channels;
  if (png_get_rowbytes(p, s->info) != row) return GD_FAIL(GD_ERR_DATA, "a PNG of an unknown kind");
  s->row = malloc((size_t)out->height * sizeof *s->row);
  if (!s->row) return GD_FAIL(GD_ERR_OOM, "no memory to read a PNG");
  for (int y = 0; y < out->height; y++) s->row[y] = out->pixel + (size_t)y * row;
  png_read_image(p, s->row);
  png_read_end(p, NULL);
  return GD_OK;
}

static gd_status decode_png(gdi_image *out, const uint8_t *bytes, size_t n) {
  png s = {.bytes = bytes, .n = n};
  s.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, png_fail, png_ignore);
  s.info = s.png ? png_create_info_struct(s.png) : NULL;
  const gd_status st = s.info ? png_pixels(&s, out) : GD_FAIL(GD_ERR_OOM, "no memory to read a PNG");
  png_destroy_read_struct(&s.png, &s.info, NULL);
  free(s.row);
  return st;
}

gd_status gdi_image_write_png(const gdi_image *i, const char *path) {
  png_image p = {.version = PNG_IMAGE_VERSION,
                 .width = (png_uint_32)i->width,
                 .height = (png_uint_32)i->height,
                 .format = i->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
  if (png_image_write_to_file(&p, path, 0, i->pixel, 0, NULL)) return GD_OK;
  return GD_FAIL(GD_ERR_WRITE, "%s: cannot be written: %s", path, p.message);
}
#else
#define decode_png NULL

gd_status gdi_image_write_png(const gdi_image *i, const char *path) {
  (void)i;
  return GD_FAIL(GD_ERR_ENV, "%s: this build has no libpng", path);
}
#endif

/* ---- either ---- */

gd_status gdi_image_decode(gdi_image *out, const uint8_t *bytes, size_t n) {
  static const struct {
    const char *name, *magic;
    size_t magic_bytes;
    gd_status (*decode)(gdi_image *out, const uint8_t *bytes, size_t n);
  } format[] = {{"JPEG", "\xFF\xD8\xFF", 3, decode_jpeg}, {"PNG", "\x89PNG\r\n\x1A\n", 8, decode_png}};
  for (size_t i = 0; i < sizeof format / sizeof *format; i++) {
    if (n < format[i].magic_bytes || memcmp(bytes, format[i].magic, format[i].magic_bytes) != 0) continue;
    if (!format[i].decode) return GD_FAIL(GD_ERR_DATA, "this build cannot read %s", format[i].name);
    const gd_status st = format[i].decode(out, bytes, n);
    if (st == GD_OK) return GD_OK;
    free(out->pixel);
    *out = (gdi_image){0};
    return st;
  }
  return GD_FAIL(GD_ERR_DATA, n ? "neither JPEG nor PNG" : "it is empty");
}

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/h5write.h"
#include "data/names.h"
#include "infer/prediction.h"

static int64_t largest(const gdi_prediction *p, int64_t row) {
  int64_t best = 0;
  for (int64_t c = 1; c < p->outputs; c++)
    if (p->value[row * p->outputs + c] > p->value[row * p->outputs + best]) best = c;
  return best;
}

/* ---- csv ---- */

/* As RFC 4180 has it: what holds a comma, a quote or the end of a line stands in quotes, quotes twice. Blanks at the
 * ends, and what is empty, are quoted too: readers differ about them. */
static void print_field(FILE *f, const char *text) {
  const size_t n = strlen(text);
  if (n > 0 && !strpbrk(text, ",;\t\"\r\n#") && text[0] != ' ' && text[n - 1] != ' ') {
    fputs(text, f);
    return;
  }
  fputc('"', f);
  for (; *text; text++) {
    if (*text == '"') fputc('"', f);
    fputc(*text, f);
  }
  fputc('"', f);
}

/* What an output is called. */
static void print_name(FILE *f, const gdi_prediction *p, int64_t c) {
  if (p->classes && p->name)
    print_field(f, p->name[c]);
  else if (!p->classes && p->target->n_y == p->outputs)
    print_field(f, p->target->y[c]);
  else
    fprintf(f, "%s%lld", p->classes ? "" : "y", (long long)c);
}

static bool is_yes(const gdi_prediction *p, int64_t row, int64_t c) {
  return p->value[row * p->outputs + c] > 0.5;
}

/* What was decided, in front of the numbers that it was decided by. */
static void print_decided(FILE *f, const gdi_prediction *p, int64_t row) {
  const int64_t best = largest(p, row);
  if (p->classes && p->name) print_field(f, p->name[best]);
  if (p->classes && !p->name) fprintf(f, "%lld", (long long)best);
  if (p->classes) fputc(',', f);
  for (int64_t c = 0; p->binary && c < p->outputs; c++) fprintf(f, "%d,", is_yes(p, row, c));
}

static void print_csv(FILE *f, const gdi_prediction *p) {
  if (p->classes) fputs("class,", f);
  if (p->binary && p->outputs == 1) fputs("label,", f);
  for (int64_t c = 0; p->binary && p->outputs > 1 && c < p->outputs; c++)
    fputs("label.", f), print_name(f, p, c), fputc(',', f);
  for (int64_t c = 0; c < p->outputs; c++) {
    if (c) fputc(',', f);
    print_name(f, p, c);
  }
  for (int64_t i = 0; i < p->n; i++) {
    fputc('\n', f);
    print_decided(f, p, i);
    for (int64_t c = 0; c < p->outputs; c++) fprintf(f, "%s%.9g", c ? "," : "", p->value[i * p->outputs + c]);
  }
  fputc('\n', f);
}

/* ---- npy ---- */

/* 128 bytes: magic, version and length take 10. */
static void print_npy_header(FILE *f, const char *type, int ndim, const int64_t shape[]) {
  char header[118];
  int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
  for (int d = 0; d < ndim; d++)
    n += snprintf(header + n, sizeof header - (size_t)n, "%s%lld", d ? ", " : "", (long long)shape[d]);
  n += snprintf(header + n, sizeof header - (size_t)n, "), }");
  fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
  fprintf(f, "%s%*s\n", header, (int)sizeof header - n - 1, "");
}

static void print_npy(FILE *f, const gdi_prediction *p) {
  print_npy_header(f, "<f8", 2, (const int64_t[]){p->n, p->outputs});
  fwrite(p->value, sizeof(double), (size_t)(p->n * p->outputs), f);
}

/* ---- classes of many places: masks ---- */

static gd_dtype place_type(const gdi_prediction *p) {
  return p->outputs <= 256 ? GD_U8 : GD_I64;
}

/* [n, places...]; returns how many values they are. */
static int64_t places_shape(const gdi_prediction *p, int64_t shape[GD_MAX_DIMS]) {
  int64_t count = shape[0] = p->n;
  for (int d = 1; d < p->places->ndim; d++) count *= shape[d] = p->places->dim[d - 1];
  return count;
}

/* In place, from the first: a value is never wider than the number that it was. */
static void narrow(const gdi_prediction *p, int64_t count) {
  const bool byte = place_type(p) == GD_U8;
  for (int64_t i = 0; i < count; i++) {
    const int64_t class = (int64_t)p->value[i];
    if (byte)
      ((uint8_t *)p->value)[i] = (uint8_t) class;
    else
      memcpy(&p->value[i], &class, sizeof class);
  }
}

static void print_npy_places(FILE *f, const gdi_prediction *p) {
  int64_t shape[GD_MAX_DIMS];
  const int64_t count = places_shape(p, shape);
  narrow(p, count);
  print_npy_header(f, place_type(p) == GD_U8 ? "|u1" : "<i8", p->places->ndim, shape);
  fwrite(p->value, gd_dtype_bytes(place_type(p)), (size_t)count, f);
}

static gd_status put_places(gdi_h5_writer *w, const gdi_prediction *p) {
  int64_t shape[GD_MAX_DIMS];
  narrow(p, places_shape(p, shape));
  GD_TRY(gdi_h5_put(w, "class", place_type(p), p->places->ndim, shape, p->value));
  return p->name ? gdi_h5_put_text(w, "classes", p->outputs, GD_MAX_CLASS_NAME, *p->name) : GD_OK;
}

/* ---- files ---- */

static gd_status write_stream(const gdi_prediction *p, const char *path,
                              void (*print)(FILE *, const gdi_prediction *)) {
  FILE *f = fopen(path, "w");
  if (!f) return GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
  print(f, p);
  bool ok = !ferror(f) && fflush(f) == 0 && fsync(fileno(f)) == 0;
  ok = fclose(f) == 0 && ok;
  return ok ? GD_OK : GD_FAIL(GD_ERR_WRITE, "%s: %s", path, strerror(errno));
}

static gd_status put_labels(gdi_h5_writer *w, const gdi_prediction *p) {
  uint8_t *label = malloc((size_t)(p->n * p->outputs) + 1);
  if (!label) return GD_FAIL(GD_ERR_OOM, "no memory for %lld labels", (long long)p->n);
  for (int64_t i = 0; i < p->n * p->outputs; i++) label[i] = is_yes(p, 0, i);
  gd_status st = gdi_h5_put(w, "label", GD_U8, 2, (const int64_t[]){p->n, p->outputs}, label);
  free(label);
  return st;
}

static gd_status put_all(gdi_h5_writer *w, const gdi_prediction *p) {
  if (p->places) return put_places(w, p);
  GD_TRY(gdi_h5_put(w, "prediction", GD_F64, 2, (const int64_t[]){p->n, p->outputs}, p->value));
  const bool named = p->target->n_y == p->outputs;
  const gd_names target = {.n_y = named ? p->outputs : 0, .y = p->target->y};
  if (p->binary) GD_TRY(put_labels(w, p));
  if (!p->classes) return gdi_names_put(w, &target, "", "targets");
  int64_t *class = malloc((size_t)p->n * sizeof *class);
  if (!class) return GD_FAIL(GD_ERR_OOM, "no memory for %lld classes", (long long)p->n);
  for (int64_t i = 0; i < p->n; i++) class[i] = largest(p, i);
  gd_status st = gdi_h5_put(w, "class", GD_I64, 1, &p->n, class);
  free(class);
  if (st == GD_OK && p->name) st = gdi_h5_put_text(w, "classes", p->outputs, GD_MAX_CLASS_NAME, *p->name);
  return st;
}

static gd_status write_h5(const gdi_prediction *p, const char *path) {
  gdi_h5_writer w;
  GD_TRY(gdi_h5_create(&w, path));
  gd_status st = put_all(&w, p);
  if (st == GD_OK) st = gdi_h5_finish(&w);
  if (st == GD_OK) st = gdi_h5_publish(&w);
  if (st != GD_OK) gdi_h5_abandon(&w);
  return st;
}

static bool ends_with(const char *path, const char *ending) {
  size_t n = strlen(path), m = strlen(ending);
  return n > m && strcmp(path + n - m, ending) == 0;
}

gd_status gdi_prediction_check(const char *path, const gd_shape *places) {
  if (places && ends_with(path, ".csv"))
    return GD_FAIL(GD_ERR_USAGE, "--out %s: classes of many places a sample are written as .h5 or .npy",
                   path);
  if (ends_with(path, ".csv") || ends_with(path, ".npy") || ends_with(path, ".h5")) return GD_OK;
  return GD_FAIL(GD_ERR_USAGE, "--out %s: predictions are written as .h5, .npy or .csv", path);
}

gd_status gdi_prediction_write(const gdi_prediction *p, const char *path) {
  if (ends_with(path, ".csv")) return write_stream(p, path, print_csv);
  if (ends_with(path, ".npy")) return write_stream(p, path, p->places ? print_npy_places : print_npy);
  return write_h5(p, path);
}

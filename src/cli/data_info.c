/* What a data file holds, for people; and what making it had to tell. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "data/dataset.h"

void gdi_print_names(const char *what, int64_t n, char (*name)[GD_MAX_COLUMN_NAME]) {
  if (n == 0) return;
  printf("%-9s", what);
  for (int64_t i = 0; i < n && i < 12; i++) {
    fputs(i ? ", " : " ", stdout);
    gdi_print_plain(name[i]);
  }
  printf("%s\n", n > 12 ? " ..." : "");
}

void gdi_print_plain(const char *text) {
  for (; *text; text++) putchar((unsigned char)*text < ' ' || *text == 127 ? '?' : *text);
}

static void print_info(const gd_data_info *i) {
  printf("file      %s\nsamples   %lld", i->path, (long long)i->n);
  if (i->n_val) printf(", and %lld to validate on (x_val, y_val)", (long long)i->n_val);
  printf("\n%-9s %s [", i->x_name, gd_dtype_name(i->x_type));
  for (int d = 0; d < i->ndim; d++) printf("%s%lld", d ? ", " : "", (long long)i->sample[d]);
  printf("] each, %s%stimes %.9g\n", i->layout ? gdi_layout_word(i->layout) : "", i->layout ? ", " : "",
         i->x_scale);
  if (i->from_images)
    printf("encoded   %.1f MB of JPEG and PNG images, decoded as they are needed\n",
           (double)i->x_bytes / 1e6);
  gdi_print_names("columns", i->names.n_x, i->names.x);
  if (i->labels) {
    printf("%-9s labels", i->y_name);
    for (int k = 0; k < i->y_ndim; k++) printf("%s%lld", k ? ", " : " [", (long long)i->y_sample[k]);
    printf("%s, %lld class%s%s", i->y_ndim ? "] each" : "", (long long)i->classes,
           i->classes == 1 ? "" : "es", i->class_name ? ":" : "");
    for (int64_t c = 0; i->class_name && c < i->classes && c < 12; c++) printf(" %s", i->class_name[c]);
    printf("%s\n", i->class_name && i->classes > 12 ? " ..." : "");
  } else if (!i->y_name[0]) {
    printf("targets   none\n");
  } else {
    printf("%-9s %lld number%s a sample\n", i->y_name, (long long)i->targets, i->targets > 1 ? "s" : "");
  }
  if (i->w_name[0]) printf("%-9s weights of samples\n", i->w_name);
  gdi_print_names(i->names.n_y > 1 ? "targets" : "target", i->names.n_y, i->names.y);
  if (!i->from_images) printf("memory    %.1f MB\n", (double)(i->x_bytes + i->y_bytes) / 1e6);
  printf("checksums %s\n", i->checksummed ? "yes" : "no");
}

void gdi_print_import_notes(const char *notes) {
  for (const char *line = notes, *end; line && *line; line = end + 1) {
    end = strchr(line, '\n');
    if (!end) return;
    fprintf(stderr, "%s%.*s\n", strncmp(line, "warning: ", 9) == 0 ? "" : "note: ", (int)(end - line), line);
  }
}

gd_status gdi_data_info(const char *path, const gd_data_options *o) {
  gd_dataset *d;
  GD_TRY(gd_dataset_open(&d, path, o));
  print_info(gd_dataset_info(d));
  gdi_print_import_notes(gd_dataset_info(d)->notes);
  char *notes = NULL;
  const gd_status st = gdi_note_labels(&notes, d, false);
  gdi_print_import_notes(notes);
  free(notes);
  gd_dataset_close(d);
  GD_TRY(st);
  return gdi_print_columns(path);
}

gd_status gdi_data_write(gd_table *t, const char *out) {
  gd_status st = gd_table_write(t, out);
  gdi_print_import_notes(t->notes);
  gd_table_free(t);
  GD_TRY(st);
  return gdi_data_info(out, &(gd_data_options){.without_targets = true});
}

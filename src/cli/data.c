/* gdtrain data make | import | info */
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
  printf("file      %s\nsamples   %lld\n%-9s %s [", i->path, (long long)i->n, i->x_name,
         gd_dtype_name(i->x_type));
  for (int d = 0; d < i->ndim; d++) printf("%s%lld", d ? ", " : "", (long long)i->sample[d]);
  printf("] each, times %.9g\n", i->x_scale);
  gdi_print_names("columns", i->names.n_x, i->names.x);
  if (i->labels) {
    printf("%-9s labels, %lld classes%s", i->y_name, (long long)i->classes, i->class_name ? ":" : "");
    for (int64_t c = 0; i->class_name && c < i->classes && c < 12; c++) printf(" %s", i->class_name[c]);
    printf("%s\n", i->class_name && i->classes > 12 ? " ..." : "");
  } else if (!i->y_name[0]) {
    printf("targets   none\n");
  } else {
    printf("%-9s %lld real target%s\n", i->y_name, (long long)i->targets, i->targets > 1 ? "s" : "");
  }
  gdi_print_names(i->names.n_y > 1 ? "targets" : "target", i->names.n_y, i->names.y);
  printf("memory    %.1f MB\nchecksums %s\n", (double)(i->x_bytes + i->y_bytes) / 1e6,
         i->checksummed ? "yes" : "no");
}

gd_status gdi_data_info(const char *path) {
  gd_dataset *d;
  GD_TRY(gd_dataset_open(&d, path, &(gd_data_options){.without_targets = true}));
  print_info(gd_dataset_info(d));
  gdi_print_import_notes(gd_dataset_info(d)->notes);
  char *notes = NULL;
  const gd_status st = gdi_note_labels(&notes, d);
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
  return gdi_data_info(out);
}

static gd_status check_generator(const char *name) {
  enum { MANY = 64 };
  const char *known[MANY + 1] = {0};
  for (int i = 0; i < MANY && (known[i] = gd_generator_name(i)); i++)
    if (strcmp(name, known[i]) == 0) return GD_OK;
  const char *near = gd_nearest(name, known);
  if (near) return GD_FAIL(GD_ERR_USAGE, "no generator \"%s\", did you mean \"%s\"?", name, near);
  return GD_FAIL(GD_ERR_USAGE, "no generator \"%s\"; gdtrain data make list tells the names", name);
}

static gd_status make(args *a, const char *out) {
  int64_t seed = 1;
  gd_generate_options g = {.name = a->n_words > 1 ? a->word[1] : NULL, .noise = -1};
  GD_TRY(gdi_args_check(a, "n d k noise condition seed out"));
  GD_TRY(gdi_args_i64(a, "n", 1, (int64_t)1 << 40, &g.n));
  GD_TRY(gdi_args_i64(a, "d", 1, 1 << 24, &g.d));
  GD_TRY(gdi_args_i64(a, "k", 1, 1 << 20, &g.k));
  GD_TRY(gdi_args_f64(a, "noise", 0, 1e9, &g.noise));
  GD_TRY(gdi_args_f64(a, "condition", 1, 1e12, &g.condition));
  GD_TRY(gdi_args_i64(a, "seed", 0, INT64_MAX, &seed));
  g.seed = (uint64_t)seed;
  if (!g.name)
    return GD_FAIL(
        GD_ERR_USAGE,
        "usage: gdtrain data make NAME --n N --out FILE.h5 (gdtrain data make list tells the names)");
  if (strcmp(g.name, "list") == 0) {
    for (int i = 0; gd_generator_name(i); i++)
      printf("%-10s %s\n", gd_generator_name(i), gd_generator_about(i));
    return GD_OK;
  }
  GD_TRY(check_generator(g.name));
  if (!out) return GD_FAIL(GD_ERR_USAGE, "--out FILE.h5 is missing");
  gd_table t;
  GD_TRY(gd_generate(&t, &g));
  return gdi_data_write(&t, out);
}

static gd_status data(args *a) {
  const char *what = a->n_words ? a->word[0] : "";
  if (strcmp(what, "make") == 0) return make(a, gdi_args_get(a, "out"));
  if (strcmp(what, "import") == 0) return gdi_data_import(a, gdi_args_get(a, "out"));
  if (strcmp(what, "info") == 0 && a->n_words == 2) return gdi_data_info(a->word[1]);
  return GD_FAIL(GD_ERR_USAGE, "usage: gdtrain data make NAME ... | import FORMAT FILE... | info FILE");
}

gd_status gdi_command_data(int argc, char **argv) {
  return gdi_alone(argc, argv, "header classes trim", data);
}

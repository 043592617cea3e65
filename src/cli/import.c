/* gdtrain data import: files of others. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* ---- options of tables ---- */

/* One character, or its name. *out stays as it is when the option is not there. */
static gd_status take_sign(args *a, const char *key, char *out) {
  static const struct {
    const char *word;
    char sign;
  } words[] = {{"tab", '\t'},      {"\\t", '\t'}, {"space", ' '},       {"comma", ','},
               {"semicolon", ';'}, {"pipe", '|'}, {"none", GD_CSV_NONE}};
  const char *value = gdi_args_take(a, key);
  if (!value) return GD_OK;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(value, words[i].word) == 0) {
      *out = words[i].sign;
      return GD_OK;
    }
  if (strlen(value) != 1)
    return GD_FAIL(GD_ERR_USAGE, "--%s \"%s\": one character, or tab, space, comma, semicolon, pipe, none",
                   key, value);
  *out = *value;
  return GD_OK;
}

/* one-hot, index, one-hot:a,b ... as often as it is given; lists are put together. */
static gd_status take_categorical(args *a, char one_hot[4096], char index[4096], gd_csv_options *o) {
  one_hot[0] = index[0] = 0;
  for (int i = 0; i < a->setting.n; i++) {
    if (strcmp(a->setting.item[i].key, "categorical") != 0) continue;
    const char *value = a->setting.item[i].value, *list = strchr(value, ':');
    const size_t n = list ? (size_t)(list - value) : strlen(value);
    const bool hot = n == 7 && strncmp(value, "one-hot", n) == 0,
               number = n == 5 && strncmp(value, "index", n) == 0;
    char *to = hot ? one_hot : index;
    if (!hot && !number)
      return GD_FAIL(
          GD_ERR_USAGE,
          "--categorical \"%s\": one-hot or index, for all columns of text, or one-hot:a,b for these", value);
    const size_t used = strlen(to);
    if (used + strlen(list ? list : "*") + 2 > 4096)
      return GD_FAIL(GD_ERR_USAGE, "--categorical: the list is too long");
    sprintf(to + used, "%s%s", used ? "," : "", list ? list + 1 : "*");
  }
  o->one_hot = *one_hot ? one_hot : NULL;
  o->index = *index ? index : NULL;
  gdi_args_take(a, "categorical");
  return GD_OK;
}

static gd_status take_missing(args *a, gd_csv_options *o) {
  const char *value = gdi_args_get(a, "on_missing");
  o->missing = gdi_args_take(a, "missing");
  if (value && strcmp(value, "drop") == 0) o->on_missing = GD_MISSING_DROPS_ROW;
  const bool word = value && (strcmp(value, "drop") == 0 || strcmp(value, "error") == 0);
  if (!value || word) {
    gdi_args_take(a, "on_missing");
    return GD_OK;
  }
  o->on_missing = GD_MISSING_FILLED;
  return gdi_args_f64(a, "on_missing", -1e300, 1e300, &o->fill);
}

static gd_status take_dates(args *a, gd_csv_options *o) {
  const char *value = gdi_args_take(a, "dates");
  if (!value) return GD_OK;
  o->dates = strcmp(value, "number") == 0 ? GD_DATES_NUMBERS
             : strcmp(value, "drop") == 0 ? GD_DATES_DROPPED
                                          : GD_DATES_REFUSED;
  return o->dates || strcmp(value, "error") == 0
             ? GD_OK
             : GD_FAIL(GD_ERR_USAGE, "--dates \"%s\": number or drop", value);
}

static gd_status take_options(args *a, char one_hot[4096], char index[4096], gd_csv_options *o) {
  bool header = false;
  const bool given = gdi_args_get(a, "header") != NULL;
  GD_TRY(gdi_args_flag(a, "header", &header));
  o->header = !given ? GD_HEADER_GUESS : header ? GD_HEADER_YES : GD_HEADER_NO;
  GD_TRY(gdi_args_flag(a, "classes", &o->classes));
  GD_TRY(gdi_args_flag(a, "trim", &o->trim));
  o->target = gdi_args_take(a, "target"), o->features = gdi_args_take(a, "features"),
  o->drop = gdi_args_take(a, "drop"), o->weight = gdi_args_take(a, "weight");
  o->like = gdi_args_take(a, "like");
  o->encoding = gdi_args_take(a, "encoding");
  GD_TRY(take_sign(a, "delimiter", &o->delimiter));
  GD_TRY(take_sign(a, "decimal", &o->decimal));
  GD_TRY(take_sign(a, "thousands", &o->thousands));
  GD_TRY(take_sign(a, "quote", &o->quote));
  GD_TRY(take_sign(a, "comment", &o->comment));
  GD_TRY(take_categorical(a, one_hot, index, o));
  GD_TRY(take_missing(a, o));
  return take_dates(a, o);
}

/* ---- the command ---- */

static gd_status import_csv(gd_table *t, args *a, const char *const *files, int n) {
  char one_hot[4096], index[4096];
  gd_csv_options o = {0};
  GD_TRY(take_options(a, one_hot, index, &o));
  return gd_import_csv(t, files, n, &o);
}

static gd_status import_npy(gd_table *t, args *a, const char *x, const char *y) {
  gd_npy_options o = {.x_name = gdi_args_get(a, "x"), .y_name = gdi_args_get(a, "y")};
  GD_TRY(gdi_args_flag(a, "classes", &o.classes));
  return gd_import_npy(t, x, y, &o);
}

static void show_progress(void *user, int64_t images, double part) {
  char done[16] = "";
  (void)user;
  if (part >= 0) snprintf(done, sizeof done, "  %3.0f %%", 100 * part);
  fprintf(stderr, "\r\033[K%lld images%s", (long long)images, done);
}

static gd_status import_images(gd_table *t, args *a, const char *path) {
  const bool terminal = isatty(STDERR_FILENO);
  gd_image_options o = {.progress = terminal ? show_progress : NULL};
  int64_t size = 0;
  GD_TRY(gdi_args_i64(a, "size", 1, 1 << 14, &size));
  GD_TRY(gdi_args_i64(a, "per_class", 1, INT64_MAX, &o.per_class));
  GD_TRY(gdi_args_flag(a, "keep_encoded", &o.keep_encoded));
  o.size = (int)size;
  const gd_status st = gd_import_images(t, path, &o);
  if (terminal) fputs("\r\033[K", stderr);
  return st;
}

gd_status gdi_data_import(args *a, const char *out) {
  const char *format = a->n_words > 1 ? a->word[1] : "", *const *files = a->word + 2;
  const int n = a->n_words - 2;
  const bool csv = strcmp(format, "csv") == 0, npy = strcmp(format, "npy") == 0,
             images = strcmp(format, "images") == 0;
  gd_table t;
  GD_TRY(gdi_args_check(a, csv      ? "out header like target features drop weight classes categorical dates "
                                      "missing on_missing delimiter "
                                      "decimal thousands quote comment encoding trim"
                           : npy    ? "out classes x y"
                           : images ? "out size per_class keep_encoded"
                                    : "out"));
  if (!out && n >= 1) return GD_FAIL(GD_ERR_USAGE, "--out FILE.h5 is missing");
  for (int i = 0; i < n; i++) GD_TRY(gdi_args_keep_input(out, files[i]));
  if (strcmp(format, "idx") == 0 && n == 2) {
    GD_TRY(gd_import_idx(&t, files[0], files[1]));
  } else if (csv && n >= 1) {
    GD_TRY(import_csv(&t, a, files, n));
  } else if (npy && (n == 2 || n == 1)) {
    GD_TRY(import_npy(&t, a, files[0], n == 2 ? files[1] : NULL));
  } else if (images && n == 1) {
    GD_TRY(import_images(&t, a, files[0]));
  } else if ((strcmp(format, "cifar10") == 0 || strcmp(format, "cifar100") == 0) && n >= 1) {
    GD_TRY(gd_import_cifar(&t, files, n, format[5] == '1' && format[6] == '0' && format[7] == '0'));
  } else {
    return GD_FAIL(GD_ERR_USAGE,
                   "usage: gdtrain data import idx IMAGES LABELS | csv FILE... | npy X Y | npy XY.npz | "
                   "images DIR|ARCHIVE [--size 32 --keep-encoded] | cifar10|cifar100 FILE... --out FILE.h5");
  }
  return gdi_data_write(&t, out);
}

/* A temporary folder per test, files in it, and the message of a refusal. */
#ifndef GD_TEST_DATA_FIXTURE_H
#define GD_TEST_DATA_FIXTURE_H

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gd/data.h"
#include "test.h"

static char folder[256];

static inline int make_folder(void **state) {
  (void)state;
  const char *tmp = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/gdtest.XXXXXX", tmp ? tmp : "/tmp");
  return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
  (void)st, (void)flag, (void)ftw;
  return remove(path);
}

static inline int remove_folder(void **state) {
  (void)state;
  return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of a file in the folder; the last few results stay valid. */
static inline const char *in_folder(const char *name) {
  static char path[8][512];
  static int next;
  char *p = path[next++ % 8];
  snprintf(p, sizeof path[0], "%s/%s", folder, name);
  return p;
}

static inline const char *write_bytes(const char *name, const void *bytes, size_t n) {
  const char *path = in_folder(name);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
  return path;
}

static inline const char *write_text(const char *name, const char *text) {
  return write_bytes(name, text, strlen(text));
}

/** Must fail with `expected`, and a message that holds `part`. */
#define assert_refused(expr, expected, part)                                                                 \
  do {                                                                                                       \
    gd_status refused_ = (expr);                                                                             \
    if (refused_ != (expected)) fail_msg("%s: %s, not %s", #expr, gd_status_name(refused_), #expected);      \
    if (!strstr(gd_error_last()->message, part))                                                             \
      fail_msg("%s: \"%s\" does not say \"%s\"", #expr, gd_error_last()->message, part);                     \
  } while (0)

/* The data set of a table, written and opened. */
static inline gd_dataset *open_table(gd_table *t, const char *name, const gd_data_options *o) {
  gd_dataset *d;
  assert_ok(gd_table_write(t, in_folder(name)));
  assert_ok(gd_dataset_open(&d, in_folder(name), o));
  return d;
}

static inline void *hold(gd_dataset *d) {
  void *memory = aligned_alloc(GD_ALIGN, (gd_dataset_load_bytes(d) / GD_ALIGN + 1) * GD_ALIGN);
  assert_non_null(memory);
  assert_ok(gd_dataset_load(d, memory, true));
  return memory;
}

/** A file of a folder of public data: $variable, or shared/data/<beside> next to the sources. */
static inline const char *data_path(const char *variable, const char *beside, const char *name) {
  static char path[4][1024];
  static int next;
  char *p = path[next++ % 4];
  const char *at = getenv(variable);
  if (at)
    snprintf(p, sizeof path[0], "%s/%s", at, name);
  else
    snprintf(p, sizeof path[0], "%s/../shared/data/%s/%s", GD_SOURCE_DIR, beside, name);
  return p;
}

/** When a test's data are absent: say so, and return this from main. */
static inline int skip_all(const char *what, const char *variable) {
  print_message("skipped: no %s here; set %s\n", what, variable);
  return 77;
}

#endif

/* CSV import: guessed from the first records, seen whole, judged, and read a second time into the table. */
#include <stdlib.h>
#include <string.h>

#include "data/import.h"

/* ---- options ---- */

static gd_status check_signs(const gd_csv_options *o) {
  const char sign[] = {o->delimiter, o->decimal, o->thousands, o->quote, o->comment};
  static const char *const name[] = {"delimiter", "decimal", "thousands", "quote", "comment"};
  if (o->decimal && o->decimal != '.' && o->decimal != ',')
    return GD_FAIL(GD_ERR_USAGE, "--decimal is . or , not \"%c\"", o->decimal);
  for (int i = 0; i < 5; i++) {
    if (sign[i] && strchr("\n\r", sign[i]))
      return GD_FAIL(GD_ERR_USAGE, "--%s cannot be the end of a line", name[i]);
    if (sign[i] && (sign[i] & 0x80))
      return GD_FAIL(GD_ERR_USAGE, "--%s must be one character of ASCII", name[i]);
    for (int k = 0; k < i; k++)
      if (sign[i] && sign[i] != GD_CSV_NONE && sign[i] == sign[k] &&
          (k > 0 || i > 2)) /* 1,"2,5" can be read */
        return GD_FAIL(GD_ERR_USAGE, "--%s and --%s are both \"%c\"", name[k], name[i], sign[i]);
  }
  return GD_OK;
}

static char sign_or(char given, char usual) {
  return given == GD_CSV_NONE ? 0 : given ? given : usual;
}

static gd_status begin(gdi_import *m) {
  const gd_csv_options *o = m->o;
  GD_TRY(check_signs(o));
  m->dialect = (gdi_dialect){.delimiter = o->delimiter,
                             .quote = sign_or(o->quote, '"'),
                             .comment = sign_or(o->comment, 0),
                             .trim = o->trim};
  m->cells =
      (gdi_cells){sign_or(o->decimal, o->thousands == '.' ? ',' : '.'), sign_or(o->thousands, 0), o->missing};
  m->text = calloc((size_t)m->n_files, sizeof *m->text);
  if (!m->text) return GD_FAIL(GD_ERR_OOM, "no memory for %d files", m->n_files);
  m->notes = open_memstream(&m->note_text, &m->note_bytes);
  return m->notes ? GD_OK : GD_FAIL(GD_ERR_OOM, "no memory for notes");
}

/* ---- the whole ---- */

static void import_free(gdi_import *m) {
  for (int i = 0; i < m->columns; i++) {
    free(m->column[i].name);
    gdi_words_free(&m->column[i].words);
  }
  for (int i = 0; m->text && i < m->n_files; i++)
    if (m->text[i].raw) gdi_text_close(&m->text[i]);
  free(m->text), free(m->column), free(m->feature), free(m->target);
}

static gd_status import(gd_table *t, gdi_import *m) {
  if (m->n_files < 1) return GD_FAIL(GD_ERR_USAGE, "no CSV files");
  GD_TRY(begin(m));
  GD_TRY(gdi_csv_guess(m));
  GD_TRY(gdi_csv_scan(m));
  GD_TRY(gdi_csv_like(m));
  GD_TRY(gdi_csv_judge(m));
  GD_TRY(gdi_csv_fill(t, m));
  return gdi_csv_summarize(t, m);
}

gd_status gd_import_csv(gd_table *out, const char *const files[], int n, const gd_csv_options *o) {
  static const gd_csv_options plain;
  gdi_import m = {.o = o ? o : &plain, .file = files, .n_files = n};
  gd_table t = {0};
  const gd_status st = import(&t, &m);
  import_free(&m);
  if (m.notes) fclose(m.notes);
  if (st != GD_OK) {
    gd_table_free(&t);
    free(m.note_text);
  } else {
    t.notes = m.note_text;
  }
  *out = t;
  return st;
}

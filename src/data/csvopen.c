/* Files of an import, each opened more than once: guessed from, scanned, read. */
#include "data/import.h"

/* A pipe can be opened once: its copy stays open. */
gd_status gdi_import_text(gdi_import *m, int i) {
  gdi_text *t = &m->text[i];
  return t->raw ? gdi_text_rewind(t) : gdi_text_open(t, m->file[i], m->o->encoding);
}

gd_status gdi_import_open(gdi_import *m, int i, gdi_csv *c) {
  GD_TRY(gdi_import_text(m, i));
  return gdi_csv_open(c, &m->text[i], &m->dialect);
}

void gdi_import_close(gdi_import *m, int i, gdi_csv *c) {
  gdi_csv_close(c);
  if (!m->text[i].stream.copied) gdi_text_close(&m->text[i]);
}

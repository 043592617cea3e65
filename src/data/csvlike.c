/* Categories of an earlier import: a table to evaluate gets those of the one that was trained on. */
#include <math.h>
#include <string.h>

#include "data/import.h"

static gd_status add_word(gdi_import *m, gdi_column *k, const char *text) {
  int64_t id;
  double value;
  const gdi_cell cell = gdi_cell_of(&m->cells, text, &value);
  return gdi_words_add(&k->words, text, cell == GDI_CELL_NUMBER ? value : NAN, &id);
}

/* "M" of sex=M; or each of F|I|M, where the column is an index. */
static gd_status add_words(gdi_import *m, gdi_column *k, const char *values, bool index) {
  char text[GD_MAX_COLUMN_NAME], *rest = text;
  snprintf(text, sizeof text, "%s", values);
  if (!index) return add_word(m, k, text);
  for (char *word; (word = strsep(&rest, "|"));) GD_TRY(add_word(m, k, word));
  return GD_OK;
}

static gd_status add_categories(gdi_import *m, int i, const gd_names *names) {
  gdi_column *k = &m->column[i];
  char prefix[GD_MAX_COLUMN_NAME + 16];
  const bool index = k->asked ? k->take == GDI_INDEX : !m->o->one_hot;
  if (k->use != GDI_FEATURE || k->words.n == 0) return GD_OK;
  if (k->name && *k->name)
    snprintf(prefix, sizeof prefix, "%s=", k->name);
  else
    snprintf(prefix, sizeof prefix, "%d=", i);
  const size_t n = strlen(prefix);
  for (int64_t c = 0; c < names->n_x; c++)
    if (strncmp(names->x[c], prefix, n) == 0) GD_TRY(add_words(m, k, names->x[c] + n, index));
  return GD_OK;
}

gd_status gdi_csv_like(gdi_import *m) {
  gd_dataset *d;
  if (!m->o->like || (!m->o->one_hot && !m->o->index)) return GD_OK;
  GD_TRY(gd_dataset_open(&d, m->o->like, &(gd_data_options){.without_targets = true}));
  gd_status st = GD_OK;
  for (int i = 0; st == GD_OK && i < m->columns; i++) st = add_categories(m, i, &gd_dataset_info(d)->names);
  gd_dataset_close(d);
  return st;
}

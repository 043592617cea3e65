/* Which arrays of a file are samples and targets, and which way round they lie. */
#include "data/find.h"

#include <stdio.h>
#include <string.h>

#include "data/encoded.h"
#include "data/matlab.h"
#include "data/notes.h"
#include "device/device.h"

/* ---- by their names ---- */

/* The usual pairs, alone or marked as a part: x_train, train_x, train/x. */
static const char *const pairs[][2] = {
    {"x", "y"}, {"data/data", "data/label"}, {"data", "label"}, {"data", "labels"}, {"images", "labels"},
    {"X", "y"}, {"features", "targets"},     {"arr_0", "arr_1"}};
static const char *const marks[] = {"", "train", "test", "val", "valid"};
enum {
  PAIRS = sizeof pairs / sizeof *pairs,
  MARKS = sizeof marks / sizeof *marks,
  FORMS = 3,
  NAME = GDI_ARRAY_NAME
};

/* Which marks a part looks for, one after the other: indices of `marks`. */
static const int order[][MARKS] = {
    [GD_PART_ANY] = {0, 1, 2, 3, 4}, [GD_PART_VAL] = {3, 4, 2, 0, 1}, [GD_PART_TEST] = {2, 3, 4, 0, 1}};

static void mark_name(char out[NAME], const char *name, const char *mark, int form) {
  static const char *const forms[FORMS] = {"%s_%s", "%s_%s", "%s/%s"};
  if (*mark)
    snprintf(out, NAME, forms[form], form == 0 ? name : mark, form == 0 ? mark : name);
  else
    snprintf(out, NAME, "%s", name);
}

/* The k-th pair of names to look for; false: there are no more. */
static bool name_pair(gdi_pair *c, int k, int part) {
  if (k >= MARKS * FORMS * PAIRS) return false;
  const char *const *pair = pairs[k % PAIRS], *mark = marks[order[part][k / PAIRS / FORMS]];
  const int form = k / PAIRS % FORMS;
  c->marked = *mark != 0 || k % PAIRS == PAIRS - 1; /* arr_0: NumPy numbers what got no name */
  mark_name(c->x, pair[0], mark, form);
  mark_name(c->y, pair[1], mark, form);
  return true;
}

static gd_status append_name(void *user, const char *name) {
  char *list = user;
  size_t used = strlen(list);
  if (used < 200) snprintf(list + used, 280 - used, "%s%.64s", used ? ", " : "", name);
  return GD_OK;
}

static const char *option_of(const gd_data_options *o) {
  return o->part == GD_PART_VAL ? "--val-data" : "--data";
}

static gd_status refuse_names(gd_dataset *d, const gd_data_options *o) {
  char found[280] = "";
  GD_TRY(gdi_h5_list(&d->file, "/", append_name, found));
  return GD_FAIL(GD_ERR_DATA,
                 "%s: no samples and targets named %s and %s; it holds: %s (name them by %s.x and %s.y)",
                 d->file.path, o->x_name ? o->x_name : "x, data, images, X or features",
                 o->y_name ? o->y_name : "y, label, labels or targets", *found ? found : "no arrays",
                 option_of(o), option_of(o));
}

bool gdi_find_pair(gdi_pair *out, const char *x_name, const char *y_name, int part, gdi_has_name has,
                   void *user) {
  gdi_pair c, alone = {.x = ""};
  for (int pass = x_name || y_name ? 0 : 1; pass < 2; pass++) {
    for (int k = 0; name_pair(&c, k, part); k++) {
      const bool own = (!x_name || strcmp(x_name, c.x) == 0) && (!y_name || strcmp(y_name, c.y) == 0);
      if (pass == 0 && !own) continue;
      if (x_name) snprintf(c.x, NAME, "%s", x_name);
      if (y_name) snprintf(c.y, NAME, "%s", y_name);
      if (!has(user, c.x)) continue;
      if (!*alone.x) alone = c;
      *out = c;
      if (has(user, c.y)) return true;
    }
  }
  *out = alone;
  return false;
}

static bool named(void *file, const char *name) {
  return gdi_h5_named(file, name);
}

/* Beside x and y may lie what they are to be validated on. */
static gd_status find_val(gd_dataset *d) {
  gdi_h5_array x;
  if (strcmp(d->info.x_name, "x") != 0 || !gdi_h5_has(&d->file, "x_val") || !gdi_h5_has(&d->file, "y_val"))
    return GD_OK;
  GD_TRY(gdi_h5_array_open(&x, &d->file, "x_val"));
  const int64_t images = gdi_encoded_count(&d->file, "x_val");
  d->info.n_val = images >= 0 ? images : x.ndim > 0 ? x.shape[0] : 0;
  gdi_h5_array_close(&x);
  return GD_OK;
}

gd_status gdi_find_arrays(gd_dataset *d, const gd_data_options *o) {
  gdi_pair c;
  if (strlen(o->x_name ? o->x_name : "") >= NAME || strlen(o->y_name ? o->y_name : "") >= NAME)
    return GD_FAIL(GD_ERR_DATA, "%s: the names of the arrays are too long", d->file.path);
  const bool both = gdi_find_pair(&c, o->x_name, o->y_name, o->part, named, &d->file);
  if (!both && !(*c.x && o->without_targets)) return refuse_names(d, o);
  if (!both) c.y[0] = 0;
  strcpy(d->info.x_name, c.x);
  strcpy(d->info.y_name, c.y);
  GD_TRY(find_val(d));
  if (!c.marked || (o->x_name && (o->y_name || !both))) return GD_OK;
  return gdi_notes_add(&d->info.notes, "%s%s%s %s taken for samples%s (else %s.x, %s.y)", c.x,
                       both ? " and " : "", c.y, both ? "are" : "is", both ? " and targets" : "",
                       option_of(o), option_of(o));
}

bool gdi_find_weights(char name[NAME], const gdi_pair *of, int part, gdi_has_name has, void *user) {
  static const char *const usual[] = {"w", "sample_weight", "sample_weights"};
  const char *mark = ""; /* of samples under a name of their own */
  gdi_pair c;
  int k = 0;
  while (name_pair(&c, k, part) && (strcmp(c.x, of->x) != 0 || strcmp(c.y, of->y) != 0)) k++;
  if (k < MARKS * FORMS * PAIRS) mark = marks[order[part][k / PAIRS / FORMS]];
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
    mark_name(name, usual[i], mark, k / PAIRS % FORMS);
    if (strcmp(name, of->x) != 0 && strcmp(name, of->y) != 0 && has(user, name)) return true;
  }
  return false;
}

/* As the options say, or the usual ones. */
bool gdi_find_weights_of(gd_dataset *d, const gd_data_options *o, char name[NAME]) {
  gdi_pair of;
  if (o->w_name) {
    snprintf(name, NAME, "%s", o->w_name);
    return strcmp(name, "none") != 0 && named(&d->file, name);
  }
  strcpy(of.x, d->info.x_name), strcpy(of.y, d->info.y_name);
  return gdi_find_weights(name, &of, o->part, named, &d->file);
}

/* ---- which way round ---- */

static int64_t rows_of(const gdi_h5_array *a, bool turned) {
  return a->ndim ? a->shape[turned ? a->ndim - 1 : 0] : 0;
}

static gd_status turn(gd_dataset *d, gdi_h5_array *a, const char *why) {
  char stored[GDI_SHAPE_TEXT], taken[GDI_SHAPE_TEXT];
  if (a->ndim < 2) return GD_OK;
  gdi_dims_text(a->ndim, a->shape, stored);
  gdi_h5_array_turn(a);
  return gdi_notes_add(&d->info.notes, "%s: stored as %s, taken as %s: %s", a->name, stored,
                       gdi_dims_text(a->ndim, a->shape, taken), why);
}

static bool from_matlab(gd_dataset *d, const char *name) {
  char class[32];
  gdi_matlab_class(&d->file, name, class);
  return *class != 0;
}

gd_status gdi_find_orientation(gd_dataset *d) {
  gdi_h5_array *x = &d->x, *y = &d->y;
  const bool targets = d->info.y_name[0] != 0,
             matlab = from_matlab(d, d->info.x_name) || from_matlab(d, d->info.y_name);
  const char *reversed = "MATLAB stores dimensions in reverse";
  if (!targets) return matlab ? turn(d, x, reversed) : GD_OK;
  /* Both as the program that wrote them means it, then what else gives as many samples as targets. */
  for (int k = 0; k < 4; k++) {
    const bool turn_x = (k & 1) != matlab, turn_y = (k >> 1 & 1) != matlab;
    if (rows_of(x, turn_x) != rows_of(y, turn_y)) continue;
    if (!matlab && ((turn_x && x->ndim != 2) || (turn_y && y->ndim > 2)))
      continue; /* images: who knows which way */
    if (turn_x) GD_TRY(turn(d, x, matlab ? reversed : "only so are there as many samples as targets"));
    if (turn_y) GD_TRY(turn(d, y, matlab ? reversed : "only so are there as many targets as samples"));
    if (matlab && !turn_x && x->ndim > 2)
      GD_TRY(gdi_notes_add(&d->info.notes,
                           "%s: the last dimension in MATLAB counts samples; each is read in reverse, width "
                           "before height",
                           x->name));
    return GD_OK;
  }
  return GD_OK; /* open_y() says what does not fit */
}

/* Lengths of time with units: "100 steps", "2.5 epochs". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "gd/options.h"

/* The unit that `text` begins with, after blanks, and where it ends. */
static bool unit_of(const char *text, gd_length *l, const char **end) {
  static const struct {
    const char *word;
    int unit;
  } units[] = {
      {"epochs", GD_IN_EPOCHS}, {"epoch", GD_IN_EPOCHS}, {"steps", GD_IN_STEPS}, {"step", GD_IN_STEPS}};
  text += strspn(text, " \t");
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    const size_t n = strlen(units[i].word);
    if (strncmp(text, units[i].word, n) != 0 || !strchr(" \t,]", text[n])) continue; /* or the end */
    l->unit = units[i].unit;
    *end = text + n;
    return true;
  }
  return false;
}

static gd_status not_a_length(const char *text, bool place) {
  return GD_FAIL(GD_ERR_USAGE, "\"%s\" is not a length such as %s2.5 epochs or 100 steps", text,
                 place ? "0.75 (a fraction of the run), " : "");
}

gd_status gd_length_parse(const char *text, bool place, gd_length *out, const char **rest) {
  char *number;
  gd_length l = {strtod(text, &number), GD_IN_EPOCHS};
  const char *end = number;
  if (number == text || !isfinite(l.n) || !strchr("+-.0123456789", text[strspn(text, " \t")]))
    return not_a_length(text, place);
  if (!unit_of(number, &l, &end) && place && l.n > 0 && l.n < 1) l.unit = GD_OF_RUN;
  if (l.unit == GD_IN_STEPS && l.n != floor(l.n))
    return GD_FAIL(GD_ERR_USAGE, "\"%s\" is not a whole number of steps", text);
  if (rest)
    *rest = end;
  else if (end[strspn(end, " \t")])
    return not_a_length(text, place);
  *out = l;
  return GD_OK;
}

void gd_length_print(gd_length l, bool place, char *buf, size_t bytes) {
  char number[40];
  gdi_print_real(number, sizeof number, l.n);
  const bool bare = l.unit == GD_OF_RUN || (l.unit == GD_IN_EPOCHS && !(place && l.n > 0 && l.n < 1));
  snprintf(buf, bytes, "%s%s", number, bare ? "" : l.unit == GD_IN_STEPS ? " steps" : " epochs");
}

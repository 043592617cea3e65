#include "data/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

gd_status gdi_notes_add(char **notes, const char *fmt, ...) {
  char line[1024];
  va_list args;
  va_start(args, fmt);
  vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  const size_t used = *notes ? strlen(*notes) : 0;
  char *more = realloc(*notes, used + strlen(line) + 2);
  if (!more) return GD_FAIL(GD_ERR_OOM, "no memory for notes");
  sprintf(more + used, "%s\n", line);
  *notes = more;
  return GD_OK;
}

#include "gd/log.h"

#include <stdarg.h>
#include <stdio.h>

static gd_log_sink sink;
static void *sink_user;

void gd_log_set_sink(gd_log_sink s, void *user) {
  sink = s;
  sink_user = user;
}

void gd_message(gd_log_level level, const char *fmt, ...) {
  if (!sink) return;
  char line[1024];
  va_list args;
  va_start(args, fmt);
  vsnprintf(line, sizeof line, fmt, args);
  va_end(args);
  sink(sink_user, level, line);
}

#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static gd_log_sink sink;
static void *sink_user;

void gd_log_set_sink(gd_log_sink s, void *user) {
  sink = s;
  sink_user = user;
}

/* Was this line among the latest, by its FNV-1a hash? It is remembered. */
static bool said_before(const char *line) {
  enum { REMEMBERED = 16 };
  static uint64_t said[REMEMBERED];
  static unsigned next;
  uint64_t h = 0xcbf29ce484222325u;
  for (const char *c = line; *c; c++) h = (h ^ (unsigned char)*c) * 0x100000001b3u;
  for (int i = 0; i < REMEMBERED; i++)
    if (said[i] == h) return true;
  said[next++ % REMEMBERED] = h;
  return false;
}

static void say(gd_log_level level, bool once, const char *fmt, va_list args) {
  char line[1024];
  if (!sink) return;
  vsnprintf(line, sizeof line, fmt, args);
  if (!once || !said_before(line)) sink(sink_user, level, line);
}

void gd_message(gd_log_level level, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  say(level, false, fmt, args);
  va_end(args);
}

void gdi_message_once(gd_log_level level, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  say(level, true, fmt, args);
  va_end(args);
}

/* The error record: the first cause, kept per thread. */
#include "gd/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

static _Thread_local gd_error record = {.rank = -1};
static int identity_rank = -1;
static char identity_host[64];

static const struct {
  const char *name, *text;
  int exit_code;
} table[GD_STATUS_COUNT] = {
#define X(name, exit_code, text) [GD_##name] = {#name, text, exit_code},
    GD_STATUS_LIST(X)
#undef X
};

static bool known(gd_status s) {
  return (unsigned)s < GD_STATUS_COUNT;
}

const char *gd_status_name(gd_status s) {
  return known(s) ? table[s].name : "UNKNOWN";
}
const char *gd_status_text(gd_status s) {
  return known(s) ? table[s].text : "unknown status";
}
int gd_status_exit_code(gd_status s) {
  return known(s) ? table[s].exit_code : 1;
}

const gd_error *gd_error_last(void) {
  return &record;
}

void gd_error_clear(void) {
  record = (gd_error){.rank = -1};
}

gd_status gd_error_adopt(const gd_error *e) {
  record = *e;
  return record.status;
}

void gd_error_identity(int rank, const char *host) {
  identity_rank = rank;
  snprintf(identity_host, sizeof identity_host, "%s", host);
}

int gdi_error_rank(void) {
  return identity_rank;
}

gd_status gd_error_set(gd_status s, const char *file, int line, const char *fmt, ...) {
  /* The message may quote the record that it replaces, so it is formed aside first. */
  char message[sizeof record.message];
  va_list args;
  va_start(args, fmt);
  vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  record = (gd_error){.status = s, .rank = identity_rank, .file = file, .line = line};
  memcpy(record.host, identity_host, sizeof record.host);
  memcpy(record.message, message, sizeof message);
  return s;
}

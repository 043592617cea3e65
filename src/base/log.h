/* Messages about a place - its ranks, its GPUs - which several jobs of one process find again. */
#ifndef GDI_LOG_H
#define GDI_LOG_H

#include "gd/log.h"

/* gd_message(), unless this process passed on the same line by it before. Not thread-safe. */
void gdi_message_once(gd_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

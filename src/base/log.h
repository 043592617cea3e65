/* Messages about the machine, its ranks or GPUs, which each job of a process would repeat. */
#ifndef GDI_LOG_H
#define GDI_LOG_H

#include "gd/log.h"

/* gd_message(), unless this process has logged the same line by it before. Not thread-safe. */
void gdi_message_once(gd_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

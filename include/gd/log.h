/** @file log.h  Messages of the library, passed to a sink that the program sets; by default dropped. */
#ifndef GD_LOG_H
#define GD_LOG_H

#include "gd/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gd_log_level { GD_LOG_DEBUG, GD_LOG_INFO, GD_LOG_WARN, GD_LOG_ERROR } gd_log_level;
typedef void (*gd_log_sink)(void *user, gd_log_level level, const char *line);

/** Pass messages to `sink` from now on; NULL drops them. Not thread-safe: call before other threads start. */
GD_API void gd_log_set_sink(gd_log_sink sink, void *user);
GD_API void gd_message(gd_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif

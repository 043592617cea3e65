/* Threads of the library. */
#ifndef GDI_BASE_THREAD_H
#define GDI_BASE_THREAD_H

#include <pthread.h>

#include "gd/status.h"

/* Starts a thread that takes no signals: they are the program's. `what` it does is said in the error:
 * GD_ERR_ENV. */
gd_status gdi_thread_start(pthread_t *out, void *(*run)(void *user), void *user, const char *what) GD_CHECKED;

#endif

#include "base/thread.h"

#include <signal.h>
#include <string.h>

gd_status gdi_thread_start(pthread_t *out, void *(*run)(void *user), void *user, const char *what) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
  int failed = pthread_create(out, NULL, run, user);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failed ? GD_FAIL(GD_ERR_ENV, "no thread to %s: %s", what, strerror(failed)) : GD_OK;
}

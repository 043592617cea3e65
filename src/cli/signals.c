/* Requests to stop. */
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"

/*
 * The first request is honoured at the end of the step; who interrupts twice means now. SIGUSR1 may come
 * twice, from the scheduler and from mpirun, and never means that.
 */
static void on_signal(int number) {
  static volatile sig_atomic_t asked;
  if (asked && number != SIGUSR1) _exit(128 + number);
  asked = 1;
  gd_train_stop();
}

void gdi_catch_signals(void) {
  struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigemptyset(&act.sa_mask);
  static const int stops[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP};
  for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) sigaction(stops[i], &act, NULL);
}

/* What people see: a progress bar on a terminal, lines elsewhere, and the same lines in log.txt of
 * the run. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

static struct {
  int rank;
  bool bar, lines;
  bool bar_shown;
  FILE *log;
  double last_bar, last_line;
  int64_t last_step; /* of the run */
} console;

/* mpirun gives its ranks a pipe, and copies it to its own stderr: that is what decides. */
static bool on_terminal(void) {
  if (isatty(STDERR_FILENO)) return true;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/2", (int)getppid());
  int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return false;
  bool terminal = isatty(fd);
  close(fd);
  return terminal;
}

static void clear_bar(void) {
  if (console.bar_shown) fputs("\r\033[K", stderr);
  console.bar_shown = false;
}

static void line(const char *text) {
  clear_bar();
  fprintf(stderr, "%s\n", text);
  if (console.log) fprintf(console.log, "%s\n", text), fflush(console.log);
}

static void on_message(void *user, gd_log_level level, const char *text) {
  (void)user;
  char buf[1100];
  if (level == GD_LOG_DEBUG) return;
  const char *kind = level == GD_LOG_ERROR ? "gdtrain: error: " : level == GD_LOG_WARN ? "warning: " : "";
  snprintf(buf, sizeof buf, "%s%s", kind, text);
  line(buf);
}

void console_listen(void) {
  gd_log_set_sink(on_message, NULL);
}

void console_open(int rank, const char *progress) {
  console.rank = rank;
  const bool automatic = strcmp(progress, "auto") == 0;
  const bool shows = rank == 0 && strcmp(progress, "none") != 0;
  console.bar = shows && (strcmp(progress, "bar") == 0 || (automatic && on_terminal()));
  console.lines = shows && !console.bar;
}

void console_close(void) {
  clear_bar();
  gd_log_set_sink(NULL, NULL);
  if (console.log) fclose(console.log);
  console.log = NULL;
}

void console_error(gd_status st) {
  const gd_error *e = gd_error_last();
  char buf[700];
  if (st == GD_STOPPED)
    snprintf(buf, sizeof buf, "gdtrain: %s", e->message);
  else if (e->rank > 0 || st == GD_ERR_COMM)
    snprintf(buf, sizeof buf, "gdtrain: error: %s (rank %d on %s)", e->message, e->rank, e->host);
  else
    snprintf(buf, sizeof buf, "gdtrain: error: %s", e->message);
  line(buf);
}

/* ---- observing a run ---- */

static void started(void *user, const char *layout, const char *folder) {
  (void)user;
  if (console.rank != 0) return;
  char path[4200];
  snprintf(path, sizeof path, "%s/log.txt", folder);
  console.log = fopen(path, "a");
  if (console.lines || console.bar) line(layout);
  snprintf(path, sizeof path, "folder     %s", folder);
  if (console.lines || console.bar) line(path);
}

static void duration(char *buf, size_t bytes, double s) {
  if (s < 100)
    snprintf(buf, bytes, "%.0f s", s);
  else if (s < 6000)
    snprintf(buf, bytes, "%.0f min %02.0f s", floor(s / 60), fmod(s, 60));
  else
    snprintf(buf, bytes, "%.0f h %02.0f min", floor(s / 3600), fmod(s, 3600) / 60);
}

static void progress(void *user, const gd_tick *p) {
  (void)user;
  console.last_step = p->total_steps;
  if (!console.bar) return;
  double t = gdi_now();
  if (t - console.last_bar < 0.1 && p->step < p->total_steps) return;
  console.last_bar = t;
  enum { WIDTH = 16 }; /* all of it within 80 columns: a line that wraps cannot be drawn over */
  static const char full[] = "================", empty[] = "                ";
  int done = (int)(WIDTH * p->step / p->total_steps);
  char eta[32];
  duration(eta, sizeof eta, 0);
  static double first_t;
  static int64_t first_step = -1;
  if (first_step < 0) first_t = t, first_step = p->step;
  if (p->step > first_step)
    duration(eta, sizeof eta,
             (t - first_t) / (double)(p->step - first_step) * (double)(p->total_steps - p->step));
  fprintf(stderr, "\r[%.*s%.*s] epoch %.2f  loss %.4f  %.0f samples/s  %s left\033[K", done, full,
          WIDTH - done, empty, (double)p->step / (double)p->steps_per_epoch, p->loss, p->samples_per_s, eta);
  console.bar_shown = true;
}

static void row(void *user, const gd_row *r) {
  (void)user;
  const bool validated = !isnan(r->val.loss);
  double t = gdi_now(), wait = validated ? 0.5 : 5; /* seconds between lines: a log, not a flood */
  if (console.rank != 0 || (!console.lines && !(console.bar && validated))) return;
  if (t - console.last_line < wait && r->step != console.last_step) return;
  console.last_line = t;
  char buf[256];
  int n = snprintf(buf, sizeof buf, "epoch %-6.2f step %-7lld loss %-9.5g lr %-9.4g %8.0f samples/s",
                   r->epoch, (long long)r->step, r->loss, r->lr, r->samples_per_s);
  if (validated) n += snprintf(buf + n, sizeof buf - (size_t)n, "  val loss %.5g", r->val.loss);
  if (!isnan(r->val.accuracy)) snprintf(buf + n, sizeof buf - (size_t)n, ", %.2f %%", 100 * r->val.accuracy);
  line(buf);
}

gd_observer console_observer(void) {
  return (gd_observer){NULL, started, progress, row};
}

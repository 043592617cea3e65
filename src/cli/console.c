/* What people see: a progress bar on a terminal, lines elsewhere, and the same lines in log.txt of
 * the run. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

static struct {
  int rank;
  bool bar, lines;
  bool bar_shown;
  int terminal; /* where the bar is seen; -1: not known */
  FILE *log;
  double last_bar, last_line;
  int64_t last_step; /* of the run */
} console = {.terminal = -1};

/* mpirun gives its ranks a pipe, and copies it to its own stderr: that is what decides. */
static bool find_terminal(void) {
  if (isatty(STDERR_FILENO)) {
    console.terminal = STDERR_FILENO;
    return true;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/2", (int)getppid());
  int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return false;
  if (isatty(fd))
    console.terminal = fd;
  else
    close(fd);
  return console.terminal == fd;
}

static int columns(void) {
  struct winsize size;
  const bool known = console.terminal >= 0 && ioctl(console.terminal, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col ? size.ws_col : 80;
}

void gdi_console_clear(void) {
  if (console.bar_shown) fputs("\r\033[K", stderr);
  console.bar_shown = false;
}

static void line(const char *text) {
  gdi_console_clear();
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

void gdi_console_listen(void) {
  gd_log_set_sink(on_message, NULL);
}

void gdi_console_open(int rank, const char *progress) {
  console.rank = rank;
  const bool automatic = strcmp(progress, "auto") == 0;
  const bool shows = rank == 0 && strcmp(progress, "none") != 0;
  const bool terminal = shows && find_terminal();
  console.bar = shows && (strcmp(progress, "bar") == 0 || (automatic && terminal));
  console.lines = shows && !console.bar;
}

void gdi_console_close(void) {
  gdi_console_clear();
  gd_log_set_sink(NULL, NULL);
  if (console.log) fclose(console.log);
  console.log = NULL;
}

void gdi_console_error(gd_status st) {
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

static void time_left(char *buf, size_t bytes, const gd_train_progress *p, double t) {
  static double first_t;
  static int64_t first_step = -1;
  if (first_step < 0) first_t = t, first_step = p->step;
  const int64_t done = p->step - first_step, left = p->total_steps - p->step;
  buf[0] = 0;
  if (done > 0) duration(buf, bytes, (t - first_t) / (double)done * (double)left);
}

/* Within the line, as wide as it is now: a bar that wraps cannot be drawn over. The rate goes first, then the
 * bar. */
static void draw_bar(const gd_train_progress *p, const char *left) {
  enum { WIDTH = 16, NARROWEST = 4 };
  static const char full[] = "================", empty[] = "                ";
  char text[96], rate[40];
  const int room = columns() - 1;
  int n = snprintf(text, sizeof text, "epoch %.2f  loss %.4f  %s%s", p->epoch, p->loss, left,
                   *left ? " left" : "");
  int m = snprintf(rate, sizeof rate, "  %.0f samples/s", p->samples_per_s);
  if (n + m > room) rate[m = 0] = 0;
  const int width = room - n - m - 3 < WIDTH ? room - n - m - 3 : WIDTH;
  if (width >= NARROWEST) {
    const int done = (int)(width * p->step / p->total_steps);
    fprintf(stderr, "\r[%.*s%.*s] %s%s\033[K", done, full, width - done, empty, text, rate);
  } else {
    fprintf(stderr, "\r%.*s\033[K", room, text);
  }
  console.bar_shown = true;
}

static void progress(void *user, const gd_train_progress *p) {
  (void)user;
  console.last_step = p->total_steps;
  if (!console.bar) return;
  double t = gdi_now();
  if (t - console.last_bar < 0.1 && p->step < p->total_steps) return;
  console.last_bar = t;
  /* mpirun passes results by another pipe, which may be the faster one: nothing may be left before them. */
  if (p->step == p->total_steps) return gdi_console_clear();
  char left[32];
  time_left(left, sizeof left, p, t);
  draw_bar(p, left);
}

int gdi_measure_text(const gd_measure *m, char *buf, size_t bytes) {
  const double v = m->metric->percent ? 100 * m->value : m->value;
  const int n = snprintf(buf, bytes, m->metric->percent ? "%s %.2f %%" : "%s %.5g", m->metric->name, v);
  return n < (int)bytes ? n : (int)bytes - 1;
}

static void row(void *user, const gd_row *r) {
  (void)user;
  const bool validated = !isnan(r->val.loss);
  double t = gdi_now(), wait = validated ? 0.5 : 5; /* seconds between lines: a log, not a flood */
  if (console.rank != 0 || (!console.lines && !(console.bar && validated))) return;
  if (t - console.last_line < wait && r->step != console.last_step) return;
  console.last_line = t;
  char buf[512];
  char loss[32] = "none"; /* of samples that weigh nothing */
  if (!isnan(r->loss)) snprintf(loss, sizeof loss, "%.5g", r->loss);
  int n = snprintf(buf, sizeof buf, "epoch %-6.2f step %-7lld loss %-9s lr %-9.4g %8.0f samples/s", r->epoch,
                   (long long)r->step, loss, r->lr, r->samples_per_s);
  if (validated) n += snprintf(buf + n, sizeof buf - (size_t)n, "  val loss %.5g", r->val.loss);
  if (!isnan(r->val.accuracy))
    n += snprintf(buf + n, sizeof buf - (size_t)n, ", %.2f %%", 100 * r->val.accuracy);
  for (int i = 0; i < r->val.n && n + 40 < (int)sizeof buf; i++) {
    if (strcmp(r->val.measure[i].metric->name, "accuracy") == 0) continue;
    n += snprintf(buf + n, sizeof buf - (size_t)n, ", ");
    n += gdi_measure_text(&r->val.measure[i], buf + n, sizeof buf - (size_t)n);
  }
  line(buf);
}

gd_observer gdi_console_observer(void) {
  return (gd_observer){.started = started, .progress = progress, .row = row};
}

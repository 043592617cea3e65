/* Running gnuplot on a script in a folder. The script stays there, to be changed by hand. */
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

/* Silent; true when it drew. What it complains about is in NAME.log. */
static bool draws(const char *folder, const char *script, const char *log) {
  pid_t child = fork();
  if (child == 0) {
    if (chdir(folder) != 0 || !freopen(log, "w", stderr)) _exit(126);
    execlp("gnuplot", "gnuplot", script, (char *)NULL);
    _exit(127);
  }
  int status;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool gdi_gnuplot(const char *folder, const char *name, const char *text) {
  char path[4200], script[64], log[64];
  snprintf(script, sizeof script, "%s.gp", name);
  snprintf(log, sizeof log, "%s.log", name);
  snprintf(path, sizeof path, "%s/%s", folder, script);
  FILE *f = fopen(path, "w");
  bool ok = f && fputs(text, f) >= 0;
  if (f) ok = fclose(f) == 0 && ok;
  if (ok && draws(folder, script, log)) {
    snprintf(path, sizeof path, "%s/%s", folder, log);
    unlink(path);
    return true;
  }
  gd_message(GD_LOG_WARN, "no plots: gnuplot failed or is not installed; %s/%s draws them later", folder,
             script);
  return false;
}

/* gd_main(): the commands, and plug-ins before them. */
#include "gd/main.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "gd/models.h"

static const struct {
  const char *name;
  gd_status (*run)(int argc, char **argv);
} commands[] = {
    {"train", gdi_command_train}, {"eval", gdi_command_eval},       {"predict", gdi_command_predict},
    {"data", gdi_command_data},   {"inspect", gdi_command_inspect}, {"graph", gdi_command_graph},
    {"model", gdi_command_model}, {"export", gdi_command_export},   {"compare", gdi_command_compare},
    {"bench", gdi_command_bench}, {"verify", gdi_command_verify}};
enum { COMMANDS = sizeof commands / sizeof *commands };

static gd_status dispatch(int argc, char **argv) {
  const char *first = argc > 1 ? argv[1] : "";
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(first, commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
  if (*first && strncmp(first, "--", 2) != 0 && !strchr(first, '.') && access(first, F_OK) != 0) {
    const char *names[COMMANDS + 1] = {0};
    for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
    const char *near = gd_nearest(first, names);
    gd_status st = near ? GD_FAIL(GD_ERR_USAGE, "unknown command \"%s\", did you mean \"%s\"?", first, near)
                        : GD_FAIL(GD_ERR_USAGE, "unknown command \"%s\"; gdtrain --help lists them", first);
    return gdi_leave(NULL, st);
  }
  return gdi_command_train(argc - 1, argv + 1);
}

/* Plug-ins come first: what they register is then known to help and options alike. */
static gd_status load_plugins(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (strncmp(argv[i], "--load=", 7) == 0) GD_TRY(gd_plugins_load(argv[i] + 7));
    if (strcmp(argv[i], "--load") == 0 && i + 1 < argc) GD_TRY(gd_plugins_load(argv[i + 1]));
  }
  return GD_OK;
}

int gd_main_failed(void) {
  return gd_status_exit_code(gdi_leave(NULL, gd_error_last()->status));
}

int gd_main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  if (gd_models_register() != GD_OK || load_plugins(argc, argv) != GD_OK) return gd_main_failed();
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      gdi_print_help(stdout, argv[1]);
      return 0;
    }
    if (strcmp(argv[i], "--help-losses") == 0)
      return gd_status_exit_code(gdi_leave(NULL, gd_losses_manual(stdout, argv[i + 1])));
    if (strcmp(argv[i], "--help-metrics") == 0)
      return gd_status_exit_code(gdi_leave(NULL, gd_metrics_manual(stdout, argv[i + 1])));
    if (strcmp(argv[i], "--help-layers") == 0)
      return gd_status_exit_code(gdi_leave(NULL, gd_layers_manual(stdout, argv[i + 1])));
    if (strcmp(argv[i], "--help-augment") == 0)
      return gd_status_exit_code(gdi_leave(NULL, gd_augment_manual(stdout, argv[i + 1])));
    if (strcmp(argv[i], "--help-options") == 0) return gd_options_manual(stdout), 0;
    if (strcmp(argv[i], "--version") == 0) return puts("gdtrain " GD_VERSION), 0;
  }
  if (argc > 1 && strcmp(argv[1], "help") == 0) return gdi_print_help(stdout, argc > 2 ? argv[2] : ""), 0;
  return gd_status_exit_code(dispatch(argc, argv));
}

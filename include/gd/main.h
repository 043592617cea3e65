/**
 * @file main.h  A program of one's own that is a gdtrain: every subcommand and option, and one's own layers,
 * losses, metrics and data sets besides the built-in ones.
 *
 *   int main(int argc, char **argv) {
 *     if (gd_module_register(&my_layer) != GD_OK || gd_loss_register(&my_loss) != GD_OK) return gd_main_failed();
 *     return gd_main(argc, argv);
 *   }
 */
#ifndef GD_MAIN_H
#define GD_MAIN_H

#include "gd/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What the program gdtrain does, with these arguments: prints to stdout and stderr, starts and ends MPI, takes over
 * SIGUSR1, SIGTERM, SIGINT, SIGHUP while it trains.
 *
 * Returns the exit code (see the README), equal on all ranks
 */
GD_API int gd_main(int argc, char **argv);
/** Tell why something failed before gd_main() could begin. Returns its exit code. */
GD_API int gd_main_failed(void);

#ifdef __cplusplus
}
#endif
#endif

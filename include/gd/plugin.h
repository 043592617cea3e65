/**
 * @file plugin.h  Plug-ins: layers, operations, losses, metrics and data sets of one's own in a shared library.
 *
 *   static gd_status init(void) { return gd_module_register(&mine); }
 *   GD_PLUGIN(init);
 *
 *   cc -shared -fPIC mine.c $(pkg-config --cflags gdtrain) -o mine.so       (nothing to link: gdtrain has it all)
 *   gdtrain --load ./mine.so --model mine:64
 */
#ifndef GD_PLUGIN_H
#define GD_PLUGIN_H

#include "gd/metric.h"
#include "gd/module.h"
#include "gd/op.h"
#include "gd/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a plug-in was compiled with, and its entrance: GD_PLUGIN() makes it. */
typedef struct gd_plugin {
  const char *version; /**< of gdtrain's headers */
  size_t sizes[6];     /**< of the records that it shares with the program */
  gd_status (*init)(void);
} gd_plugin;

#define GD_PLUGIN_SIZES                                                                                      \
  {                                                                                                          \
    sizeof(gd_module_class), sizeof(gd_op), sizeof(gd_loss_class), sizeof(gd_metric), sizeof(gd_tensor),     \
        sizeof(gd_module)                                                                                    \
  }
/** In one file of the plug-in: `init` registers what it has. */
#define GD_PLUGIN(init)                                                                                      \
  extern GD_API const gd_plugin gd_plugin_record;                                                            \
  const gd_plugin gd_plugin_record = {GD_VERSION, GD_PLUGIN_SIZES, init}

/**
 * Load plug-ins, blank-separated paths, before anything is built. One that is loaded already stays. Ranks compare
 * the SHA-256 of what they have loaded, and checkpoints keep it; nothing but this function ever loads one.
 *
 * Collective: no; every rank loads the same
 * Errors:     GD_ERR_USAGE: no such file, no plug-in, other headers than this program's; those of its init
 */
GD_API gd_status gd_plugins_load(const char *paths) GD_CHECKED;
/** "mine.so:<SHA-256> ..." of those that are loaded; "" for none. */
GD_API const char *gd_plugins_loaded(void);

#ifdef __cplusplus
}
#endif
#endif

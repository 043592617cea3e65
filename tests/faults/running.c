/* gdtrain with two layers more: those of running.h and tokens.h. */
#include <stdlib.h>

#include "running.h"
#include "tokens.h"

int main(int argc, char **argv) {
  if (gd_module_register(&running_class) != GD_OK || gd_module_register(&tokens_class) != GD_OK)
    return gd_main_failed();
  return gd_main(argc, argv);
}

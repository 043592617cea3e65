/* gdtrain with one layer more: that of running.h. */
#include <stdlib.h>

#include "running.h"

int main(int argc, char **argv) {
  if (gd_module_register(&running_class) != GD_OK) return gd_main_failed();
  return gd_main(argc, argv);
}

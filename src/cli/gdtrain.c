/* The program gdtrain: the library's own records and no others. */
#include "gd/main.h"

int main(int argc, char **argv) {
  return gd_main(argc, argv);
}

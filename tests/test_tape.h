/* A device and a tape for the tests of a file: group set-up and tear-down. */
#ifndef GD_TEST_TAPE_H
#define GD_TEST_TAPE_H

#include "gd/gd.h"
#include "test.h"

static gd_device *device;
static gd_tape *tape;

static int open_device(void **state) {
  (void)state;
  if (gd_device_open(&device, &(gd_device_options){.kind = GD_CPU, .threads = 1}) != GD_OK) return -1;
  return gd_tape_new(&tape, device) == GD_OK ? 0 : -1;
}

static int close_device(void **state) {
  (void)state;
  gd_tape_free(tape);
  gd_device_close(device);
  return 0;
}

#endif

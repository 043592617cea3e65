/* The device that a rank computes on. */
#ifndef GDI_COMM_RANK_DEVICE_H
#define GDI_COMM_RANK_DEVICE_H

#include "gd/comm.h"
#include "gd/device.h"

/*
 * device: "auto", "cpu", "cuda"; threads 0: the cores of this rank; precision as the setting of that name.
 * Ranks of a host take its GPUs in turn.
 */
gd_status gdi_device_for(gd_device **out, gd_world *w, const char *device, int64_t threads,
                         const char *precision) GD_CHECKED;

#endif

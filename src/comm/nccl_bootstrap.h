/* What ranks compare before NCCL hears of anything. */
#ifndef GDI_COMM_NCCL_MEET_H
#define GDI_COMM_NCCL_MEET_H

#include "comm/nccl_library.h"
#include "comm/world.h"
#include "device/device.h"

/*
 * Can all ranks of w use NCCL together? `why` is empty if so, and else equal on all ranks. nccl: NULL when
 * this rank has none, because of `missing`. Collective: yes
 */
gd_status gdi_nccl_bootstrap(gd_world *w, const gd_device *d, const gdi_nccl_library *nccl,
                             const char *missing, char *why, size_t why_bytes) GD_CHECKED;
/* "2.28.9" of 22809 */
void gdi_nccl_version_text(char *text, size_t bytes, int version);

#endif

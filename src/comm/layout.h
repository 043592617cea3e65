/* Who is where: hosts, the numbering of ranks, groups and cores. */
#ifndef GDI_COMM_LAYOUT_H
#define GDI_COMM_LAYOUT_H

#include "comm/world.h"

gd_status gdi_layout(gd_world *w, gd_transport transport) GD_CHECKED; /* collective, after MPI has started */

#endif

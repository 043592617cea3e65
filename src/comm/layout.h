/* Who is where: hosts, the numbering of ranks, groups and cores. */
#ifndef GDI_COMM_LAYOUT_H
#define GDI_COMM_LAYOUT_H

#include "comm/world.h"

gd_status gdi_layout(gd_world *w, gd_transport transport) GD_CHECKED; /* collective, after MPI has started */
/* Groups and their shared memory, once places and w->comm are there. Collective over w. */
gd_status gdi_layout_share(gd_world *w, gd_transport transport) GD_CHECKED;
/* Groups by host, or of one rank each, without their memory. */
void gdi_layout_groups(gd_world *w, bool by_host);

#endif

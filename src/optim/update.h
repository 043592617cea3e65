/* What an optimizer is to a device: which rule of device/update.def, with which numbers. */
#ifndef GDI_OPTIM_UPDATE_H
#define GDI_OPTIM_UPDATE_H

#include "device/update.h"
#include "gd/optim.h"

gdi_rule gdi_optim_rule(const gd_optim *o);

/*
 * The numbers of one step. Those of u that a GPU finds by itself (grad_scale, lars' local_rate) are left at
 * 1 for it: it puts its own `scale` in place, and multiplies take[0] by the local rate.
 */
gdi_constants gdi_optim_constants(const gd_optim *o, const gd_update *u);

#endif

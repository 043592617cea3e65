/* What the files of gd_params share, and lend to the trainer. */
#ifndef GDI_NN_PARAMS_H
#define GDI_NN_PARAMS_H

#include "gd/params.h"

/* Does every joined name fit gd_named? Else GD_ERR_USAGE with the name. */
gd_status gdi_module_check_names(const gd_module *m) GD_CHECKED;
/* The lists of p, in its arena: the run's in their order, and what stays outside. params_list.c */
gd_status gdi_params_list(gd_params *p, gd_arena *a, const gd_params_options *o) GD_CHECKED;
/* gd_params_digest() of what stays outside of the run. */
gd_status gdi_params_digest_fixed(const gd_params *p, gd_digest *out) GD_CHECKED;

#endif

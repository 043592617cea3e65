/*
 * Injected faults: one-line hooks that break a promise on purpose, so that tests can see it noticed. The
 * environment says which: GDTRAIN_FAULT=name[@rank[:step]]. Compiled in with -DGD_FAULTS=ON only; otherwise a
 * hook is `false`.
 */
#ifndef GDI_BASE_FAULT_H
#define GDI_BASE_FAULT_H

#include "gd/status.h"

enum { GDI_ANY_STEP = -1 };

int gdi_error_rank(void); /* of this process, as gd_error_identity() was told; -1 before */

#ifdef GD_FAULTS
bool gdi_fault(const char *name, int64_t step);
#define GDI_FAULT_AT(name, step) gdi_fault((name), (step))
#else
#define GDI_FAULT_AT(name, step) ((void)(step), false)
#endif
/* Is this fault injected here? */
#define GDI_FAULT(name) GDI_FAULT_AT(name, GDI_ANY_STEP)

#endif

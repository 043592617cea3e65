#include "base/fault.h"

#ifdef GD_FAULTS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool gdi_fault(const char *name, int64_t step) {
  const char *planted = getenv("GDTRAIN_FAULT");
  const size_t n = strlen(name);
  if (!planted || strncmp(planted, name, n) != 0 || (planted[n] && planted[n] != '@')) return false;
  int rank = -1;
  long long at = GDI_ANY_STEP;
  if (planted[n] == '@') sscanf(planted + n, "@%d:%lld", &rank, &at);
  if (rank >= 0 && rank != gdi_error_rank()) return false;
  return at == GDI_ANY_STEP || step == at;
}
#endif

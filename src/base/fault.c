#include "base/fault.h"

#ifdef GD_FAULTS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool gdi_fault(const char *name, int64_t step) {
  const char *injected = getenv("GDTRAIN_FAULT");
  const size_t n = strlen(name);
  if (!injected || strncmp(injected, name, n) != 0 || (injected[n] && injected[n] != '@')) return false;
  int rank = -1;
  long long at = GDI_ANY_STEP;
  if (injected[n] == '@') sscanf(injected + n, "@%d:%lld", &rank, &at);
  if (rank >= 0 && rank != gdi_error_rank()) return false;
  return at == GDI_ANY_STEP || step == at;
}
#endif

/* Numbers of a comparison, for people. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/compare.h"

void gdi_compare_number(char buf[24], double v) {
  if (isnan(v))
    strcpy(buf, "-");
  else if (isinf(v))
    strcpy(buf, "never");
  else if (fabs(v) >= 1e6)
    snprintf(buf, 24, "%.3gM", v / 1e6);
  else
    snprintf(buf, 24, fabs(v) >= 100 ? "%.0f" : fabs(v) >= 10 ? "%.1f" : "%.3g", v);
}

const char *gdi_compare_goal(const gd_compare_options *c) {
  if (!isnan(c->target_loss)) return "loss";
  return c->target_metric ? c->target_metric->name : "accuracy";
}

void gdi_compare_batch(char buf[32], const gd_compare_row *r) {
  snprintf(buf, 32, "%s%lld", r->full ? "full " : "", (long long)r->batch);
}

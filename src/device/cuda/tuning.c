#include "device/cuda/tuning.h"

#include <stdlib.h>
#include <string.h>

#include "base/words.h"

enum { MOST = 10000 };

/* "name=number" at *p, which then is what follows its comma. */
static gd_status read_one(gdi_tuning *out, const char **p) {
  static const char *const names[] = {
      "update_share", "gradient_stream", "relu_by_product", "node_priority", "columns_mb", "cudnn", NULL};
  int *const knob[] = {&out->update_share,  &out->gradient_stream, &out->relu_by_product,
                       &out->node_priority, &out->columns_mb,      &out->cudnn};
  int which = 0;
  const size_t length = strcspn(*p, "=,");
  const char *digits = *p + length + 1;
  char name[32] = "", *end = NULL;
  memcpy(name, *p, length < sizeof name ? length : sizeof name - 1);
  GD_TRY(gdi_word_index(&which, "knob of GDTRAIN_TUNE", name, names));
  const long value = (*p)[length] == '=' ? strtol(digits, &end, 10) : -1;
  if (value < 0 || value > MOST || end == digits || (*end && *end != ','))
    return GD_FAIL(GD_ERR_USAGE, "GDTRAIN_TUNE: %s takes a number from 0 to %d: %s=4", name, MOST, name);
  *knob[which] = (int)value;
  *p = end + (*end == ',');
  return GD_OK;
}

gd_status gdi_tuning_read(gdi_tuning *out) {
  *out = (gdi_tuning){.update_share = 4,
                      .gradient_stream = 1,
                      .relu_by_product = 1,
                      .node_priority = 1,
                      .columns_mb = GDI_COLUMNS_MB,
                      .cudnn = 1};
  for (const char *p = getenv("GDTRAIN_TUNE"); p && *p;) GD_TRY(read_one(out, &p));
  return GD_OK;
}

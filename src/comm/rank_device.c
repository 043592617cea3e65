#include "comm/rank_device.h"

#include <string.h>

#include "base/log.h"
#include "gd/device.h"

gd_status gdi_device_for(gd_device **out, gd_world *w, const char *device, int64_t threads,
                         const char *precision) {
  gd_device_options d = {.kind = GD_CPU, .threads = threads ? (int)threads : gd_world_cores(w)};
  const int gpus = strcmp(device, "cpu") == 0 ? 0 : gd_device_gpus();
  if (gpus > 0 || strcmp(device, "cuda") == 0) d.kind = GD_CUDA;
  if (gpus > 0) d.index = gd_world_device_index(w) % gpus;
  if (gpus > 0 && gpus < gd_world_local_size(w) && gd_world_rank(w) == 0)
    gdi_message_once(GD_LOG_WARN, "%d ranks of this host share %d GPU%s: one rank for each is faster",
                     gd_world_local_size(w), gpus, gpus > 1 ? "s" : "");
  if (strcmp(precision, "bf16") == 0) d.matmul = GD_MATMUL_BF16;
  if (strcmp(precision, "tf32") == 0) d.matmul = GD_MATMUL_TF32;
  if (d.kind == GD_CPU && d.matmul == GD_MATMUL_TF32)
    return GD_FAIL(GD_ERR_USAGE, "precision: tf32 needs a GPU; on CPUs choose fp32, bf16 or fp64");
  return gd_device_open(out, &d);
}

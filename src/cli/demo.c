/* The demonstration: digits drawn from strokes, learned by a small network with warm restarts. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

const char gdi_demo_settings[] = "data: {train: runs/glyphs/train.h5, val: runs/glyphs/test.h5}\n"
                                 "model: linear:256 relu linear:10\n"
                                 "batch_size: 128\n"
                                 "micro_batch: 16\n"
                                 "epochs: 7\n"
                                 "schedule: {name: sgdr, t0: 1, t_mult: 2}\n";
const char gdi_demo_optimizer[] = "optimizer: {name: sgd, lr: 0.1, momentum: 0.9}\n";

static gd_status make(const char *path, int64_t n, uint64_t seed) {
  if (access(path, R_OK) == 0) return GD_OK;
  gd_table t;
  GD_TRY(gd_generate(&t, &(gd_generate_options){.name = "glyphs", .n = n, .noise = -1, .seed = seed}));
  gd_status st = gd_table_write(&t, path);
  gd_table_free(&t);
  return st;
}

static gd_status make_data(void) {
  static const char *const folders[] = {"runs", "runs/glyphs"};
  for (int i = 0; i < 2; i++)
    if (mkdir(folders[i], 0777) != 0 && errno != EEXIST)
      return GD_FAIL(GD_ERR_WRITE, "%s: %s: the demonstration needs a folder to write to", folders[i],
                     strerror(errno));
  GD_TRY(make("runs/glyphs/train.h5", 20000, 1));
  return make("runs/glyphs/test.h5", 4000, 2);
}

gd_status gdi_demo_ready(gd_world *w) {
  const bool root = gd_world_rank(w) == 0;
  if (root)
    gd_message(GD_LOG_INFO,
               "no data given: a demonstration on drawn digits (yours: --data FILE.h5, see gdtrain --help)");
  return gd_world_agree(w, root ? make_data() : GD_OK);
}

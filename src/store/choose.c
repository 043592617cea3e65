/* Which weights of a checkpoint are used: as trained, or an average of them. */
#include <string.h>

#include "base/words.h"
#include "store/checkpoint.h"

gd_status gd_checkpoint_choose(gd_checkpoint *c, const char *weights, const char **used) {
  static const char *const words[] = {"trained", "ema", "swa", NULL};
  int wanted = 0;
  if (weights) GD_TRY(gdi_word_index(&wanted, "weights", weights, words));
  *used = words[0];
  if (weights && wanted == 0) return GD_OK;
  for (int s = 0; s < c->n_states; s++) {
    if (!gdi_is_average(c->state_name[s]) || (weights && strcmp(weights, c->state_name[s]) != 0)) continue;
    *used = c->state_name[s];
    for (int i = 0; i < c->n_params; i++) c->param[i].data = c->state[s][i].data; /* the same order */
    return GD_OK;
  }
  if (!weights) return GD_OK;
  return GD_FAIL(GD_ERR_CHECKPOINT,
                 "the checkpoint holds no average \"%s\" of the parameters: it was trained without", weights);
}

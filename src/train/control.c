/* What a program decides between steps, in checkpoints. */
#include "train/fit.h"

enum { LR_FACTOR, STOP, STATE, STATES = sizeof((gd_control){0}.state) / sizeof(double) };
_Static_assert(STATE + STATES == GD_CONTROL_NUMBERS, "a checkpoint has a number for each");

void gdi_control_keep(const gd_control *control, gd_checkpoint *c) {
  c->controlled = true;
  c->control[LR_FACTOR] = control->lr_factor, c->control[STOP] = control->stop;
  for (int i = 0; i < STATES; i++) c->control[STATE + i] = control->state[i];
}

gd_control gdi_control_of(const gd_checkpoint *c) {
  gd_control control = {.lr_factor = 1};
  if (!c || !c->controlled) return control;
  control.lr_factor = c->control[LR_FACTOR], control.stop = c->control[STOP] != 0;
  for (int i = 0; i < STATES; i++) control.state[i] = c->control[STATE + i];
  return control;
}

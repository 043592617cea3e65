/* Update rules as both devices use them: what changes from step to step, and which rule runs. */
#ifndef GDI_DEVICE_UPDATE_H
#define GDI_DEVICE_UPDATE_H

enum { GDI_MAX_STATES = 4 }; /* three of a rule, and the average of the parameters */

/*
 * What the loops need, computed in f64 and rounded once, as PyTorch does. Settings that are off are neutral
 * numbers (a decay of 0, a limit of infinity), so that one loop serves with and without them: they are bound
 * by memory.
 */
typedef struct gdi_constants {
  double scale, limit; /* of gradients */
  double rate;         /* w -= rate * direction */
  double l2;           /* g += l2 w */
  double shrink;       /* w *= shrink */
  double keep[2];      /* what stays of the first and second state */
  double take[2];      /* what is added to them; lars: take[0] is multiplied by the local rate */
  double look_ahead;   /* nesterov: g + look_ahead v */
  double root, eps;    /* sqrt(state) / root + eps */
  double average;      /* of the way from the average to the new parameter */
} gdi_constants;

/* Parameters may be updated with different ones: as many as gd_params has settings. */
enum { GDI_MAX_CONSTANTS = 16 };

typedef enum gdi_rule {
#define GDI_RULE(name, states, statement) GDI_RULE_##name,
#include "device/update.def"
  GDI_RULES
} gdi_rule;

/* States of the rule itself. The average, where there is one, comes after them. */
static inline int gdi_rule_states(gdi_rule rule) {
  static const int states[] = {
#define GDI_RULE(name, n, statement) n,
#include "device/update.def"
  };
  return states[rule];
}

#endif

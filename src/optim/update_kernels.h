/*
 * The update rules over n elements of REAL. No guard: update.c includes this once per type, with
 *   REAL, KERNEL(name), SQRT, ABS, REAL_MAX.
 *
 * A loop per rule, none with a branch: what differs between rules is known when they are compiled. `bad` is
 * not 0 when a gradient, or a new parameter, was not finite.
 */
#define INLINE static inline __attribute__((always_inline))

/* Not finite; as an integer so that loops stay vectors. NaN fails every comparison. */
INLINE int KERNEL(wild)(REAL x) {
  return !(ABS(x) <= REAL_MAX);
}

/* clamp(g, limit), where NaN stays NaN */
INLINE REAL KERNEL(clamp)(REAL g, REAL limit) {
  g = g > limit ? limit : g;
  return g < -limit ? -limit : g;
}

#define NUMBER(name, value) __attribute__((unused)) const REAL name = (REAL)c->value
#define NUMBERS                                                                                              \
  NUMBER(scale, scale);                                                                                      \
  NUMBER(limit, limit);                                                                                      \
  NUMBER(rate, rate);                                                                                        \
  NUMBER(l2, l2);                                                                                            \
  NUMBER(shrink, shrink);                                                                                    \
  NUMBER(keep0, keep[0]);                                                                                    \
  NUMBER(keep1, keep[1]);                                                                                    \
  NUMBER(take0, take[0]);                                                                                    \
  NUMBER(take1, take[1]);                                                                                    \
  NUMBER(look_ahead, look_ahead);                                                                            \
  NUMBER(root, root);                                                                                        \
  NUMBER(eps, eps)

#define GDI_RULE(name, states, statement)                                                                    \
  static bool KERNEL(name)(const gdi_constants *c, int64_t n, REAL *restrict param,                          \
                           const REAL *restrict grad, void *const state[]) {                                 \
    NUMBERS;                                                                                                 \
    REAL *restrict state0 = states > 0 ? state[0] : NULL;                                                    \
    REAL *restrict state1 = states > 1 ? state[1] : NULL;                                                    \
    REAL *restrict state2 = states > 2 ? state[2] : NULL;                                                    \
    int bad = 0;                                                                                             \
    _Pragma("omp simd reduction(| : bad)") for (int64_t i = 0; i < n; i++) {                                 \
      REAL w = param[i], g = scale * grad[i];                                                                \
      REAL s0 = states > 0 ? state0[i] : 0, s1 = states > 1 ? state1[i] : 0,                                 \
           s2 = states > 2 ? state2[i] : 0;                                                                  \
      bad |= KERNEL(wild)(g);                                                                                \
      g = KERNEL(clamp)(g, limit) + l2 * w;                                                                  \
      statement;                                                                                             \
      bad |= KERNEL(wild)(w);                                                                                \
      param[i] = w;                                                                                          \
      if (states > 0) state0[i] = s0;                                                                        \
      if (states > 1) state1[i] = s1;                                                                        \
      if (states > 2) state2[i] = s2;                                                                        \
    }                                                                                                        \
    return !bad;                                                                                             \
  }
#include "device/update.def"

static bool (*const KERNEL(rules)[GDI_RULES])(const gdi_constants *c, int64_t n, REAL *restrict param,
                                              const REAL *restrict grad, void *const state[]) = {
#define GDI_RULE(name, states, statement) [GDI_RULE_##name] = KERNEL(name),
#include "device/update.def"
};

/* The parameters are still near. Exactly w for 1, as at the first update, whatever the average was. */
static void KERNEL(average)(const gdi_constants *c, int64_t n, const void *param, void *state) {
  const REAL *restrict w = param;
  REAL *restrict s = state;
  const REAL part = (REAL)c->average;
  if (part == 0) return;
  _Pragma("omp simd") for (int64_t i = 0; i < n; i++) s[i] = part == 1 ? w[i] : s[i] + part * (w[i] - s[i]);
}

#undef INLINE
#undef NUMBER
#undef NUMBERS
#undef REAL
#undef KERNEL
#undef SQRT
#undef ABS
#undef REAL_MAX

/*
 * The update rules over n elements of REAL. No guard: update.c includes this once per type, with
 *   REAL, KERNEL(name), SQRT, ABS, REAL_MAX.
 *
 * Every element is computed from the same index of the arrays alone, and nothing is contracted or
 * reassociated: the bits do not depend on where a range is cut. What differs between variants of a rule is a
 * constant argument of an inlined function, so no loop holds a branch.
 *
 * `bad` is not 0 when a gradient, or a new parameter, was not finite.
 */
#define INLINE static inline __attribute__((always_inline))
#define LOOP   _Pragma("omp simd reduction(| : bad)") for (int64_t i = 0; i < n; i++)

/* Not finite; as an integer so that loops stay vectors. NaN fails every comparison. */
INLINE int KERNEL(wild)(REAL x) {
  return !(ABS(x) <= REAL_MAX);
}

/* clamp(scale g), where NaN stays NaN */
INLINE REAL KERNEL(clamp)(REAL g, REAL limit) {
  g = g > limit ? limit : g;
  return g < -limit ? -limit : g;
}

#define GRADIENT(g)                                                                                          \
  REAL g = scale * grad[i];                                                                                  \
  bad |= KERNEL(wild)(g);                                                                                    \
  g = KERNEL(clamp)(g, limit) + l2 * w[i]

#define COMMON                                                                                               \
  const REAL scale = (REAL)c->scale, limit = (REAL)c->limit, rate = (REAL)c->rate, l2 = (REAL)c->l2;         \
  int bad = 0

/* v = keep v + take g;  w -= rate (v, or with nesterov g + m v) */
INLINE bool KERNEL(momentum)(const gdi_constants *c, int64_t n, REAL *restrict w, const REAL *restrict grad,
                             REAL *restrict v, const bool nesterov) {
  COMMON;
  const REAL keep = (REAL)c->keep[0], take = (REAL)c->take[0], look_ahead = (REAL)c->look_ahead;
  LOOP {
    GRADIENT(g);
    v[i] = keep * v[i] + take * g;
    w[i] -= rate * (nesterov ? g + look_ahead * v[i] : v[i]);
    bad |= KERNEL(wild)(w[i]);
  }
  return !bad;
}

/* w -= rate g */
INLINE bool KERNEL(plain)(const gdi_constants *c, int64_t n, REAL *restrict w, const REAL *restrict grad) {
  COMMON;
  LOOP {
    GRADIENT(g);
    w[i] -= rate * g;
    bad |= KERNEL(wild)(w[i]);
  }
  return !bad;
}

/* m = b1 m + (1 - b1) g;  s = b2 s + (1 - b2) g^2;  w = shrink w - rate m / (sqrt(s) / root + eps) */
INLINE bool KERNEL(adam)(const gdi_constants *c, int64_t n, REAL *restrict w, const REAL *restrict grad,
                         REAL *restrict m, REAL *restrict s) {
  COMMON;
  const REAL keep0 = (REAL)c->keep[0], take0 = (REAL)c->take[0];
  const REAL keep1 = (REAL)c->keep[1], take1 = (REAL)c->take[1];
  const REAL shrink = (REAL)c->shrink, root = (REAL)c->root, eps = (REAL)c->eps;
  LOOP {
    GRADIENT(g);
    m[i] = keep0 * m[i] + take0 * g;
    s[i] = keep1 * s[i] + take1 * g * g;
    w[i] = shrink * w[i] - rate * (m[i] / (SQRT(s[i]) / root + eps));
    bad |= KERNEL(wild)(w[i]);
  }
  return !bad;
}

/*
 * s = alpha s + (1 - alpha) g^2;  mean = alpha mean + (1 - alpha) g;  d = g / (sqrt(s - mean^2) + eps);
 * v = m v + d;  w -= rate (v, or without momentum d).  Not centered: mean is 0.
 */
INLINE bool KERNEL(rmsprop)(const gdi_constants *c, int64_t n, REAL *restrict w, const REAL *restrict grad,
                            REAL *restrict s, REAL *restrict v, REAL *restrict mean, const bool momentum,
                            const bool centered) {
  COMMON;
  const REAL keep = (REAL)c->keep[0], alpha = (REAL)c->keep[1], take = (REAL)c->take[1], eps = (REAL)c->eps;
  LOOP {
    GRADIENT(g);
    s[i] = alpha * s[i] + take * g * g;
    REAL variance = s[i];
    if (centered) {
      mean[i] = alpha * mean[i] + take * g;
      variance -= mean[i] * mean[i];
      variance = variance < 0 ? 0 : variance; /* rounding must not make a NaN of a constant gradient */
    }
    REAL d = g / (SQRT(variance) + eps);
    if (momentum) d = v[i] = keep * v[i] + d;
    w[i] -= rate * d;
    bad |= KERNEL(wild)(w[i]);
  }
  return !bad;
}

static bool KERNEL(update)(const gd_optim *o, const gdi_constants *c, int64_t n, REAL *w, const REAL *grad,
                           void *const s[]) {
  const bool m = o->momentum != 0;
  switch (o->kind) {
  case GD_SGD:
    if (!m) return KERNEL(plain)(c, n, w, grad);
    return o->nesterov ? KERNEL(momentum)(c, n, w, grad, s[0], true)
                       : KERNEL(momentum)(c, n, w, grad, s[0], false);
  case GD_LARS: return KERNEL(momentum)(c, n, w, grad, s[0], false);
  case GD_ADAM:
  case GD_ADAMW: return KERNEL(adam)(c, n, w, grad, s[0], s[1]);
  case GD_RMSPROP:
    if (m && o->centered) return KERNEL(rmsprop)(c, n, w, grad, s[0], s[1], s[2], true, true);
    if (m) return KERNEL(rmsprop)(c, n, w, grad, s[0], s[1], NULL, true, false);
    if (o->centered) return KERNEL(rmsprop)(c, n, w, grad, s[0], NULL, s[1], false, true);
    return KERNEL(rmsprop)(c, n, w, grad, s[0], NULL, NULL, false, false);
  }
  return false;
}

#undef INLINE
#undef LOOP
#undef GRADIENT
#undef COMMON
#undef REAL
#undef KERNEL
#undef SQRT
#undef ABS
#undef REAL_MAX

#include "data/convert.h"

#include <stdlib.h>

/* S stored, T wanted, C in which it is computed: float where S and T are exact in it. */
#define CONVERT(S, T, C)                                                                                     \
  static void scale_##S##_##T(const void *from, void *to, int64_t n, const void *shift,                      \
                              const void *factor) {                                                          \
    (void)shift;                                                                                             \
    const S *restrict s = from;                                                                              \
    T *restrict t = to;                                                                                      \
    const C f = *(const C *)factor;                                                                          \
    for (int64_t i = 0; i < n; i++) t[i] = (T)((C)s[i] * f);                                                 \
  }                                                                                                          \
  static void standardize_##S##_##T(const void *from, void *to, int64_t n, const void *shift,                \
                                    const void *factor) {                                                    \
    const S *restrict s = from;                                                                              \
    T *restrict t = to;                                                                                      \
    const C *restrict m = shift, *restrict f = factor;                                                       \
    for (int64_t i = 0; i < n; i++) t[i] = (T)(((C)s[i] - m[i]) * f[i]);                                     \
  }
CONVERT(uint8_t, float, float)
CONVERT(int32_t, float, double)
CONVERT(int64_t, float, double)
CONVERT(float, float, float)
CONVERT(double, float, double)
CONVERT(uint8_t, double, double)
CONVERT(int32_t, double, double)
CONVERT(int64_t, double, double)
CONVERT(float, double, double)
CONVERT(double, double, double)

typedef struct conversion {
  gd_dtype from, to;
  bool in_float;
  gdi_convert_fn scale, standardize;
} conversion;

static const conversion conversions[] = {
    {GD_U8, GD_F32, true, scale_uint8_t_float, standardize_uint8_t_float},
    {GD_I32, GD_F32, false, scale_int32_t_float, standardize_int32_t_float},
    {GD_I64, GD_F32, false, scale_int64_t_float, standardize_int64_t_float},
    {GD_F32, GD_F32, true, scale_float_float, standardize_float_float},
    {GD_F64, GD_F32, false, scale_double_float, standardize_double_float},
    {GD_U8, GD_F64, false, scale_uint8_t_double, standardize_uint8_t_double},
    {GD_I32, GD_F64, false, scale_int32_t_double, standardize_int32_t_double},
    {GD_I64, GD_F64, false, scale_int64_t_double, standardize_int64_t_double},
    {GD_F32, GD_F64, false, scale_float_double, standardize_float_double},
    {GD_F64, GD_F64, false, scale_double_double, standardize_double_double},
};

static void put(void *array, int64_t i, bool in_float, double v) {
  if (in_float)
    ((float *)array)[i] = (float)v;
  else
    ((double *)array)[i] = v;
}

gd_status gdi_convert_make(gdi_convert *c, gd_dtype from, gd_dtype to, int64_t n, double scale,
                           const gd_standardize *s) {
  const conversion *found = NULL;
  *c = (gdi_convert){.n = n};
  for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++)
    if (conversions[i].from == from && conversions[i].to == to) found = &conversions[i];
  if (!found) return GD_FAIL(GD_ERR_DTYPE, "samples become f32 or f64, nothing else");
  bool standardize = s && s->features > 0;
  if (standardize && s->features != n)
    return GD_FAIL(GD_ERR_USAGE, "standardising is for %lld values per sample; the data have %lld",
                   (long long)s->features, (long long)n);
  c->standardizes = standardize, c->in_float = found->in_float;
  c->run = standardize ? found->standardize : found->scale;
  size_t count = standardize ? (size_t)n : 1;
  c->shift = calloc(count, sizeof(double));
  c->factor = calloc(count, sizeof(double));
  if (!c->shift || !c->factor) {
    gdi_convert_free(c);
    return GD_FAIL(GD_ERR_OOM, "no memory to standardise %lld values", (long long)n);
  }
  if (!standardize) put(c->factor, 0, found->in_float, scale);
  for (int64_t i = 0; standardize && i < n;
       i++) { /* (scale x - mean) / std = (x - mean / scale) scale / std */
    put(c->shift, i, found->in_float, s->mean[i] / scale);
    put(c->factor, i, found->in_float, scale / s->std[i]);
  }
  return GD_OK;
}

void gdi_convert_free(gdi_convert *c) {
  free(c->shift), free(c->factor);
  c->shift = c->factor = NULL;
}

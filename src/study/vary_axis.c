/* A setting and its values, from text: "key=value,value" or "{...},{...}". */
#include <stdio.h>
#include <string.h>

#include "study/vary.h"

const char *gdi_vary_text(gd_arena *a, const char *text, size_t n) {
  char *p = gd_arena_alloc(a, n + 1);
  if (!p) return NULL;
  memcpy(p, text, n);
  p[n] = 0;
  return p;
}

static gd_status add(gdi_axis *x, const char *value) {
  if (!value) return GD_ERR_OOM;
  if (x->n == GDI_VARY_VALUES)
    return GD_FAIL(GD_ERR_USAGE, "vary: %s: more than %d values", x->key, GDI_VARY_VALUES);
  for (int i = 0; i < x->n; i++)
    if (strcmp(x->value[i], value) == 0)
      return GD_FAIL(GD_ERR_USAGE, "vary: %s: %s is there twice", x->key, value);
  x->value[x->n++] = value;
  return GD_OK;
}

/* 1..5 */
static gd_status add_range(gdi_axis *x, gd_arena *a, long long lo, long long hi) {
  if (lo > hi) return GD_FAIL(GD_ERR_USAGE, "vary: %s: %lld..%lld is empty", x->key, lo, hi);
  gd_status st = GD_OK;
  for (long long i = lo; st == GD_OK && i <= hi; i++) {
    char number[32];
    const int n = snprintf(number, sizeof number, "%lld", i);
    st = add(x, gdi_vary_text(a, number, (size_t)n));
  }
  return st;
}

static gd_status add_text(gdi_axis *x, gd_arena *a, const char *text, size_t n) {
  while (n && *text == ' ') text++, n--;
  while (n && text[n - 1] == ' ') n--;
  const char *value = gdi_vary_text(a, text, n);
  long long lo, hi;
  int used = 0;
  if (!value) return GD_ERR_OOM;
  if (!n) return GD_FAIL(GD_ERR_USAGE, "vary: %s: an empty value", x->key);
  if (!*x->key && *value != '{')
    return GD_FAIL(GD_ERR_USAGE, "vary: %s: expected a map of settings, as {lr: 0.1, momentum: 0.9}", value);
  if (sscanf(value, "%lld..%lld%n", &lo, &hi, &used) == 2 && !value[used]) return add_range(x, a, lo, hi);
  return add(x, value);
}

/* Up to the comma that ends a value; NULL: a bracket or quote has no other end. */
static const char *value_end(const char *at) {
  int depth = 0;
  for (char quote = 0; *at && (quote || depth || *at != ','); at++) {
    if (quote || *at == '"' || *at == '\'')
      quote = !quote ? *at : quote == *at ? 0 : quote;
    else
      depth += (strchr("{[", *at) != NULL) - (strchr("]}", *at) != NULL);
    if (depth < 0 || (quote && !at[1])) return NULL;
  }
  return depth ? NULL : at;
}

gd_status gdi_axis_parse(gdi_axis *out, gd_arena *a, const char *text) {
  const char *equals = *text == '{' ? text : strchr(text, '='), *at = equals;
  if (!equals || (equals == text && *text == '='))
    return GD_FAIL(GD_ERR_USAGE,
                   "vary: \"%.80s\" is not KEY=VALUE,VALUE: as in --vary lr=0.1,0.2 or --vary seed=1..5",
                   text);
  out->n = 0;
  char *key = (char *)gdi_vary_text(a, text, (size_t)(equals - text));
  if (!(out->key = key)) return GD_ERR_OOM;
  for (; *key; key++)
    if (*key == '-') *key = '_';
  if (*at == '=') at++;
  for (bool more = true; more; at++) {
    const char *end = value_end(at);
    if (!end)
      return GD_FAIL(GD_ERR_USAGE, "vary: %s: a bracket or quote that is not closed: %.80s", out->key, at);
    GD_TRY(add_text(out, a, at, (size_t)(end - at)));
    more = *end == ',';
    at = end;
  }
  return GD_OK;
}

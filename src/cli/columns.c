/* The summary of an imported table, to be checked at a glance. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { NAME = 17, NUMBER = 9, SHOWN = 60 };

/* The first characters of a name, padded; a byte that continues a character of UTF-8 takes no room. */
static void print_padded(const char *text) {
  int n = 0, cut = 0;
  for (const char *p = text; *p; p++) cut += ((unsigned char)*p & 0xC0) != 0x80;
  for (const char *p = text; *p; p++) {
    const bool begins = ((unsigned char)*p & 0xC0) != 0x80;
    if (begins && n == (cut > NAME ? NAME - 2 : NAME)) break;
    n += begins;
    putchar((unsigned char)*p < ' ' || *p == 127 ? '?' : *p);
  }
  printf("%s%*s", cut > NAME ? ".." : "", cut > NAME ? 0 : NAME - n, "");
}

/* As many digits as fit. */
static void print_number(double v) {
  char text[32] = "";
  for (int digits = 6; digits > 0 && (digits == 6 || strlen(text) > NUMBER); digits--)
    snprintf(text, sizeof text, "%.*g", digits, v);
  printf(" %*s", NUMBER, isnan(v) ? "" : text);
}

static void print_column(const gd_column *c) {
  char distinct[32] = "";
  print_padded(c->name);
  printf(" %-7.7s %-7.7s", c->use, c->type);
  if (strcmp(c->use, "dropped") == 0) {
    printf("\n");
    return;
  }
  snprintf(distinct, sizeof distinct, c->distinct < 0 ? ">%lld" : "%lld", (long long)llabs(c->distinct));
  printf(" %7lld", (long long)c->missing);
  print_number(c->min), print_number(c->mean), print_number(c->max);
  printf(" %8s\n", distinct);
}

gd_status gdi_print_columns(const char *path) {
  gd_column *c;
  int64_t n, hidden = 0;
  GD_TRY(gd_data_columns(&c, &n, path));
  if (n > 0)
    printf("\n%-*s %-7s %-7s %7s %*s %*s %*s %8s\n", NAME, "column", "use", "type", "missing", NUMBER, "min",
           NUMBER, "mean", NUMBER, "max", "distinct");
  for (int64_t i = 0; i < n; i++) {
    const bool shown = i < SHOWN || strcmp(c[i].use, "target") == 0 || strcmp(c[i].use, "weight") == 0;
    if (shown && hidden > 0) printf("... %lld columns ...\n", (long long)hidden);
    hidden = shown ? 0 : hidden + 1;
    if (shown) print_column(&c[i]);
  }
  if (hidden > 0) printf("... %lld columns ...\n", (long long)hidden);
  free(c);
  return GD_OK;
}

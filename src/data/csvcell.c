#include "data/csvcell.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- numbers ---- */

static locale_t c_locale;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Correctly rounded: exact for up to 15 digits and powers of ten that a double holds; else what the C library makes. */
static double value_of(const char *plain, uint64_t digits, int n_digits, int exponent) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (n_digits <= 15 && exponent >= -22 && exponent <= 22) {
    const double v = exponent < 0 ? (double)digits / ten[-exponent] : (double)digits * ten[exponent];
    return *plain == '-' ? -v : v;
  }
  pthread_once(&once, make_c_locale);
  return strtod_l(plain, NULL, c_locale);
}

/*
 * sign, digits in groups of three (the first of one to three) where `group` stands between any, a decimal sign and
 * digits, and an exponent. *value is infinite where it is too large.
 */
static bool parse_number(const char *s, char decimal, char group, double *value) {
  enum { MOST = 400 };
  char plain[MOST + 8];
  int n = 0, whole = 0, digits = 0, exponent = 0, since = 0, groups = 0;
  uint64_t mantissa = 0;
  if (*s == '+' || *s == '-') plain[n++] = *s++;
  const bool leading_zero = *s == '0';
  for (; (isdigit((unsigned char)*s) || (group && *s == group)) && n < MOST; s++) {
    if (*s == group) {
      if (groups ? since != 3 : since < 1 || since > 3) return false;
      groups++, since = 0;
      continue;
    }
    plain[n++] = *s, whole++, since++;
    if (digits || *s != '0')
      digits++, mantissa = digits <= 18 ? 10 * mantissa + (uint64_t)(*s - '0') : mantissa;
  }
  if (groups && (since != 3 || leading_zero)) return false;
  if (*s == decimal) {
    plain[n++] = '.';
    for (s++; isdigit((unsigned char)*s) && n < MOST; s++) {
      plain[n++] = *s, whole++, exponent--;
      if (digits || *s != '0')
        digits++, mantissa = digits <= 18 ? 10 * mantissa + (uint64_t)(*s - '0') : mantissa;
    }
  }
  if (whole == 0) return false;
  if (*s == 'e' || *s == 'E') {
    char *end;
    const long e = strtol(s + 1, &end, 10);
    if (!isdigit((unsigned char)end[-1]) || isspace((unsigned char)s[1])) return false;
    if (n + (end - s) > MOST) return false;
    memcpy(plain + n, s, (size_t)(end - s));
    n += (int)(end - s);
    exponent += e > 9999 ? 9999 : e < -9999 ? -9999 : (int)e;
    s = end;
  }
  plain[n] = 0;
  if (*s) return false;
  *value = value_of(plain, mantissa, digits, exponent);
  return true;
}

bool gdi_csv_number(const char *text, double *out) {
  return parse_number(text, '.', 0, out) && isfinite(*out);
}

/* ---- dates ---- */

static bool digits_at(const char **s, int n, int *out) {
  *out = 0;
  for (int i = 0; i < n; i++, ++*s) {
    if (!isdigit((unsigned char)**s)) return false;
    *out = 10 * *out + (**s - '0');
  }
  return true;
}

static int64_t days_before(int64_t year, int month,
                           int day) { /* of the proleptic Gregorian calendar, from 1970-01-01 */
  const int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool parse_day(const char **s, double *days) {
  static const int length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int year, month, day;
  if (!digits_at(s, 4, &year)) return false;
  const char sign = *(*s)++; /* years first: 2019-01-31, 2019/01/31 */
  if ((sign != '-' && sign != '/') || !digits_at(s, 2, &month) || *(*s)++ != sign || !digits_at(s, 2, &day))
    return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > length[month - 1] ||
      (month == 2 && day == 29 && !leap))
    return false;
  *days = (double)days_before(year, month, day);
  return true;
}

/* ISO 8601: a day, and a time of it to the second or finer, in UTC. */
static bool parse_date(const char *s, double *days) {
  int hour, minute, second = 0;
  double fraction = 0;
  if (!parse_day(&s, days)) return false;
  if (*s == 0) return true;
  if ((*s != 'T' && *s != ' ') || !digits_at((s++, &s), 2, &hour) || *s++ != ':' ||
      !digits_at(&s, 2, &minute))
    return false;
  if (*s == ':') {
    s++;
    if (!digits_at(&s, 2, &second)) return false;
    if (*s == '.')
      for (double unit = 0.1; isdigit((unsigned char)*++s); unit /= 10) fraction += unit * (*s - '0');
  }
  if (*s == 'Z') s++;
  if (*s || hour > 23 || minute > 59 || second > 59) return false;
  *days += (3600 * hour + 60 * minute + second + fraction) / 86400;
  return true;
}

/* 31.01.2019, 1/31/19, 2019/01/31: two signs of one kind between one to four digits. */
static bool other_date(const char *s) {
  int part = 0, n = 0;
  const char sign = s[strspn(s, "0123456789")];
  if (!sign || !strchr("./-", sign)) return false;
  for (; *s; s++) {
    if (*s == sign) {
      if (n < 1) return false;
      part++, n = 0;
    } else if (!isdigit((unsigned char)*s) || ++n > 4) {
      return false;
    }
  }
  return part == 2 && n > 0;
}

/* ---- cells ---- */

static bool listed(const char *text, const char *list) {
  const size_t n = strlen(text);
  for (const char *p = list; *p;) {
    const size_t length = strcspn(p, ",");
    if (length == n && strncasecmp(p, text, n) == 0) return true;
    p += length + (p[length] == ',');
  }
  return false;
}

static bool is_missing(const gdi_cells *how, const char *text) {
  if (*text == 0) return true;
  if (!how->missing) return listed(text, "na,n/a,#n/a,<na>,nan,-nan,+nan,null,none,?");
  return strcmp(how->missing, "none") != 0 && listed(text, how->missing);
}

static bool has_unit(const char *s) {
  static const char *const units[] = {"%", "$", "\xE2\x82\xAC", "\xC2\xA3"};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    const size_t n = strlen(units[i]), length = strlen(s);
    if (strncmp(s, units[i], n) == 0 && isdigit((unsigned char)s[n + strspn(s + n, " -+")])) return true;
    if (length > n && strcmp(s + length - n, units[i]) == 0 && isdigit((unsigned char)s[0])) return true;
  }
  return false;
}

/* Digits in groups, with the one decimal sign or the other. */
static bool is_grouped(const char *s) {
  static const char pairs[][2] = {{'.', ','}, {',', '.'}, {'.', '\''}, {',', '\''},
                                  {'.', ' '}, {',', ' '}, {'.', '_'}};
  double v;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    if (strchr(s, pairs[i][1]) && parse_number(s, pairs[i][0], pairs[i][1], &v)) return true;
  return false;
}

/* Digits with signs between, but not in groups of three: 65,18,650 */
static bool is_odd_group(const char *s) {
  const char *digits = s + (*s == '-' || *s == '+');
  return isdigit((unsigned char)*digits) && strpbrk(digits, ".,'") &&
         digits[strspn(digits, "0123456789.,'")] == 0;
}

bool gdi_cell_numeric(const char *text) {
  double v;
  const size_t n = strlen(text);
  if (n > 0 && text[n - 1] == ',') return false; /* "1," is what stands before ", " */
  return parse_number(text, '.', 0, &v) || parse_number(text, ',', 0, &v) || is_grouped(text);
}

static gdi_cell no_number(const gdi_cells *how, const char *s) {
  double v;
  const bool by_comma = parse_number(s, ',', 0, &v), by_point = parse_number(s, '.', 0, &v),
             grouped = is_grouped(s);
  if (by_comma && how->decimal == '.' && !grouped) return GDI_CELL_COMMA;
  if (by_point && how->decimal == ',' && !grouped) return GDI_CELL_POINT;
  if (grouped) return GDI_CELL_GROUPED;
  if (has_unit(s)) return GDI_CELL_UNIT;
  if (listed(s, "inf,+inf,-inf,infinity,-infinity,+infinity")) return GDI_CELL_RANGE;
  if (other_date(s)) return GDI_CELL_OTHER_DATE;
  return is_odd_group(s) ? GDI_CELL_GROUPED : GDI_CELL_TEXT;
}

gdi_cell gdi_cell_of(const gdi_cells *how, const char *text, double *value) {
  const unsigned char first = (unsigned char)text[0];
  if (isdigit(first) || first == '-' || first == '+' || first == '.' || first == ',') {
    if (parse_number(text, how->decimal, how->thousands, value) && (!how->missing || !is_missing(how, text)))
      return isfinite(*value) ? GDI_CELL_NUMBER : GDI_CELL_RANGE;
    if (parse_date(text, value)) return GDI_CELL_DATE;
  }
  return is_missing(how, text) ? GDI_CELL_MISSING : no_number(how, text);
}

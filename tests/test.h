/* What every test needs: cmocka, and comparisons that NaN cannot pass. */
#ifndef GD_TEST_H
#define GD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define assert_close(value, expected, tolerance)                                                             \
  do {                                                                                                       \
    double value_ = (value), expected_ = (expected), error_ = value_ - expected_;                            \
    if (!((error_ < 0 ? -error_ : error_) <= (tolerance)))                                                   \
      fail_msg("%s = %.17g, expected %.17g within %g", #value, value_, expected_, (double)(tolerance));      \
  } while (0)

/** Must be GD_OK; prints the error record when it is not. */
#define assert_ok(expr)                                                                                      \
  do {                                                                                                       \
    gd_status status_ = (expr);                                                                              \
    if (status_ != GD_OK) fail_msg("%s: %s: %s", #expr, gd_status_name(status_), gd_error_last()->message);  \
  } while (0)

#endif

#!/usr/bin/env bash
# Every public header compiles by itself, in C and in C++, without warnings: a program may include any of them first.
#
#   headers.sh [SOURCE FOLDER]         CC=compiler CXX=compiler
set -uo pipefail
cd "${1:-$(dirname "$0")/..}/include"
strict=(-fsyntax-only -Wall -Wextra -Wpedantic -Werror -I.)
bad=0
# alone LANGUAGE COMPILER options...
alone() {
  local language=$1 compiler=$2 header
  shift 2
  for header in gd/*.h; do
    printf '#include "%s"\nextern int something;\n' "$header" | "$compiler" "$@" "${strict[@]}" -x "$language" - || { echo "$header does not compile alone in $language"; bad=1; }
  done
}
alone c "${CC:-cc}" -std=c11
if command -v "${CXX:-c++}" >/dev/null; then alone c++ "${CXX:-c++}" -std=c++11; else echo "no C++ compiler: C alone was tried"; fi
exit $bad

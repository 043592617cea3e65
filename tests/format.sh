#!/usr/bin/env bash
# Every file of src and include is as clang-format leaves it. Names those that are not.
#
#   format.sh [SOURCE FOLDER]          CLANG_FORMAT=program
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
program=${CLANG_FORMAT:-clang-format}
command -v "$program" >/dev/null || { echo "skipped: no clang-format"; exit 77; }
version=$("$program" --version | grep -oE '[0-9]+\.' | head -1)
# Versions differ in what they break; the tree is kept by 14, that of Debian 12.
[ "$version" = 14. ] || { echo "skipped: clang-format ${version%.}, where the tree is kept by 14"; exit 77; }
bad=$(find src include -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | xargs -P "$(nproc)" -n 16 "$program" --dry-run -Werror 2>&1 |
  sed -n 's/:[0-9]*:[0-9]*: error:.*//p' | sort -u || true)
[ -z "$bad" ] && exit 0
echo "not as clang-format leaves them (clang-format -i FILE):"
echo "$bad"
exit 1

#!/usr/bin/env bash
# The include rule: a room of src/ includes itself and lower rooms only, siblings never each other; and no two files
# of a room include each other in a circle. Prints every line that breaks it.
#
#   rooms.sh [SOURCE FOLDER]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}/src"

# Lower rooms first; rooms in one line are siblings.
order="base
device
autograd
ops
nn
models data comm optim
sync
store
infer
train
verify bench study
cli"

# "file room included-room" of every include of another room, with the floors of both
floor_of() { grep -nwF -- "$1" <<<"$order" | cut -d: -f1; }
bad=0
for room in *; do
  floor=$(floor_of "$room")
  [ -n "$floor" ] || { echo "src/$room: a room that tests/rooms.sh does not know"; bad=1; continue; }
  while IFS=: read -r file line other; do
    [ "$other" != "$room" ] || continue
    theirs=$(floor_of "$other")
    if [ -z "$theirs" ] || [ "$theirs" -ge "$floor" ]; then
      echo "src/$file:$line: $room may not include $other"
      bad=1
    fi
  done < <(grep -rnoE '^#include "[a-z_]+/' "$room" | grep -v '"gd/' | sed -E 's/#include "//; s#/$##')
done

# Circles among headers: what tsort cannot put in order.
circles=$(grep -rE '^#include "[a-z_/]+\.(h|cuh)"' --include=*.h --include=*.cuh . |
  sed -E 's#^\./([^:]*):\#include "([^"]*)".*#\1 \2#' | tsort 2>&1 >/dev/null || true)
[ -z "$circles" ] || { echo "headers that include each other:"; echo "$circles"; bad=1; }
exit $bad

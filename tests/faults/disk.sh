#!/usr/bin/env bash
# No room: for checkpoints (exit 6, what was there stays), or for shared memory (another place, or messages, and said).
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 2000 --out g.h5 >/dev/null || fail "data"
run() { # ranks folder options...
  local ranks=$1 out=$2
  shift 2
  on "$ranks" gdtrain --data g.h5 --model "linear:256 relu linear:10" --batch-size 100 --micro-batch 16 --epochs 4 --momentum 0.9 \
    --plots false --out "$out" "$@"
}
run 2 whole >out.txt 2>&1 || { fail "the run with room"; tail -3 out.txt; }
whole=$(digest whole)
bytes=$(stat -c %s whole/checkpoints/step-00000080.h5)

# A limit on the size of files: half a checkpoint. (One rank: mpirun itself hangs under such a limit.)
run 2 limited --steps 40 >out.txt 2>&1 || fail "the first part"
limited() { (ulimit -f $((bytes / 2 / 1024)) && run 1 limited --resume auto); }
expect 6 "error: limited/checkpoints/step-00000080.h5.*: " limited
gdtrain inspect limited/checkpoints/step-00000040.h5 --digest >/dev/null || fail "the older checkpoint is damaged"
[ -z "$(find limited -name '*.tmp')" ] || fail "temporary files stay: $(find limited -name '*.tmp')"
expect 0 "resumed from limited/checkpoints/step-00000040.h5" run 3 limited --resume auto
equal "$(digest limited)" "$whole" "digest after a limit on files"

# Small file systems need root.
small() { # folder KB
  mkdir -p "$1" && mount -t tmpfs -o size="$2k" gdtrain-test "$1" 2>/dev/null
}
if small disk $((bytes * 5 / 2 / 1024)); then
  trap 'umount "$work/disk" "$work/shm" 2>/dev/null; rm -rf "$work"' EXIT
  # Two checkpoints fit, the third does not: training goes on, says so, and the last one must be written.
  expect 6 "error: disk/run/checkpoints/step-00000080.h5.*No space" run 2 disk/run --checkpoint-every 20
  [ "$(grep -c 'checkpoint not written: .*No space' out.txt)" -ge 1 ] || { fail "no word of the checkpoint that did not fit"; cat out.txt; }
  for step in 20 40; do
    gdtrain inspect disk/run/checkpoints/step-000000$step.h5 --digest >/dev/null || fail "checkpoint $step is damaged"
  done
  mount -o remount,size=100m disk
  expect 0 "resumed from disk/run/checkpoints/step-00000040.h5" run 3 disk/run --resume auto
  equal "$(digest disk/run)" "$whole" "digest after a full disk"

  # Shared memory: 1 MB in the first folder, then /tmp; then nowhere.
  small shm 1024
  export GDTRAIN_SHM_DIR=$work/shm:/tmp
  run 3 elsewhere >out.txt 2>&1 || { fail "shared memory elsewhere"; tail -3 out.txt; }
  grep -qE "no [0-9]+ bytes of shared memory in $work/shm: .*; trying the next folder" out.txt || fail "no word of the place"
  grep -q "ranks  .*(shm)" out.txt || fail "shared memory elsewhere is not used"
  equal "$(digest elsewhere)" "$whole" "digest with shared memory elsewhere"
  export GDTRAIN_SHM_DIR=/proc
  run 3 nowhere >out.txt 2>&1 || { fail "shared memory nowhere"; tail -3 out.txt; }
  grep -q "exchange messages instead" out.txt || fail "no word of messages"
  grep -q "ranks  .*(mpi)" out.txt || fail "messages are not used"
  equal "$(digest nowhere)" "$whole" "digest without shared memory"
else
  skip "small file systems need root; the limit on files held"
fi
finish

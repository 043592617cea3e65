#!/bin/bash
# Killed, or refused by the disk, at any call that writes a checkpoint: the folder always holds a whole one, and
# the next run removes what the dead one left. Arguments: folder of gdtrain, folder of the test programs.
set -u
program=$2/faults_store_write
command -v strace >/dev/null || { echo "skipped: no strace"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
strace -o /dev/null -e trace=none true 2>/dev/null || { echo "skipped: strace may not trace here"; exit 77; }

fail() { echo "FAILED: $*"; ls -l "$folder/runs"; exit 1; }
fresh() {
  rm -rf "$folder/runs"; mkdir "$folder/runs"
  cp "$folder/100.h5" "$folder/runs/step-00000100.h5"
  cp "$folder/200.h5" "$folder/runs/step-00000200.h5"
}
for step in 100 200; do
  mkdir "$folder/runs"
  "$program" "$folder/runs" write $step || fail "the program does not write"
  mv "$folder/runs/step-00000$step.h5" "$folder/$step.h5"; rmdir "$folder/runs"
done

calls=pwrite64,pread64,write,fsync,ftruncate,rename,unlink,unlinkat
fresh
strace -f -o "$folder/trace" -e trace=$calls "$program" "$folder/runs" write 300 || fail "the program does not write"
order=$(grep -oE ' (pwrite64|fsync|rename)\(' "$folder/trace" | uniq | tr -d ' (\n')
[ "$order" = pwrite64fsyncrenamefsync ] || fail "not synced before and after the renaming: $order"
for call in ${calls//,/ }; do
  n=$(grep -c " $call(" "$folder/trace")
  echo "$call: $n calls"
  case $call in pwrite64|fsync|rename) ((n > 0)) || fail "no $call was made";; esac
  for ((i = 1; i <= n; i++)); do
    fresh
    { strace -f -o /dev/null -e trace=$call -e inject=$call:signal=SIGKILL:when=$i "$program" "$folder/runs" write 300; } 2>/dev/null
    rc=$?
    ((rc == 137)) || fail "not killed at $call $i: exit $rc"
    step=$("$program" "$folder/runs" check 200) || fail "after a kill at $call $i no checkpoint is usable"
    "$program" "$folder/runs" write 400 || fail "after a kill at $call $i nothing can be written"
    ls "$folder/runs" | grep -q tmp && fail "after a kill at $call $i temporary files stay"
    for error in ENOSPC EIO; do
      fresh
      message=$(strace -f -o /dev/null -e trace=$call -e inject=$call:error=$error:when=$i "$program" "$folder/runs" write 300 2>&1)
      rc=$?
      [[ $call == pread64 && $rc == 127 ]] && continue # a library of the program could not be loaded
      step=$("$program" "$folder/runs" check 200) || fail "after $error at $call $i no checkpoint is usable"
      ((rc == 6 || (rc == 0 && step == 300))) || fail "$error at $call $i: exit $rc, newest step $step: $message"
      ((rc == 0)) || [ -n "$message" ] || fail "$error at $call $i without a message"
      [[ $call == unlink* ]] || ! ls "$folder/runs" | grep -q tmp || fail "after $error at $call $i a temporary file stays"
    done
  done
done

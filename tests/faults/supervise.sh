#!/usr/bin/env bash
# The supervisor continues a run whose ranks are killed, to the same bits, and stops where a retry is of no use.
. "$(dirname "$0")/../lib.sh" "$@"
gdtrain data make glyphs --n 20000 --out g.h5 >/dev/null || fail "data"
words=(--data g.h5 --model "linear:64 relu dropout:0.2 linear:10" --batch-size 100 --micro-batch 16 --epochs 20 --plots false
  --checkpoint-every 100)
supervise() { "$source_dir/launch/supervise.sh" -w 0.1 -r 2 "$@"; }
on 2 gdtrain "${words[@]}" --out whole >out.txt 2>&1 || fail "the run without faults"

"$source_dir/launch/supervise.sh" -w 0.1 -r 2 mpirun --oversubscribe -n 3 gdtrain "${words[@]}" --out run --resume auto >log.txt 2>&1 &
supervisor=$!
kills=0 seen=
for _ in $(seq 3000); do
  kill -0 $supervisor 2>/dev/null || break
  newest=$(ls run/checkpoints/step-*.h5 2>/dev/null | tail -1)
  if [ $kills -lt 3 ] && [ "$newest" ] && [ "$newest" != "$seen" ]; then
    for launcher in $(pgrep -P $supervisor -x mpirun); do
      pid=$(pgrep -P "$launcher" -x gdtrain | head -1)
      [ "$pid" ] && kill -KILL "$pid" 2>/dev/null && kills=$((kills + 1)) && seen=$newest
    done
  fi
  sleep 0.02
done
wait $supervisor
equal $? 0 "exit code of the supervisor"
# A kill may meet a rank that its launcher is ending already: restarts are at most as many.
at_least "$(grep -c 'supervise: exit code 137; continuing from run/checkpoints' log.txt)" 1 "restarts after $kills kills"
equal "$(digest run)" "$(digest whole)" "digest after $kills kills"

expect 2 "supervise: the command needs --out" supervise gdtrain "${words[@]}"
expect 4 "supervise: exit code 4: a retry would end the same" supervise gdtrain --data nowhere.h5 --model linear:10 --out x --resume auto
expect 9 "supervise: exit code 9, and no progress in 2 retries" supervise sh -c 'exit 9' --out y --resume auto
finish

#!/usr/bin/env bash
# What overlap hides: 784-256-1024-1024-10 on 2 hosts of one rank, network namespaces joined at RATE (1gbit); batch 4096,
# micro-batch 1024. Steps without communication, with gradients sent after backward and during it take turns;
# medians of ROUNDS (3) runs of STEPS (30) each.
#
#   tests/bench/overlap.sh FOLDER_WITH_GDTRAIN [option of gdtrain...]
. "$(dirname "$0")/../lib.sh" "$@"
. "$source_dir/tests/hosts.sh"
shift
need_hosts
import_mnist
make_hosts 2
limit_rate "${RATE:-1gbit}"

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
# ms NAME: the step of one way in every round
ms() { cat out.*.txt | awk -v n="$1" 'index($0, "  " n " ") == 1 { for (i = 2; i <= NF; i++) if ($i == "ms") { print $(i - 1); break } }'; }

echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
for sync in ordered allreduce; do
  rm -f out.*.txt
  for i in $(seq "${ROUNDS:-3}"); do
    on_hosts 1 gdtrain bench --comm --max-mb 1 --sync $sync --data "$work/train.h5" --batch-size 4096 --micro-batch 1024 \
      --model "linear:256 relu linear:1024 relu linear:1024 relu linear:10" --threads 1 --steps "${STEPS:-30}" "$@" >out.$i.txt 2>&1 ||
      { cat out.$i.txt; exit 1; }
  done
  awk -v sync=$sync -v alone="$(ms "no communication" | median)" -v after="$(ms "sent after backward" | median)" \
    -v during="$(ms "sent during backward" | median)" 'BEGIN {
      printf "%-10s compute only %6.1f ms, sent after backward %6.1f ms, during %6.1f ms: %2.0f %% of %.1f ms hidden\n",
        sync, alone, after, during, 100 * (after - during) / (after - alone), after - alone }'
done

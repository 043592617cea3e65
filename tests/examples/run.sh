#!/usr/bin/env bash
# An example as a project of its own against the installed package: built, run on 1 and 3 ranks with equal digests, killed
# and resumed on 2 ranks to the same.
#
#   run.sh BUILD EXAMPLE INSTALLED      BUILD: of gdtrain; INSTALLED: where cmake --install put it
. "$(dirname "$0")/../lib.sh" "$1"
example=$2 installed=$3
lines=$(python3 - "$source_dir/tests/examples/$example/main.c" <<'END'
import re, sys
print(sum(1 for l in re.sub(r"/\*.*?\*/", "", open(sys.argv[1]).read(), flags=re.S).split("\n") if l.strip()))
END
)
case $example in operation) most=90 ;; *) most=60 ;; esac
[ "$lines" -le $most ] || fail "$example has $lines lines, more than $most"
cmake -S "$source_dir/tests/examples/$example" -B built -DCMAKE_PREFIX_PATH="$installed" -DCMAKE_BUILD_TYPE=Release \
  ${GD_EXAMPLE_FLAGS:+-DCMAKE_C_FLAGS="$GD_EXAMPLE_FLAGS"} >cmake.txt 2>&1 && cmake --build built >>cmake.txt 2>&1 ||
  { tail -20 cmake.txt; fail "$example does not build"; finish; }

# Without CMake, and without libgd.so: what pkg-config --static names is all that the archive needs.
if [ $example = loop ] && [ ! -e "$bin/libgd_emulator.a" ] && [ ! -d "$bin/tests/emulator" ]; then
  mkdir static && cp "$installed"/lib*/libgd.a static/
  flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$installed" -name gdtrain.pc)") pkg-config --static --cflags --libs gdtrain |
    tr ' ' '\n' | grep -v "^-L$installed") &&
    cc ${GD_EXAMPLE_FLAGS:-} "$source_dir/tests/examples/$example/main.c" -o static/example -L static $flags >static.txt 2>&1 ||
    { fail "linking by pkg-config --static"; tail -5 static.txt; }
  readelf -d static/example | grep -q 'libgd.so' && fail "libgd.so was linked where libgd.a was wanted"
  static/example >static.txt 2>&1 && fail "the static program ran without arguments"
fi

# run RANKS OUT [more...]: the example; `program` has its arguments
run() { on "$1" built/example "${program[@]}" "${@:3}" >"$2.txt" 2>&1; }
kept() { ls "$1/checkpoints" 2>/dev/null | grep -c step-; }
# kill it as soon as it has written a checkpoint; where it ends before, what it wrote last goes, as if that had been lost
killed() { # OUT options...
  local out=$1 pid
  setsid mpirun --oversubscribe -n 3 built/example "${@:2}" >killed.txt 2>&1 &
  pid=$!
  while_runs $pid files 1 "$out/checkpoints/step-*"
  kill -KILL -- $(pgrep -P $pid) $pid 2>/dev/null
  wait $pid 2>/dev/null
  [ "$(kept "$out")" -gt 0 ] || fail "$example: no checkpoint of the run that was killed"
}
digest_of() { gdtrain inspect "$1/checkpoints/$(ls "$1/checkpoints" | grep step- | tail -1)" --digest; }

gdtrain data make linear --n 600 --d 5 --out line.h5 >/dev/null || fail "data"
common=(--data line.h5 --val-fraction 0.2 --batch-size 48 --micro-batch 8 --lr 0.02 --momentum 0.9 --plots false --checkpoint-every 5)
case $example in
model_and_loss)
  common+=(--model "gated:16 linear:1" --loss log_cosh --metrics within) ;;
operation)
  common+=(--model "linear:16 snake:0.7 linear:1" --loss huber)
  built/example gradcheck | grep -q "gradients agree" || fail "gradients"
  ;;
esac

if [ $example = loop ]; then
  for ranks in 1 3; do program=(out$ranks); run $ranks log$ranks || { fail "$ranks ranks"; cat log$ranks.txt; }; done
  grep -q "the rate is 0.5 times" log1.txt || fail "the rate was not lowered"
  steps=$(sed -n 's/^steps \([0-9]*\),.*/\1/p' log1.txt)
  [ "$steps" -lt 1440 ] || fail "not stopped early: $steps steps"
  killed out2 out2
  program=(out2 auto)
  run 2 log2 || { fail "resumed"; cat log2.txt; }
else
  for ranks in 1 3; do
    program=("${common[@]}" --epochs 10 --out out$ranks)
    run $ranks log$ranks || { fail "$ranks ranks"; cat log$ranks.txt; }
  done
  killed out2 "${common[@]}" --epochs 10 --out out2
  program=("${common[@]}" --epochs 10 --out out2 --resume auto)
  run 2 log2 || { fail "resumed"; cat log2.txt; }
  on 2 built/example verify "${common[@]}" --epochs 1 >verify.txt 2>&1 || { fail "verify"; cat verify.txt; }
  grep -q "^gradients *PASS" verify.txt || { fail "verify: gradients"; cat verify.txt; }
  on 2 built/example eval out1 --data line.h5 >eval.txt 2>&1 || { fail "eval"; cat eval.txt; }
fi
equal "$(digest_of out1)" "$(digest_of out3)" "digest on 1 and 3 ranks"
equal "$(digest_of out1)" "$(digest_of out2)" "digest of a run that was killed and resumed on 2 ranks"

if [ $example = model_and_loss ]; then
  grep -qE "^within +[0-9.]+ %" eval.txt || fail "eval does not know the metric"
  grep -q "val.within" out1/metrics.csv || fail "metrics.csv does not have the metric"
  expect 2 "unknown layer 'gated'|'gated'" gdtrain eval out1 --data line.h5
  # the same source as a plug-in: the same run, by gdtrain
  plug=(--load built/mine.so)
  for ranks in 1 3; do
    on $ranks gdtrain "${common[@]}" "${plug[@]}" --epochs 10 --out plug$ranks >plug.txt 2>&1 || { fail "plug-in on $ranks"; cat plug.txt; }
    equal "$(digest_of out1)" "$(digest_of plug$ranks)" "digest of the plug-in on $ranks"
  done
  on 2 gdtrain eval plug1 --data line.h5 "${plug[@]}" >eval.txt 2>&1 || { fail "eval of the plug-in"; cat eval.txt; }
  expect 2 "model, \"gated:16 linear:1\", was trained with the plug-in mine.so: give --load" gdtrain eval plug1 --data line.h5
  expect 2 "was trained with the plug-in mine.so: give --load" gdtrain predict plug1 --data line.h5 --out p.csv
  expect 2 "was trained with the plug-in mine.so: give --load" gdtrain --resume auto --out plug1
  on 2 gdtrain --resume auto --out plug1 "${plug[@]}" >again.txt 2>&1 || { fail "resume with the plug-in"; cat again.txt; }
  printf 'int nothing;\n' | cc -shared -fPIC -x c - -o other.so
  expect 2 "other.so is no plug-in of gdtrain" gdtrain --load other.so
  expect 2 "load: missing.so: No such file" gdtrain --load missing.so
  cp line.h5 bad.so && expect 2 "error: load: .*bad.so" gdtrain --load bad.so
  printf '#include <gd/gd.h>\nstatic gd_status init(void) { return GD_FAIL(GD_ERR_DATA, "no luck today"); }\nGD_PLUGIN(init);\n' |
    cc -shared -fPIC -x c -I"$installed/include" - -o sad.so
  expect 4 "sad.so: no luck today" gdtrain --load ./sad.so
fi
finish

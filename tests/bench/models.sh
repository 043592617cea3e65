# Sourced after lib.sh by benches: models beside PyTorch's of versus_ddp.py, the data that they learn from, and a median.
#
#   use NAME: sets `run`, gdtrain's options of that model; makes its data where they are missing. `python` has h5py.
use() {
  local data=glyphs.h5 model
  case $1 in
  784-512-256-10) model="linear:512 relu linear:256 relu linear:10" ;;
  1-512-1) data=sine.h5 model="linear:512 tanh linear:1" ;;
  convnet)
    model="conv2d:out_channels=32,kernel_size=3,padding=1 relu max_pool2d:2 conv2d:out_channels=64,kernel_size=3,padding=1 relu max_pool2d:2 \
      flatten linear:128 relu linear:10"
    ;;
  resnet20) data=colour.h5 model="[{resnet20: {shortcut: conv}}]" ;;
  *) echo "no model $1: 784-512-256-10, 1-512-1, convnet, resnet20"; exit 2 ;;
  esac
  case $data in
  glyphs.h5) [ -e $data ] || gdtrain data make glyphs --n 12800 --out $data >/dev/null ;;
  sine.h5) [ -e $data ] || gdtrain data make sine --n 64 --out $data >/dev/null ;;
  colour.h5) [ -e $data ] || "$python" "$source_dir/tests/bench/versus_ddp.py" images $data 2560 32 3 ;;
  esac || exit
  run=(--data $data --model "$model" --lr 0.01 --momentum 0.9 --threads 1)
}

median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

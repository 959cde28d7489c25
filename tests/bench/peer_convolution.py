"""The shapes of bench/convolution.c in PyTorch on one thread, in its default layout and channels
last: milliseconds and GFLOPS of forward, gradient of the image, gradient of the kernel."""

import time

import torch

# channels, filters, image, kernel, stride, padding, groups
SHAPES = [
    (1, 32, (28, 28), (3, 3), 1, (0, 0), 1),
    (32, 64, (26, 26), (3, 3), 1, (0, 0), 1),
    (32, 64, (13, 13), (3, 3), 1, (0, 0), 1),
    (3, 16, (32, 32), (3, 3), 1, (1, 1), 1),
    (16, 16, (32, 32), (3, 3), 1, (1, 1), 1),
    (32, 32, (16, 16), (3, 3), 1, (1, 1), 1),
    (64, 64, (8, 8), (3, 3), 1, (1, 1), 1),
    (16, 32, (32, 32), (3, 3), 2, (1, 1), 1),
    (16, 32, (32, 32), (1, 1), 2, (0, 0), 1),
    (32, 64, (16, 16), (1, 1), 1, (0, 0), 1),
    (1, 6, (28, 28), (5, 5), 1, (2, 2), 1),
    (6, 16, (14, 14), (5, 5), 1, (0, 0), 1),
    (16, 32, (1, 100), (1, 5), 1, (0, 2), 1),
    (32, 32, (16, 16), (3, 3), 1, (1, 1), 32),
    (32, 64, (16, 16), (3, 3), 1, (1, 1), 32),
    (32, 32, (16, 16), (3, 3), 1, (1, 1), 4),
    (16, 1, (28, 28), (3, 3), 1, (1, 1), 1),
    (1, 16, (28, 28), (3, 3), 2, (1, 1), 1),
]
ROWS, SECONDS = 64, 0.2


def best(run):
    start, least = time.perf_counter(), 1e9
    while time.perf_counter() < start + SECONDS:
        before = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - before)
    return least


def measure(layout, channels, filters, image, kernel, stride, padding, groups):
    x = torch.randn(ROWS, channels, *image).contiguous(memory_format=layout)
    w = torch.randn(filters, channels // groups, *kernel).contiguous(memory_format=layout)
    y = torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)
    flop = 2 * y.numel() * channels // groups * kernel[0] * kernel[1]

    def back(*wanted):
        torch.ops.aten.convolution_backward(
            y, x, w, None, [stride] * 2, padding, [1, 1], False, [0, 0], groups, [*wanted, False]
        )

    passes = [
        lambda: torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups),
        lambda: back(True, False),
        lambda: back(False, True),
    ]
    times = [best(run) for run in passes]
    return " |".join(f" {1e3 * t:7.3f} ms {1e-9 * flop / t:5.1f}" for t in times)


torch.set_num_threads(1)
for shape in SHAPES:
    channels, filters, image, kernel, stride, _, groups = shape
    name = f"{image[0]}x{image[1]}x{channels} -> {filters}, {kernel[0]}x{kernel[1]}, stride {stride}, groups {groups}"
    print(f"{name:42} default |{measure(torch.contiguous_format, *shape)}", flush=True)
    print(f"{'':42} last    |{measure(torch.channels_last, *shape)}", flush=True)

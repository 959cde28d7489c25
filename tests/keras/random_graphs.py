"""Random models, built in Keras, saved, predicted and trained there and by the program, exported and
reopened there; a line a model, and in the end how many agree.

    python random_graphs.py PROGRAM [--models N] [--seed S] [--only K] [--keep DIR]

Model K of seed S is the same in every run. --keep leaves the files of the models that failed."""

import argparse
import os
import shutil
import sys
import tempfile
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["KERAS_BACKEND"] = "tensorflow"
import logging
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

from crossing import FAMILIES, Crossing, Differs
from program import Program, Refused


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="lockstep")
    parser.add_argument("--models", type=int, default=25, help="how many (25)")
    parser.add_argument("--seed", type=int, default=1, help="of the first model's random numbers (1)")
    parser.add_argument("--only", type=int, help="the number of one model, from 0")
    parser.add_argument("--family", choices=FAMILIES, help="of one sort only (all in turn)")
    parser.add_argument("--keep", help="a directory for the files of the models that failed")
    return parser.parse_args()


def check(number, given):
    """Whether model `number` agrees; prints its line."""
    directory = tempfile.mkdtemp(prefix="lockstep-keras-")
    problems = []
    what = "not built"
    try:
        family = given.family or list(FAMILIES)[number % len(FAMILIES)]
        crossing = Crossing((given.seed, number), family, Program(os.path.abspath(given.program), directory))
        what = crossing.what
        problems = crossing.run()
        if crossing.rounding:
            what += f", rounding errors of {crossing.rounding:.0e} (Keras' own {crossing.error:.0e})"
    except (Differs, Refused) as problem:
        problems = [str(problem)]
    except Exception:  # of Keras, or of these scripts: the model counts as failed, the others go on
        problems = [traceback.format_exc()]
    print(f"{'FAILED' if problems else 'passed'}  {given.seed}/{number:<4} {what}", flush=True)
    for problem in problems:
        print(f"        {problem}", flush=True)
    if problems and given.keep:
        shutil.copytree(directory, os.path.join(given.keep, f"{given.seed}-{number}"), dirs_exist_ok=True)
    shutil.rmtree(directory)
    return not problems


def main():
    given = arguments()
    numbers = range(given.models) if given.only is None else [given.only]
    failed = [n for n in numbers if not check(n, given)]
    print(f"{len(numbers) - len(failed)} passed, {len(failed)} failed")
    for n in failed:
        print(f"  again: random_graphs.py {given.program} --seed {given.seed} --only {n}")
    return 1 if failed else 0


sys.exit(main())

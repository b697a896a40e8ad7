"""Print the spikes of W3 in one library, run by run. cuba_statistics.py starts this in that library's environment."""

import argparse
import importlib
import json

from worker import channel
from workloads import ALL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("library")
    parser.add_argument("seconds", type=int)
    parser.add_argument("seeds", type=int)
    options = parser.parse_args()
    answers = channel()
    library = importlib.import_module(f"w3_{options.library}")
    for cells, steps in library.trains(ALL[options.workload], options.seconds, options.seeds):
        print(json.dumps({"cells": cells.tolist(), "steps": steps.tolist()}), file=answers)


if __name__ == "__main__":
    main()

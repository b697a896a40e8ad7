"""What learning in batches does to the digits demo: accuracy by batch size and by how changes are brought together.

Each row is the mean over three splits of the 1,400 training images into 1,100 to learn from and 300 to test with; the
demo's held-out images take no part. Run it with an interpreter that has the demo's packages.
"""

import time

import numpy as np
from bouton.demos import digits

ROWS = ((None, "mean"), (8, "mean"), (8, "sum"), (32, "sum"))


def main() -> None:
    data, _ = digits.load()
    circuit = digits.network()
    print("| batch | changes | accuracy on validation images | learned in |\n|---|---|---|---|")
    for batch, reduce in ROWS:
        accuracies, seconds = [], []
        for split in range(3):
            order = np.random.default_rng(100 + split).permutation(len(data.images))
            parts = [digits.Digits(data.images[part], data.labels[part]) for part in (order[:1100], order[1100:])]
            begun = time.perf_counter()
            run = digits.train(circuit, parts[0], split, batch=batch, batch_reduce=reduce, progress=False)
            seconds.append(time.perf_counter() - begun)
            accuracies.append(digits.test_of(circuit, run.state, *parts, split).weighted)
        shown = f"{100 * np.mean(accuracies):.1f} % ({100 * min(accuracies):.1f} to {100 * max(accuracies):.1f})"
        print(f"| {batch or 'none'} | {reduce if batch else ''} | {shown} | {min(seconds):.0f} s |", flush=True)


if __name__ == "__main__":
    main()

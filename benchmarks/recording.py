"""What recording costs: W3 with 20,000 cells, alone, with every spike, and with every potential as well.

    python benchmarks/recording.py [FOLDER]

Prints, for each and in turns, us a step, the ratio to the run without records, CPU us a step, and MB on disk; for
floats CPU seconds for each GB. The same bytes written and synced by a plain loop say what the disk of FOLDER can do.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import bouton
import numpy as np
from w3_bouton import circuit
from workloads import CUBA

TURNS, LONG, SHORT = 3, 100_000, 20_000
RECORDS = {
    "alone": ({}, LONG),
    "spikes": ({"cells.s": 1}, LONG),
    "spikes as events": ({"cells.s": bouton.Record(events=True)}, LONG),
    "potentials, every 10th step": ({"cells.v": 10}, LONG),
    "potentials": ({"cells.v": 1}, SHORT),
    "spikes and potentials": ({"cells.s": 1, "cells.v": 1}, SHORT),
}


def timed(net: bouton.Circuit, p: CUBA, record: dict, steps: int, to: Path | None) -> tuple[float, float]:
    """Seconds and CPU seconds for a step; of the run before nothing is left to be written or removed."""
    if to:
        shutil.rmtree(to, ignore_errors=True)
    os.sync()
    wall, cpu = time.perf_counter(), time.process_time()
    bouton.simulate(net, steps * p.dt, dt=p.dt, record=record, to=to, progress=False)
    return (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps


def disk(folder: Path, size: int) -> float:
    """MB/s of plain writing."""
    block = np.random.default_rng(0).bytes(32 * 2**20)
    begun = time.perf_counter()
    with open(folder / "plain", "wb") as file:
        for _ in range(max(1, size // len(block))):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return size / 1e6 / (time.perf_counter() - begun)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bouton-recording-", dir=sys.argv[1] if sys.argv[1:] else None))
    p = CUBA(n=20_000, k=80)
    net = circuit(p)
    found = {name: [] for name in RECORDS}
    try:
        for turn in range(TURNS + 1):  # the first compiles
            for name, (record, steps) in RECORDS.items():
                one = timed(net, p, record, steps, folder / "run.zarr" if record else None)
                found[name] += [one] if turn else []
                if turn == TURNS and record:
                    size = sum(f.stat().st_size for f in (folder / "run.zarr").rglob("*") if f.is_file())
                    found[name].append(size)
        alone, alone_cpu = (statistics.median(x) for x in zip(*found["alone"], strict=True))
        print(f"{'':28} {'us':>7} {'ratio':>6} {'CPU us':>7} {'MB':>7}")
        for name, rows in found.items():
            size = rows.pop() if name != "alone" else 0
            wall, cpu = (statistics.median(x) for x in zip(*rows, strict=True))
            low, high = min(rows)[0] / alone, max(rows)[0] / alone
            gigabytes = p.n * 4 / 1e9 / (10 if "10th" in name else 1)
            more = f"  {(cpu - alone_cpu) / gigabytes:.2f} CPU s for each GB" if "potentials" in name else ""
            print(
                f"{name:28} {wall * 1e6:7.1f} {wall / alone:6.2f} {cpu * 1e6:7.1f} {size / 1e6:7.1f}  "
                f"ratios {low:.2f} to {high:.2f}{more}"
            )
        size = SHORT * p.n * 4
        print(f"{size / 1e6:.0f} MB of floats; plain writing to this disk: {disk(folder, size):.0f} MB/s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""How long a user waits: for the import, for `bouton plugins`, and for the first spikes of a hundred LIF cells.

    python benchmarks/imports.py [--peers ngclearn brian2] [--repeats 5]

Each measurement is a fresh process, the interpreter's own start included (first row). Every round runs each once.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from compare import spread, table
from environments import PINS, interpreter

FIRST_RESULT = {
    "bouton": """
import bouton
from bouton_cells import LIFCell
circuit = bouton.Circuit(nodes={"cell": LIFCell(n_units=100)})
run = bouton.simulate(circuit, duration=100.0, dt=0.1, seed=0, inputs={"cell.j": 20.0}, record={"cell.s": 1})
print(run.spikes("cell"))
""",
    "ngclearn": """
import jax.numpy as jnp
from ngclearn import Context, MethodProcess
from ngclearn.components.neurons.spiking.LIFCell import LIFCell
with Context("c"):
    cell = LIFCell("cell", n_units=100, tau_m=20.0)
    advance = MethodProcess(name="advance") >> cell.advance_state
    advance.watch(cell.s)
cell.j.set(jnp.full((1, 100), 20.0))
state, (spikes,) = advance.scan(jnp.asarray(advance.pack_rows(1000, t=lambda step: step * 0.1, dt=0.1)))
print(int(spikes.sum()))
""",
    "brian2": """
from brian2 import NeuronGroup, SpikeMonitor, ms, prefs, run
prefs.codegen.target = "numpy"  # compiles nothing: its quickest first result
equation = "dv/dt = (20 - 65 - v) / (20*ms) : 1"
cells = NeuronGroup(100, equation, threshold="v > -52", reset="v = -60", refractory=5 * ms, method="euler")
cells.v = -65
monitor = SpikeMonitor(cells)
run(100 * ms)
print(monitor.num_spikes)
""",
}


def cases(peers: list[str]) -> dict[str, list[str | Path]]:
    """Commands by what the table calls them."""
    ours = interpreter("bouton")
    commands: dict[str, list[str | Path]] = {
        "python -c pass": [ours, "-c", "pass"],
        "import jax": [ours, "-c", "import jax"],
        "bouton plugins": [ours.with_name("bouton"), "plugins"],
    }
    for library in ("bouton", *peers):
        commands[f"import {library}"] = [interpreter(library), "-c", f"import {library}"]
        commands[f"first result of {library}"] = [interpreter(library), "-c", FIRST_RESULT[library]]
    return commands


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    peers = [name for name in PINS if name != "bouton"]
    parser.add_argument("--peers", nargs="*", choices=peers, default=peers)
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    options = parser.parse_args()
    commands = cases(options.peers)
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(-1, options.repeats):  # the round before the first fills the disk cache and writes the .pyc
        for name, command in commands.items():
            print(f"round {number + 1}: {name}", file=sys.stderr)
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    print(table(["", "seconds"], [(name, str(spread(values))) for name, values in seconds.items()]))


if __name__ == "__main__":
    main()

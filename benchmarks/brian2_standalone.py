"""What the Brian2 workers share: C++ standalone in float32, on one thread or several, built once, run many times."""

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import brian2
from worker import Setup


def standalone(
    build: Callable[[], tuple[brian2.Network, brian2.SpikeMonitor]], duration: brian2.Quantity, threads: int = 1
) -> Setup:
    """Compile the network that `build` returns. A repetition is one run of the binary; its own clock times the loop.

    The binary creates its synapses anew each time, outside the loop that is timed. No seed is fixed, so that every
    repetition has other spikes.
    """
    folder = tempfile.mkdtemp(prefix="bench-brian2-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    brian2.BrianLogger.log_level_error()
    brian2.set_device("cpp_standalone", build_on_run=False)
    brian2.prefs.core.default_float_dtype = brian2.float32
    brian2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0  # 0: code without OpenMP
    start = time.perf_counter()
    network, monitor = build()
    network.run(duration)
    built = time.perf_counter()
    brian2.device.build(directory=folder, run=False, with_output=False)
    compile_s = time.perf_counter() - built

    def repeat() -> tuple[float, int]:
        brian2.device.run(with_output=False)
        seconds = Path(folder, "results", "last_run_info.txt").read_text().split()[0]
        return float(seconds), int(monitor.num_spikes)

    repeat()
    return Setup(built - start, compile_s, repeat)

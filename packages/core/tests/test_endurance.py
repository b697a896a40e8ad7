"""The short form of `endurance.py`, each trial in a process of its own: it forks, and must not have used JAX before."""

import subprocess
import sys
from pathlib import Path

import pytest

from .endurance import TRIALS

CORE = Path(__file__).parents[1]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="forks, and reads what Linux tells of a process")
@pytest.mark.parametrize("trial", [name for name in TRIALS if name != "loss"])  # which goes by the clock
def test_endurance(trial: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.endurance", "--short", trial],
        cwd=CORE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr

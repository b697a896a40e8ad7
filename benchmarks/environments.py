"""One virtual environment per library, with pinned versions, made when it is first needed under `.envs`."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = HERE.parent / "packages"
NEWEST = "3.12"  # ngc-learn 3.2.3 cannot be had for less; jax is the same release in bouton and in ngc-learn
PINS = {
    "bouton": ("jax==0.12.0.1; python_version >= '3.12'", "jax==0.10.2; python_version < '3.12'"),
    "ngclearn": ("ngclearn==3.2.3", "ngcsimlib==3.1.1", "jax==0.12.0.1", "numpy==2.5.5"),
    "brian2": ("brian2==2.10.1", "numpy==2.5.5"),
    "minisom": ("minisom==2.3.6", "numpy==2.5.5"),
    "nest": ("nest-simulator==3.10.0", "numpy==2.5.5"),
    "brainpy": (
        "brainpy==2.9.0",
        "brainstate==0.6.0",
        "brainevent==0.3.0",
        "braintools==0.4.0",
        "brainunit==0.6.0",
        "numba==0.68.1",
        "jax==0.12.0.1",
        "numpy==2.5.5",
    ),
}
FAMILY = (
    "core",
    "cells",
    "synapses-dense",
    "synapses-conv",
    "learning",
    "competitive",
)  # what the workloads use of bouton, installed from this tree


def interpreter(library: str, python: str = NEWEST) -> Path:
    """The Python of a library's environment, which is created, or made anew when the pins have changed."""
    wanted = [*PINS[library]]
    if library == "bouton":
        wanted += [part for name in FAMILY for part in ("-e", str(PACKAGES / name))]
    folder = HERE / ".envs" / f"{library}-{python}"
    stamp = folder / "pins"
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    executable = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"creating {folder.relative_to(HERE.parent)}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        _create(folder, executable, python, wanted)
        stamp.write_text(digest)
    return executable


def variables() -> dict[str, str]:
    """The environment variables for a worker: those of here but what would lead its Python to other packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _create(folder: Path, executable: Path, python: str, requirements: list[str]) -> None:
    if shutil.which("uv"):
        subprocess.run(["uv", "venv", "--quiet", "--python", python, folder], check=True)
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", executable, *requirements], check=True)
        return
    running = ".".join(map(str, sys.version_info[:2]))
    if running != python:
        raise SystemExit(f"Python {python} is needed and this is {running}. Install uv, or start this with {python}.")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([executable, "-m", "pip", "install", "--quiet", *requirements], check=True)

"""Memory: what does not fit is refused before anything is allocated, and the message says which node it is."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from bouton import Circuit, CircuitError, RunError, Synapse, Topology, Trials, Uniform, _room, check_room_for, simulate
from bouton.testing import Full

from .tiny import N_IN, RATES, network

KEY = jax.random.key(0)
N = 1_000_000
TRIALS = Trials(5.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A machine with so much memory, in bytes: all there is, what is free, the limit of a container."""

    def made(there: int, free: int | None = None, limit: str = "max") -> None:
        meminfo, of_container = tmp_path / "meminfo", tmp_path / "memory.max"
        meminfo.write_text(f"MemTotal: {there // 1024} kB\n" + (f"MemAvailable: {free // 1024} kB\n" if free else ""))
        of_container.write_text(limit + "\n")
        monkeypatch.setattr(_room, "MEMINFO", meminfo)
        monkeypatch.setattr(_room, "LIMITS", (of_container, tmp_path / "none"))
        monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": there // 4096, "SC_PAGE_SIZE": 4096}.__getitem__)

    return made


@pytest.mark.parametrize("weights", [Uniform(), 0.3], ids=["drawn", "constant"])
@pytest.mark.parametrize(
    "start",
    [
        lambda c: c.init(key=KEY, dt=1.0),
        lambda c: jax.jit(lambda key: c.init(key=key, dt=1.0))(KEY),
        lambda c: simulate(c, 10.0, inputs={"small.pre": 0.0, "ff.pre": 0.0}),
        lambda c: simulate(c, inputs={"small.pre": (("trial", "pre"), np.ones((2, 3))), "ff.pre": 0.0}, trials=TRIALS),
    ],
    ids=["init", "jit", "simulate", "trials"],
)
def test_too_many_weights_are_refused_at_once(weights: Any, start: Any) -> None:
    began = time.perf_counter()
    circuit = Circuit({"small": Synapse(Full(3, 4)), "ff": Synapse(Full(N, N), weights=weights)})
    message = (
        r"^ff would take 4,000,000,000,000 bytes \(4 TB\), its w alone 4 TB, and all states of the circuit 4 TB, but "
        r"\d[\d.]* [MGT]B of memory are (free|there): use fewer units, a sparse topology, a smaller batch, or a sweep"
    )
    with pytest.raises(CircuitError, match=message):
        start(circuit)
    assert time.perf_counter() - began < 1.0


def test_states_count_once_for_each_sample_and_each_value_of_a_sweep(machine: Any) -> None:
    circuit = network()
    sizes = circuit._sizes((), 1)
    assert sizes["ff"] == {"w": 4 * N_IN * 3} and sizes["cell"] == {"v": 12, "theta": 12, "count": 12}
    assert circuit._sizes((10,), 3)["cell"] == {"v": 3 * 120, "theta": 3 * 12, "count": 3 * 120}
    with jax.enable_x64(True):
        assert circuit._sizes(())["ff"] == {"w": 8 * N_IN * 3}

    def run(**how: Any) -> Any:
        return simulate(circuit, 3.0, inputs=RATES, record={"cell.v": 1}, progress=False, **how)

    machine(2**40, 4096)
    run()
    message = r"^cell would take 24,012 bytes \(24 kB\), its v alone 12 kB, .* but 4\.1 kB of memory are free"
    with pytest.raises(CircuitError, match=message):
        run(batch=1000)
    with pytest.raises(
        CircuitError, match=r"^ff would take 48,000 bytes \(48 kB\), .* all states of the circuit 132 kB"
    ):
        run(sweep={"seed": range(500), "cell.tau": [10.0, 20.0]})


def test_what_is_compiled_is_compared_with_all_memory(machine: Any) -> None:
    circuit = Circuit({"s": Synapse(Full(64, 64))})  # 16 KiB
    machine(32 * 1024, 8 * 1024)
    assert jax.jit(lambda key: circuit.init(key=key, dt=1.0))(KEY)["s"].w.shape == (64, 64)
    with pytest.raises(
        CircuitError, match=r"^s would take 16,384 bytes \(16\.4 kB\), .* but 8\.19 kB of memory are free"
    ):
        circuit.init(key=KEY, dt=1.0)
    machine(8 * 1024)
    with pytest.raises(CircuitError, match=r"but 8\.19 kB of memory are there: use fewer units"):
        jax.jit(lambda key: circuit.init(key=key, dt=1.0))(KEY)


class Listed(Topology):
    """Draws a list of edges when its sizes are asked for."""

    def dims(self) -> Any:
        check_room_for("the list of edges", 10**18)
        return {"pre": {"pre": 1}, "post": {"post": 1}, "weights": None}


def test_what_a_topology_would_make_is_said_with_the_name_of_the_node() -> None:
    message = r"^ff: the list of edges would take 1,000,000,000,000,000,000 bytes \(1 EB\), but .* are free: make"
    with pytest.raises(CircuitError, match=message):
        Circuit({"ff": Synapse(Listed())})


def test_room_for_what_is_about_to_be_made(machine: Any) -> None:
    machine(2**30, 2**20)
    check_room_for("Sparse", 2**20)
    with pytest.raises(
        CircuitError, match=r"^Sparse would take 1,048,577 bytes \(1\.05 MB\), but 1\.05 MB of memory are"
    ):
        check_room_for("Sparse", 2**20 + 1)
    machine(2**30, 2**20, limit="524288")
    assert _room.room() == _room.room(free=False) == 2**19
    machine(2**30, None)
    assert _room.room() == 2**30


def test_recordings_that_do_not_fit_together(machine: Any) -> None:
    machine(2**30, 2**20)
    steps = 2**15  # cell.v takes 3/8 MiB, ff.w 3/2 MiB
    with pytest.raises(
        RunError, match=r"^ff\.w would take 0\.00146 GiB of memory: record it less often, or to a folder"
    ):
        simulate(network(), float(steps), inputs=RATES, record={"cell.v": 1, "ff.w": 1})
    run = simulate(network(), float(steps), inputs=RATES, record={"cell.v": 1, "ff.w": 4}, progress=False)
    assert len(run["ff.w"]) == steps // 4


class Accelerator:
    """A device with memory of its own."""

    platform = "gpu"

    def __init__(self, stats: Any) -> None:
        self.stats = stats

    def memory_stats(self) -> Any:
        return self.stats


def test_on_an_accelerator_its_own_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        jax, "local_devices", lambda backend=None: [Accelerator({"bytes_limit": 100, "bytes_in_use": 30})]
    )
    monkeypatch.setattr(jax, "device_count", lambda: 4)
    assert _room.room() == 70 and _room.room(free=False) == 400
    monkeypatch.setattr(jax, "local_devices", lambda backend=None: [Accelerator(None)])
    assert _room.room() is None  # nobody knows

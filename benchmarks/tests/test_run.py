"""What run.py is asked for: workloads, sizes, peers."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the benchmarks are scripts, not a package

from environments import PINS
from run import HERE, PEERS, parse
from workloads import ALL, family


def test_each_workload_gets_the_peers_that_it_has():
    libraries = parse(["W1", "W3-4000x80", "--peers", "nest", "brian2"]).libraries
    assert libraries == {"W1": ["bouton", "brian2"], "W3-4000x80": ["bouton", "nest", "brian2"]}


def test_a_family_is_all_its_sizes_once():
    assert list(parse(["W3-4000x80", "W3", "W1"]).libraries) == [*(name for name in ALL if family(name) == "W3"), "W1"]


def test_all_peers_by_default():
    assert parse(["W3-20000x80"]).libraries == {"W3-20000x80": ["bouton", *PEERS["W3"]]}


def test_nothing_to_run_is_an_error(capsys):
    with pytest.raises(SystemExit):
        parse(["W2", "--without-bouton", "--peers", "nest"])
    assert "W2: nothing to run. Name one of ngclearn, brian2" in capsys.readouterr().err


@pytest.mark.parametrize(("workload", "library"), [(w, name) for w, names in PEERS.items() for name in names])
def test_each_peer_has_a_worker_and_pins(workload, library):
    assert (HERE / f"{workload.lower()}_{family(library)}.py").is_file()
    assert family(library) in PINS

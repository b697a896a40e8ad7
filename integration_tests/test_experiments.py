"""The published experiments among the pages of the site: what their own code gives, with more than one seed."""

import sys
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from session import Session, blocks  # noqa: E402


@pytest.fixture
def page(tmp_path):
    """``page(name, stop)``: the names that a page's examples leave, of those before the one that contains `stop`."""

    def run(name, stop=None):
        session = Session(name, tmp_path)
        for line, code in blocks((ROOT / "docs" / f"{name}.md").read_text()):
            if stop is not None and stop in code:
                return session.namespace
            session.run(code, line)
        assert stop is None
        return session.namespace

    with jax.numpy_dtype_promotion("standard"):  # as it is for readers
        yield run
    plt.close("all")


# ---- distal reward (Izhikevich, 2007) ----------------------------------------------------------------------------


def found_out(run, chosen):
    """The chosen synapse reaches its largest weight, and is near it at the end; the mean of all stays."""
    w = run["ee.w"].values
    mean, late = w.mean(1), w[-60:].mean(0)  # of the last ten minutes
    assert w[0, chosen] < 0.5 and w[:, chosen].max() > 3.95 and late[chosen] > 3.2
    assert (abs(mean - 1.0) < 0.35).all()
    assert (late >= late[chosen]).mean() < 0.08
    assert w.min() >= 0.0 and w.max() <= 4.0
    assert 1.0 < run["e.s_sum"].values.mean() / 10 < 3.0  # Hz


def test_the_synapse_that_earns_distal_rewards_is_found(page):
    names = page("distal-reward")
    found_out(names["run"], 0)
    closely, hits = names["close"], names["hits"]
    dopamine = closely["dopamine.d"].values[:, 0]
    rises = np.flatnonzero(np.diff(dopamine) > 0.3) * 10.0  # ms, from 0
    for hit in hits[hits < 55_000]:
        assert ((rises > hit + 950) & (rises < hit + 3_050)).any()


@pytest.mark.parametrize(("seed", "chosen"), [(1, 0), (0, 123)])
def test_another_run_and_another_synapse(seed, chosen, page):
    names = page("distal-reward", stop="run = learn(")
    found_out(names["learn"](names["network"](chosen=chosen), 25, seed=seed, progress=False), chosen)


# ---- balance (Vogels et al., 2011) -------------------------------------------------------------------------------


def test_inhibition_learns_the_rate_that_is_wanted_and_the_tuning_of_excitation(page):
    names = page("balance")
    wanted, settled, rates = names["wanted"], names["settled"], names["rates"]
    assert len(rates) == 130 and (rates[0] > 1.5 * wanted).all()
    assert abs(settled.sum() / wanted.sum() - 1) < 0.02
    np.testing.assert_allclose(settled, wanted, rtol=0.04)  # 200 to 2,000 spikes each

    inhibition, fresh, after = names["of_channel"][-1], names["fresh"], names["after"]
    assert (inhibition.argmax(0) == names["tuned"].argmax(0)).all()
    assert names["alike"] > 0.95
    assert names["balance"](after).min() > 0.75 > 0.65 > names["balance"](fresh).max()
    currents = {k: [r[f"{k}.current"].values.mean() for r in (fresh, after)] for k in ("exc", "inh")}
    assert currents["exc"][1] + currents["inh"][1] < 10.0 < currents["exc"][0] + currents["inh"][0]  # the threshold
    rate = {k: r["cells.s"].values.mean() / 0.5e-3 for k, r in (("before", fresh), ("after", after))}
    assert rate["before"] > 15.0 and 2.5 < rate["after"] < 5.0
    cv = names["irregularity"](after)
    assert 0.9 < cv.mean() < 1.4 and cv.min() > 0.7


# ---- predictive coding (Whittington & Bogacz, 2017) --------------------------------------------------------------


def test_predictive_coding_reads_digits_as_well_as_gradients_do(page):
    names = page("predictive-coding")
    assert len(names["test"].labels) == 397
    local, others = names["by_errors"], (names["by_rates"], names["by_spikes"])
    assert min(local, *others) >= 0.95
    assert local > max(others) - 0.025

    error = names["shown"]
    assert error[-1] < error[0] / 20
    settling = (names["first"] + names["second"])[2:]  # the errors of the output arrive one step late
    assert (np.diff(settling) < 2e-3 * settling[0]).all() and settling[-1] < settling[0] / 10

    for name, (slope, _) in names["uphill"].items():
        change = names["after"][name].w - names["start"][name].w
        assert np.vdot(change, slope) > 0.97 * np.linalg.norm(change) * np.linalg.norm(slope)

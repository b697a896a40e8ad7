"""The main job as a newcomer runs it: `bouton demo digits`, then its run opened with plain xarray."""

import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from bouton.demos import digits
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What the demo prints, and the folder that it has run in."""
    folder = tmp_path_factory.mktemp("digits")
    command = [sys.executable, "-m", "bouton", "demo", "digits", "--quiet"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, folder


def test_the_last_line_is_the_accuracy_and_it_is_high(done):
    found = re.fullmatch(r"held-out accuracy (\d\d\.\d) %", done[0].strip().splitlines()[-1])
    assert found and float(found[1]) >= 93.0
    shown = re.findall(r"  (\d\d\.\d) %$", done[0], re.MULTILINE)
    assert len(shown) == 3 and shown[0] == found[1]


def test_it_leaves_a_run_that_xarray_opens_with_names_and_units(done):
    with xr.open_datatree(done[1] / "digits.zarr", engine="zarr") as tree:
        count, w = tree["cells/s_sum"], tree["learned/w"]
        assert count.dims == ("trial", "unit") and count.shape == (4 * 1400, 400) and count.attrs["units"] == "count"
        assert w.dims == ("trial_350", "pre", "post") and w.attrs["long_name"] == "weights"
        assert tree["cells/thr_theta"].attrs["units"] == "mV"
        assert np.allclose(w.sum("pre"), 20.0, rtol=1e-4)
        assert sorted(np.bincount(count["digit"])) == sorted(4 * np.bincount(digits.load()[0].labels))
        test = tree["test"]
        accuracy = float((test["digit"] == test["predicted"]).mean())
        assert f"{100 * accuracy:.1f} %" in done[0].splitlines()[-1]


def test_it_leaves_a_page_of_figures(done):
    assert (done[1] / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_it_does_not_overwrite_a_run(done):
    command = [sys.executable, "-m", "bouton", "demo", "digits", "--quiet"]
    ran = subprocess.run(command, cwd=done[1], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "digits.zarr exists already" in ran.stderr and "Traceback" not in ran.stderr


def test_no_image_is_in_both_parts_and_none_is_lost():
    train, test = digits.load()
    assert (len(train.images), len(test.images)) == (1400, 397)
    together = np.concatenate([train.images, test.images]) * 16
    assert np.array_equal(np.sort(together.sum(1)), np.sort(load_digits().data.sum(1)))
    assert train.images.min() == 0.0 and train.images.max() == 1.0


def test_reading_out():
    """Cell n stands for digit n; cell 10 fires a little for 3 and once as often for 4, so it stands for 4."""
    counts = np.vstack([np.eye(11)[:10] * 6, np.eye(11)[:10] * 2])
    counts[[3, 13], 10], counts[[4, 14], 10] = 1, 2
    labels = np.tile(np.arange(10), 2)
    readout = digits.Readout.label(counts, labels)
    assert readout.digit.tolist() == [*range(10), 4]
    assert np.allclose(readout.responses[3], np.eye(11)[3] * 4 + np.eye(11)[10])
    shown = np.zeros((3, 11))
    shown[0, 7], shown[1, [3, 10]], shown[2, 10] = 1, 3, 2
    assert readout.vote(shown).tolist() == [7, 3, 4]
    assert readout.weigh(shown).tolist() == [7, 3, 4]

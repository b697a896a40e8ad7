"""RetinalGanglionCell against loops over patches, and against SciPy's Gaussian filter."""

import bouton
import jax
import numpy as np
import pytest
from bouton.testing import ComponentTests
from bouton_cells import PhasorCell, RetinalGanglionCell
from scipy.ndimage import gaussian_filter


class TestRetinalGanglionCell(ComponentTests):
    component = RetinalGanglionCell((5, 4), (3, 2), (2, 1), on_off=True)


class TestRetinalGanglionCellRatio(ComponentTests):
    component = RetinalGanglionCell((4, 4), (2, 2), filter="ratio_of_gaussians", zero_mean=False)


IMAGES = np.random.default_rng(0).uniform(-0.5, 1.0, (3, 9, 7))


def responses(cell, images):
    """Responses (image, unit) to images (image, height, width)."""
    circuit = bouton.Circuit({"retina": cell})
    state = circuit.init(key=jax.random.key(0), dt=1.0, batch=len(images))
    tick = bouton.Tick(step=0, dt=1.0, batch=(len(images),))
    _, out = circuit.step(state, tick, {"retina.x": images.reshape(len(images), -1)})
    return np.asarray(out["retina"].y)


def by_hand(image, patch, stride, respond):
    """`respond` to each patch that lies in the image, row by row."""
    rows = range(0, image.shape[0] - patch[0] + 1, stride[0])
    columns = range(0, image.shape[1] - patch[1] + 1, stride[1])
    return np.array([respond(image[i : i + patch[0], j : j + patch[1]]) for i in rows for j in columns])


def gaussian(patch, sigma):
    weights = np.zeros(patch)
    for i in range(patch[0]):
        for j in range(patch[1]):
            weights[i, j] = np.exp(-((i - (patch[0] - 1) / 2) ** 2 + (j - (patch[1] - 1) / 2) ** 2) / (2 * sigma**2))
    return weights / weights.sum()


@pytest.mark.parametrize(("patch", "stride"), [((4, 3), (2, 1)), ((3, 3), (3, 3)), ((9, 7), (1, 1)), ((1, 2), (4, 5))])
def test_each_cell_filters_its_patch(patch, stride):
    centre, surround = gaussian(patch, 1.2), gaussian(patch, 1.2 * 1.9)
    by_filter = {
        "gaussian": lambda p: (p * centre).sum(),
        "difference_of_gaussians": lambda p: (p * (centre - 0.7 * surround)).sum(),
        "ratio_of_gaussians": lambda p: (p * centre).sum() / (1 + 0.7 * (abs(p) * surround).sum()),
    }
    for name, respond in by_filter.items():
        want = np.stack([by_hand(image, patch, stride, respond) for image in IMAGES])
        cell = RetinalGanglionCell((9, 7), patch, stride, name, sigma=1.2, k=1.9, w=0.7, zero_mean=False)
        np.testing.assert_allclose(responses(cell, IMAGES), want, rtol=1e-4, atol=1e-6)
    centred = want - want.mean(-1, keepdims=True)
    np.testing.assert_allclose(responses(cell.replace(zero_mean=True), IMAGES), centred, rtol=1e-4, atol=1e-6)
    split = np.stack([np.maximum(centred, 0), np.maximum(-centred, 0)], -1).reshape(len(IMAGES), -1)
    got = responses(cell.replace(zero_mean=True, on_off=True), IMAGES)
    np.testing.assert_allclose(got, split, rtol=1e-4, atol=1e-6)


def test_the_gaussian_is_scipys_where_patches_are_odd():
    cell = RetinalGanglionCell((9, 7), (5, 5), filter="gaussian", sigma=0.8, zero_mean=False)
    want = [gaussian_filter(image, 0.8, radius=2)[2:-2, 2:-2].ravel() for image in IMAGES]
    np.testing.assert_allclose(responses(cell, IMAGES), want, rtol=1e-4, atol=1e-6)


def test_the_difference_of_equal_weights_is_blind_to_uniform_light():
    cell = RetinalGanglionCell((6, 6), (4, 4), zero_mean=False)
    np.testing.assert_allclose(responses(cell, np.full((1, 6, 6), 3.0)), 0, atol=1e-5)


def test_cells_carry_the_places_of_their_patches():
    cell = RetinalGanglionCell((6, 5), (3, 2), (2, 3), on_off=True)
    pixels = PhasorCell((6, 5))
    circuit = bouton.Circuit({"pixels": pixels, "retina": cell}, {"retina.x": "pixels.s"})
    y = bouton.simulate(circuit, 2.0, inputs={"pixels.x": 1.0}, record={"retina.y": 1}, progress=False)["retina.y"]
    np.testing.assert_array_equal(y.height, [1, 1, 1, 1, 3, 3, 3, 3])
    np.testing.assert_array_equal(y.width, [0.5, 0.5, 3.5, 3.5] * 2)
    assert y.channel.values.tolist() == ["on", "off"] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_shape": (3, 6)}, r"retina: patch_shape must fit into area_shape = \(4, 5\), got \(3, 6\)"),
        ({"patch_shape": (0, 2)}, r"retina: patch_shape must fit into area_shape = \(4, 5\), got \(0, 2\)"),
        ({"stride": 0}, r"retina: stride must be at least 1, got 0"),
        ({"stride": (1, -1)}, r"retina: stride must be at least 1, got \(1, -1\)"),
        ({"filter": "gausian"}, r"retina\.filter must be one of 'gaussian', .*Did you mean 'gaussian'"),
        ({"sigma": 0.0}, r"retina\.sigma must be > 0, got 0"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_when_built(arguments, message):
    with pytest.raises(bouton.CircuitError, match=message):
        bouton.Circuit({"retina": RetinalGanglionCell(**{"area_shape": (4, 5), "patch_shape": (2, 2), **arguments})})

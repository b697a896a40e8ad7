"""Local2d, Lateral and Pool2d: what they are by closed forms, their dims and errors."""

import bouton
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bouton import Synapse
from bouton_synapses_conv import Lateral, Local2d, Pool2d
from scipy.signal import correlate

from .edges import arrays


def test_dims_have_names():
    assert Local2d((8, 6, 2), kernel=(3, 5), channels_out=4, stride=2).dims() == {
        "pre": {"pre_height": 8, "pre_width": 6, "pre_channel": 2},
        "post": {"height": 4, "width": 3, "channel": 4},
        "weights": {"height": 4, "width": 3, "ky": 3, "kx": 5, "channel_in": 2, "channel_out": 4},
    }
    assert Lateral((8, 6, 2), kernel=(3, 5, 1)).dims() == {
        "pre": {"pre_height": 8, "pre_width": 6, "pre_channel": 2},
        "post": {"height": 8, "width": 6, "channel": 2},
        "weights": {"ky": 3, "kx": 5, "kc": 1},
    }
    assert Lateral((4, 8, 6, 2), kernel=1).dims()["weights"] == {"kz": 1, "ky": 1, "kx": 1, "kc": 1}
    assert Pool2d((8, 6, 2), (4, 3)).dims() == {
        "pre": {"pre_height": 8, "pre_width": 6, "pre_channel": 2},
        "post": {"height": 4, "width": 3, "channel": 2},
        "weights": None,
    }


def test_weights_of_a_run_have_these_dims():
    circuit = bouton.Circuit(
        {"local": Synapse(Local2d((4, 4, 1), 3, 2)), "side": Synapse(Lateral((4, 4, 2), (3, 3, 1)))}
    )
    run = bouton.simulate(circuit, 1.0, inputs={"local.pre": 1.0, "side.pre": 1.0}, record={"local.w": 1, "side.w": 1})
    assert run["local.w"].dims == ("time", "height", "width", "ky", "kx", "channel_in", "channel_out")
    assert run["side.w"].dims == ("time", "ky", "kx", "kc")


# ---- lateral ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
def test_lateral_connections_are_scipys_correlation_in_three_dimensions(sign):
    lateral = Lateral((6, 5, 4), kernel=(3, 5, 3), sign=sign)
    w, x, _ = arrays(lateral)
    np.testing.assert_allclose(lateral.apply(w, x), sign * correlate(x, w, "same"), atol=1e-5)


def test_a_single_spike_gives_the_kernel_turned_round():
    lateral = Lateral((5, 5, 3), kernel=(3, 3, 3))
    w, _, _ = arrays(lateral)
    x = np.zeros((5, 5, 3), np.float32)
    x[2, 2, 1] = 1.0
    np.testing.assert_allclose(lateral.apply(w, x)[1:4, 1:4], w[::-1, ::-1, ::-1], atol=1e-6)


class Ones(bouton.Rule):
    """``dw = 1`` for each edge, whatever happens."""

    def terms(self, s, pre, post, x, tick):
        return s, (bouton.Term(1.0, 1.0),)


def learnt(synapse):
    """The weights after three steps."""
    circuit = bouton.Circuit({"syn": synapse})
    fed = {"syn.pre": 0.0, "syn.post": 0.0}

    @jax.jit
    def weights():
        state = circuit.init(key=jax.random.key(0), dt=1.0)
        return bouton.scan(circuit, state, steps=3, dt=1.0, inputs=fed)[0]["syn"].w

    return np.asarray(weights())


@pytest.mark.parametrize("sign", [1, -1])
def test_a_centre_that_is_cut_stays_cut_under_any_rule(sign):
    lateral = Lateral((4, 3, 2), kernel=3, centre=False, sign=sign)
    w = learnt(Synapse(lateral, 2.0, plasticity=Ones(), constraints=(bouton.Clip(-99.0, 99.0),)))
    assert w[1, 1, 1] == 0.0
    assert w[1, 1, 0] == 2.0 + 3 * 12  # rules make magnitudes larger, whichever sign they have
    alone = jnp.zeros((4, 3, 2)).at[1, 1, 0].set(1.0)
    forced = jnp.full((3, 3, 3), 5.0)  # even where something else writes to it
    assert lateral.apply(forced, alone)[1, 1, 0] == 0.0 and lateral.apply(forced, alone)[1, 1, 1] == 5.0 * sign


# ---- local --------------------------------------------------------------------------------------------------------


def test_windows_over_padding_have_no_synapses_there():
    local = Local2d((4, 4, 1), kernel=3, channels_out=2)
    w = learnt(Synapse(local, 2.0, plasticity=Ones()))
    assert (w[0, :, 0] == 0.0).all() and (w[:, -1, :, -1] == 0.0).all()
    assert (w[1:3, 1:3] == 5.0).all() and np.count_nonzero(w) == (4 * 9 + 8 * 6 + 4 * 4) * 2


def test_each_unit_draws_by_its_own_fan_in():
    """In the corner one tap of four falls on the map, so that weights are drawn twice as wide there."""
    local = Local2d((8, 8, 1), kernel=2, channels_out=400, padding=((1, 0), (1, 0)))
    w = jax.jit(lambda: local.draw(bouton.FanInGaussian(), jax.random.key(0)))()
    np.testing.assert_allclose(w[0, 0, 1, 1].std(), 1.0, rtol=0.15)
    np.testing.assert_allclose(w[1:, 1:].std(), 0.5, rtol=0.02)


# ---- pooling ------------------------------------------------------------------------------------------------------


def test_bins_next_to_each_other_are_means_of_blocks():
    x = np.random.default_rng(0).normal(size=(2, 6, 4, 3)).astype(np.float32)
    blocks = x.reshape(2, 2, 3, 2, 2, 3)
    np.testing.assert_allclose(Pool2d((6, 4, 3), (2, 2)).apply(None, x), blocks.mean((2, 4)), atol=1e-6)
    np.testing.assert_allclose(Pool2d((6, 4, 3), (2, 2), "sum").apply(None, x), blocks.sum((2, 4)), atol=1e-5)


def test_means_times_the_size_of_a_bin_add_up_to_the_sum_of_the_map():
    x = np.random.default_rng(0).normal(size=(6, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(6 * Pool2d((6, 8, 2), (2, 4)).apply(None, x).sum((0, 1)), x.sum((0, 1)), rtol=1e-4)


def test_bins_that_overlap_count_a_place_twice():
    """The example of CoNeX: five places become two, of three each; the third is in both."""
    x = jnp.zeros((1, 5, 1)).at[0, 2].set(1.0)
    np.testing.assert_allclose(Pool2d((1, 5, 1), (1, 2)).apply(None, x).ravel(), [1 / 3, 1 / 3])
    np.testing.assert_allclose(Pool2d((1, 5, 1), (1, 2), "sum").apply(None, x).ravel(), [1.0, 1.0])


WRONG = [
    (
        lambda: Local2d((6, 6), 3, 1),
        r"Local2d\.size_in must be \(height, width, channel\), got \(6, 6\)\. For one ch",
    ),
    (
        lambda: Local2d((6, 6, 6, 1), 3, 1),
        r"Local2d\.size_in must be \(height, width, channel\), got \(6, 6, 6, 1\)\.$",
    ),
    (lambda: Local2d((6, 6, 1), 7, 1, padding="VALID"), r"a kernel of 7 does not fit into a height of 6\."),
    (
        lambda: Local2d((6, 6, 1), (3, 3, 1), 1),
        r"kernel must be .* \(3, 3, 1\)\. size_in=\(6, 6, 1\) is a map of 6 x 6 w",
    ),
    (lambda: Local2d((6, 6, 1), 3, 3, groups=2), r"Local2d\.size_in\[-1\] must be a multiple of groups=2, got 1"),
    (lambda: Lateral(6, 3), r"Lateral\.size_in must be \(width, channel\), .* got 6\."),
    (lambda: Lateral((6, 6, 1), (3, 3)), r"Lateral\.kernel must be a number >= 1, or 3 of them, got \(3, 3\)"),
    (
        lambda: Lateral((6, 6, 1), (3, 4, 1)),
        r"Lateral\.kernel must be odd along each axis, so that it has a centre, got \(3, 4, 1\)\.",
    ),
    (
        lambda: Lateral((6, 6, 1), 1, centre=False),
        r"Lateral\.kernel=1 has only a centre: with centre=False nothing is left\.",
    ),
    (
        lambda: Lateral((6, 6, 1), 3, sign=0),
        r"Lateral\.sign must be 1 \(it excites\) or -1 \(it inhibits\), got 0\.",
    ),
    (
        lambda: bouton.Circuit({"s": Synapse(Lateral((6, 6, 1), 3, centre="no"))}),
        r"s\.topology\.centre must be bool, got 'no'\.",
    ),
    (
        lambda: Pool2d((6, 6), (3, 3)),
        r"Pool2d\.size_in must be \(height, width, channel\), got \(6, 6\)\. For one chan",
    ),
    (
        lambda: Pool2d((6, 6, 1), (3, 3, 1)),
        r"Pool2d\.size_out must be a number >= 1, or 2 of them, got \(3, 3, 1\)\.",
    ),
    (lambda: Pool2d((6, 6, 1), (3, 0)), r"Pool2d\.size_out must be .* got \(3, 0\)\."),
    (
        lambda: bouton.Circuit({"s": Synapse(Pool2d((6, 6, 1), (3, 3), "max"), None)}),
        r"s\.topology\.reduce must be one of 'mean', 'sum', got 'max'\.",
    ),
    (
        lambda: Synapse(Pool2d((6, 6, 1), (3, 3)), None, plasticity=Ones()),
        r"Pool2d has no weights: there is nothing to learn\.",
    ),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_does_not_fit_is_said(make, message):
    with pytest.raises(bouton.CircuitError, match=message):
        make()

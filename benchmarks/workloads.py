"""The workloads: every constant, start weight and stimulus, read by bouton and by each peer alike.

Each worker reads this file inside its own environment, and run.py where there may be no numpy: that is imported only
where arrays are made. Times are in ms, voltages in mV, rates in Hz. The equations are written as the updates of one
step, so that there is only one way to read them; a library that integrates exactly is given the time constant that
yields the same factor (`exact_tau`), or the weight that yields the same jump (`CUBA.held`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class RecurrentLIF:
    """W1: leaky integrate-and-fire cells, all connected to all, each driven by its own Poisson train.

    One step, where `s` are the spikes of the step before and `x` those of the drive (Bernoulli, p = drive_hz dt):

        g_rec <- g_rec (1 - dt/tau_s) + W^T s              W ~ N(0, w_sd), zero diagonal
        g_ext <- g_ext (1 - dt/tau_s) + w_drive x
        v     <- v + dt/tau_m (v_rest - v + g_rec + g_ext)  no current for the `refractory` ms after a spike
        s     <- v > thr;  v <- v_reset where s

    A repetition is `steps` steps from rest.
    """

    n: int = 1000
    dt: float = 0.1
    steps: int = 10_000
    tau_m: float = 20.0
    tau_s: float = 5.0
    v_rest: float = -65.0
    v_reset: float = -60.0
    thr: float = -52.0
    refractory: float = 5.0
    w_sd: float = 0.2
    w_drive: float = 3.0
    drive_hz: float = 800.0

    def weights(self) -> np.ndarray:
        """Recurrent weights (pre, post)."""
        import numpy as np

        w = np.random.default_rng(0).normal(0.0, self.w_sd, (self.n, self.n)).astype(np.float32)
        np.fill_diagonal(w, 0.0)
        return w


@dataclass(frozen=True)
class Layer:
    """Threshold, resting and reset potential of one population."""

    thr: float
    v_rest: float
    v_reset: float


@dataclass(frozen=True)
class UnsupervisedSTDP:
    """W2: the circuit of Diehl & Cook (2015), 784 inputs to 400 excitatory cells, each with an inhibitory partner.

    Every synapse delivers the spikes of the step before. One step:

        j_e <- W^T s_in + w_ie (sum of s_i - own partner's);   j_i <- w_ei s_e
        v   <- v + dt/tau_m (v_rest - v) + j               no current for the `refractory` ms after a spike
        s   <- v > thr + theta;  v <- v_reset where s      (theta = 0 in inhibitory cells)
        theta <- theta exp(-dt/tau_theta) + theta_plus s_e
        W   <- clip(W + a_plus x_in (x) s_e - a_minus s_in (x) x_e, 0, 1)
        x   <- 1 where s, else x exp(-dt/tau_trace)        read by W decayed, but before this step's spike sets it to 1

    A repetition starts from `weights()` and theta = 0 and learns `n_images` images. Each image is shown for
    `steps_per_image` steps as Poisson trains of at most `max_hz`; then the weights into each cell are scaled to the sum
    `norm`, and all but W and theta returns to rest.
    """

    n_in: int = 784
    n: int = 400
    dt: float = 1.0
    n_images: int = 100
    steps_per_image: int = 350
    max_hz: float = 63.75
    tau_m: float = 100.500896468
    refractory: float = 5.0
    excitatory: Layer = Layer(thr=-52.0, v_rest=-65.0, v_reset=-60.0)
    inhibitory: Layer = Layer(thr=-40.0, v_rest=-60.0, v_reset=-45.0)
    theta_plus: float = 0.05
    tau_theta: float = 1e7
    tau_trace: float = 20.0
    a_plus: float = 1e-2
    a_minus: float = 1e-4
    w_ei: float = 22.5
    w_ie: float = -120.0
    w_start: float = 0.3
    norm: float = 78.4

    @property
    def steps(self) -> int:
        return self.n_images * self.steps_per_image

    def weights(self) -> np.ndarray:
        """Start weights (pre, post): uniform up to `w_start`, then normalised."""
        import numpy as np

        w = np.random.default_rng(0).uniform(0.0, self.w_start, (self.n_in, self.n))
        return (w * (self.norm / w.sum(axis=0))).astype(np.float32)

    def images(self) -> np.ndarray:
        """Images (n_images, n_in) in [0, 1], with about as much ink as MNIST."""
        return strokes(self.n_images, math.isqrt(self.n_in))


@dataclass(frozen=True)
class CUBA:
    """W3: the current-based network of Vogels & Abbott (2005), as benchmark 2 of Brette et al. (2007).

    `n` LIF cells, four fifths of them excitatory. Each sends `k` synapses to cells of either kind drawn at random, and
    there is no other drive: with v_rest above thr they fire by themselves, and irregularly because of each other.
    Weights are scaled by 80/k, so that the mean input does not depend on k. Between spikes, solved exactly:

        tau_m dv/dt = v_rest - v + g_e + g_i               v stays at v_reset for the `refractory` ms after a spike
        tau_e dg_e/dt = -g_e,  tau_i dg_i/dt = -g_i

    One step, where `s` are the spikes of the step before:

        g_e <- g_e + w_e (sum of s_e);   g_i <- g_i + w_i (sum of s_i)
        v, g_e, g_i <- their solution dt later
        s   <- v > thr;  v <- v_reset where s

    A repetition is `steps` steps from g = 0 and v uniform in [v_reset, thr].
    """

    n: int
    k: int
    dt: float = 0.1
    steps: int = 10_000
    tau_m: float = 20.0
    tau_e: float = 5.0
    tau_i: float = 10.0
    v_rest: float = -49.0
    v_reset: float = -60.0
    thr: float = -50.0
    refractory: float = 5.0
    w_e_80: float = 1.62
    w_i_80: float = -9.0
    tolerance: float = 0.05  # of the mean spike count: see run.py

    @property
    def n_e(self) -> int:
        return self.n * 4 // 5

    @property
    def w_e(self) -> float:
        return self.w_e_80 * 80 / self.k

    @property
    def w_i(self) -> float:
        return self.w_i_80 * 80 / self.k

    def held(self, tau: float) -> float:
        """What a weight is multiplied by in libraries that hold the current constant within a step.

        A current g that decays with `tau` moves v in one step by g tau/(tau - tau_m) (exp(-dt/tau) - exp(-dt/tau_m)),
        one that stays at g by g (1 - exp(-dt/tau_m)). The factor is their ratio, so v is the same at every step.
        """
        decaying = tau / (tau - self.tau_m) * (math.exp(-self.dt / tau) - math.exp(-self.dt / self.tau_m))
        return decaying / -math.expm1(-self.dt / self.tau_m)


@dataclass(frozen=True)
class PlasticCUBA(CUBA):
    """W5: W3 with pair STDP on the excitatory synapses, each with a weight of its own that starts at w_e.

    One step, where x are traces read before this step's spikes set them to 1:

        w <- clip(w + a w_e (x_pre (x) s_post - s_pre (x) x_post), 0, 2 w_e)
        x <- 1 where s, else x exp(-dt/tau_trace)
    """

    a: float = 1e-3
    tau_trace: float = 20.0


@dataclass(frozen=True)
class SelfOrganisingMap:
    """W6: a self-organising map of `rows` x `columns` units, `batch` images a step. The unit c nearest to x wins:

        W_u <- W_u + eta (mean over the batch of h_u (x - W_u)),   h_u = exp(-D(u, c)^2 / (2 r^2))
        eta = eta_0 exp(-t/tau),  r = r_0 exp(-t ln(r_0)/tau)       t counts steps, D is the distance on the grid

    A repetition is `steps` steps from `weights()`, through the images in their order and again. What is counted is the
    mean distance of an image from the nearest unit at the end, in thousandths. MiniSom learns from the images of a
    batch one after the other, which gives another map.
    """

    batch: int
    steps: int
    n_in: int = 784
    rows: int = 20
    columns: int = 20
    n_samples: int = 256
    eta: float = 0.5
    tau: float = 50_000.0
    counted: str = "error x 1000"
    tolerance: float = 0.01

    @property
    def n(self) -> int:
        return self.rows * self.columns

    @property
    def radius(self) -> float:
        return max(self.rows, self.columns) / 2

    @property
    def tau_radius(self) -> float:
        return self.tau / math.log(self.radius)

    def weights(self) -> np.ndarray:
        """Start weights (pre, post)."""
        import numpy as np

        return np.random.default_rng(0).uniform(0.0, 1.0, (self.n_in, self.n)).astype(np.float32)

    def images(self) -> np.ndarray:
        """The images of W2."""
        return UnsupervisedSTDP(n_in=self.n_in, n_images=self.n_samples).images()

    def order(self) -> np.ndarray:
        """Which images each step sees: (step, batch)."""
        import numpy as np

        return (np.arange(self.steps * self.batch) % self.n_samples).reshape(self.steps, self.batch)

    def error(self, weights: np.ndarray) -> int:
        """What is counted."""
        import numpy as np

        apart = self.images().astype(float)[:, :, None] - weights[None]
        return round(1000 * float(np.sqrt((apart**2).sum(1)).min(1).mean()))


@dataclass(frozen=True)
class HodgkinHuxley:
    """W4-hh: uncoupled Hodgkin-Huxley cells, each with a constant current of its own, by Euler's method.

        v' = j - g_na m^3 h (v - v_na) - g_k n^4 (v - v_k) - g_l (v - v_l)
        x' = a_x (1 - x) - b_x x                             for each gate n, m, h
        a_n = .01 (10 - v) / (e^((10 - v)/10) - 1)           b_n = .125 e^(-v/80)
        a_m = .1 (25 - v) / (e^((25 - v)/10) - 1)            b_m = 4 e^(-v/18)
        a_h = .07 e^(-v/20)                                  b_h = 1 / (e^((30 - v)/10) + 1)

    Potentials are relative to rest, and a spike is an upward crossing of `thr`. A repetition is `steps` steps from the
    resting state, in which v = 0 and the gates are at their steady state.
    """

    n: int = 10_000
    dt: float = 0.01
    steps: int = 10_000
    g_na: float = 120.0
    g_k: float = 36.0
    g_l: float = 0.3
    v_na: float = 115.0
    v_k: float = -12.0
    v_l: float = 10.6
    thr: float = 50.0
    lowest: float = 8.0
    highest: float = 30.0


@dataclass(frozen=True)
class LIF:
    """W4-lif: uncoupled leaky integrate-and-fire cells, each with a constant current of its own, by Euler's method.

        v <- v + dt/tau_m (v_rest - v + j)                no current for the `refractory` ms after a spike
        s <- v > thr;  v <- v_reset where s

    A repetition is `steps` steps from v_rest.
    """

    n: int = 100_000
    dt: float = 0.1
    steps: int = 10_000
    tau_m: float = 20.0
    v_rest: float = -65.0
    v_reset: float = -60.0
    thr: float = -52.0
    refractory: float = 5.0
    lowest: float = 10.0
    highest: float = 20.0


@dataclass(frozen=True)
class Izhikevich:
    """W4-izhikevich: uncoupled regular spiking cells of Izhikevich (2003), each with a current of its own, by Euler.

        v' = .04 v^2 + 5 v + 140 - w + j;  w' = a (b v - w)
        s <- v > thr;  v <- c and w <- w + d where s

    A repetition is `steps` steps from v = -65, w = -14.
    """

    n: int = 100_000
    dt: float = 0.1
    steps: int = 10_000
    a: float = 0.02
    b: float = 0.2
    c: float = -65.0
    d: float = 8.0
    thr: float = 30.0
    v0: float = -65.0
    w0: float = -14.0
    lowest: float = 2.0
    highest: float = 12.0


@dataclass(frozen=True)
class ConvolutionalSTDP:
    """W7: trace STDP on a convolution of an image: 5 x 5 kernels from one channel to 32, without a change of size.

    One step, for each of `batch` images that are shown at the same time, where K is the sum over a window:

        j   <- K(s_in)
        v   <- v + dt/tau_m (v_rest - v) + gain j         no current for the `refractory` ms after a spike
        s   <- v > thr;  v <- v_reset where s
        W   <- clip(W + sum over images and positions of a_plus x_in (x) s - a_minus s_in (x) x, low, high)
        x   <- 1 where s, else x exp(-dt/tau_trace)       read by W decayed, but before this step's spike sets it to 1

    A repetition starts at rest, from `weights()`, and shows the images for `steps` steps as Poisson trains of at most
    `max_hz`.
    """

    batch: int
    steps: int
    side: int = 28
    kernel: int = 5
    channels: int = 32
    dt: float = 1.0
    max_hz: float = 63.75
    tau_m: float = 100.0
    gain: float = 8.0
    refractory: float = 5.0
    thr: float = -52.0
    v_rest: float = -65.0
    v_reset: float = -60.0
    tau_trace: float = 20.0
    a_plus: float = 1e-5
    a_minus: float = 1e-5
    low: float = 0.01
    high: float = 0.99

    def weights(self) -> np.ndarray:
        """Start weights (height, width, in, out)."""
        import numpy as np

        return (
            np.random.default_rng(0).uniform(0.1, 0.4, (self.kernel, self.kernel, 1, self.channels)).astype(np.float32)
        )

    def images(self) -> np.ndarray:
        """Images (batch, side * side) in [0, 1]."""
        return strokes(self.batch, self.side)


def strokes(n: int, side: int) -> np.ndarray:
    """Images (n, side * side) in [0, 1] of two soft straight strokes each.

    A pixel's brightness is exp(-d^2 / 3) at the distance d (pixels) to the nearer stroke.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    pixels = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="xy"), axis=-1).reshape(-1, 2)
    out = np.empty((n, side * side), np.float32)
    for image in out:
        ends = rng.uniform(6.0, side - 6.0, (2, 2, 2))
        nearest = np.min([_distance2(pixels, *each) for each in ends], axis=0)
        image[:] = np.exp(-nearest / 3.0)
    return out


def currents(p: HodgkinHuxley | LIF | Izhikevich) -> np.ndarray:
    """The current of each cell: evenly spaced."""
    import numpy as np

    return np.linspace(p.lowest, p.highest, p.n).astype(np.float32)


def _distance2(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Squared distance of each point (x, y) to the segment from start to end."""
    along = end - start
    t = ((points - start) @ along / (along @ along)).clip(0.0, 1.0)
    return ((points - start - t[:, None] * along) ** 2).sum(axis=1)


def exact_tau(tau: float, dt: float) -> float:
    """The time constant whose exact decay exp(-dt/tau') equals the Euler factor 1 - dt/tau."""
    return -dt / math.log1p(-dt / tau)


W1 = RecurrentLIF()
W2 = UnsupervisedSTDP()
# The rates of two networks of 4,000 cells differ more than those of two libraries: see cuba_statistics.py.
W3 = [CUBA(4_000, 80, tolerance=0.1), CUBA(20_000, 80), CUBA(20_000, 1_000), CUBA(100_000, 80)]
W4 = {"hh": HodgkinHuxley(), "lif": LIF(), "izhikevich": Izhikevich()}
W5 = [PlasticCUBA(4_000, 80, tolerance=0.1), PlasticCUBA(20_000, 80)]
W6 = [SelfOrganisingMap(1, 2_000), SelfOrganisingMap(64, 100, tolerance=0.1)]
W7 = [ConvolutionalSTDP(1, 1000), ConvolutionalSTDP(32, 40)]
ALL = {
    "W1": W1,
    "W2": W2,
    **{f"W3-{size.n}x{size.k}": size for size in W3},
    **{f"W4-{name}": cells for name, cells in W4.items()},
    **{f"W5-{size.n}x{size.k}": size for size in W5},
    **{f"W6-{size.batch}": size for size in W6},
    **{f"W7-{maps.batch}": maps for maps in W7},
}


def family(name: str) -> str:
    """The workload of which `name` is one size: ``"W3"`` for ``"W3-4000x80"``. A library's variants are named alike."""
    return name.partition("-")[0]


def named(name: str) -> list[str]:
    """The workloads that a name stands for: its own, or all sizes of a family."""
    return [name] if name in ALL else [workload for workload in ALL if family(workload) == name]

"""W6 in MiniSom, which learns from one sample at a time: a batch is its samples one after the other, and less alike."""

import math
import time

from minisom import MiniSom
from worker import Setup, asked, serve, timed
from workloads import ALL


def prepare() -> Setup:
    p = ALL[asked()[0]]
    start = time.perf_counter()
    samples = p.images()[p.order()].reshape(-1, p.n_in)

    def decaying(tau: float):
        return lambda value, t, _: value * math.exp(-t / (tau * p.batch))

    som = MiniSom(
        p.rows,
        p.columns,
        p.n_in,
        sigma=p.radius,
        learning_rate=p.eta,
        decay_function=decaying(p.tau),
    )
    som._sigma_decay_function = decaying(p.tau_radius)  # by name it knows three others only
    build_s = time.perf_counter() - start

    def repeat() -> tuple[float, int]:
        som._weights = p.weights().T.reshape(p.rows, p.columns, p.n_in).copy()
        seconds, _ = timed(lambda: som.train(samples, len(samples)))
        return seconds, p.error(som.get_weights().reshape(p.n, p.n_in).T)

    return Setup(build_s, 0.0, repeat)


if __name__ == "__main__":
    serve(prepare, ("minisom", "numpy"))

"""W3 in NEST, on two threads. Its shortest delay, of one step, or in the variant ``1.5ms`` one that suits it better.

NEST counts in double precision. A cell may be drawn twice as a target of another, as by default: to draw different ones
takes ten times as long. With C_m = tau_m (pF per ms) a current in pA is numerically a g of the equations.
"""

import itertools
import os
import time

os.environ["PYNEST_QUIET"] = "1"

import nest
from worker import Setup, asked, serve, timed
from workloads import ALL, CUBA

THREADS = 2


def build(p: CUBA, delay: float, seed: int) -> None:
    nest.ResetKernel()
    nest.set(local_num_threads=THREADS, resolution=p.dt, rng_seed=seed)
    cells = nest.Create(
        "iaf_psc_exp",
        p.n,
        params={
            "C_m": p.tau_m,
            "tau_m": p.tau_m,
            "tau_syn_ex": p.tau_e,
            "tau_syn_in": p.tau_i,
            "E_L": p.v_rest,
            "V_th": p.thr,
            "V_reset": p.v_reset,
            "t_ref": p.refractory,
            "V_m": nest.random.uniform(p.v_reset, p.thr),
        },
    )
    fan_out = {"rule": "fixed_outdegree", "outdegree": p.k}
    for sources, weight in ((cells[: p.n_e], p.w_e), (cells[p.n_e :], p.w_i)):
        nest.Connect(sources, cells, fan_out, {"weight": weight, "delay": delay})


def prepare(p: CUBA, delay: float) -> Setup:
    """A repetition builds the network anew, before the clock starts: nothing else clears the currents."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    seeds = itertools.count(1)

    def renew() -> tuple[float, float]:
        start = time.perf_counter()
        build(p, delay, next(seeds))
        built = time.perf_counter()
        nest.Prepare()
        return built - start, time.perf_counter() - built

    def repeat() -> tuple[float, int]:
        renew()
        seconds, _ = timed(lambda: nest.Run(p.steps * p.dt))
        spikes = nest.local_spike_counter
        nest.Cleanup()
        return seconds, spikes

    build_s, prepare_s = renew()
    nest.Cleanup()
    repeat()
    return Setup(build_s, prepare_s, repeat)


if __name__ == "__main__":
    workload, variant = asked()
    p = ALL[workload]
    delay = float(variant.removesuffix("ms")) if variant else p.dt
    serve(lambda: prepare(p, delay), ("nest-simulator", "numpy"))

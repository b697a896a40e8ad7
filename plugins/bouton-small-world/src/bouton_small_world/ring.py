"""SmallWorld: a ring in which some edges are rewired."""

import bouton
import jax.numpy as jnp
import numpy as np
from bouton import static


class SmallWorld(bouton.Topology):
    r"""Small-world wiring after Watts & Strogatz (1998), Nature 393, 440-442.

    .. math:: y_j = \sum_{e=1}^{k} w_{je}\, x_{i(j, e)}

    Each of n units on a ring hears from its k nearest neighbours. Each edge is rewired with the probability p: it then
    starts at another unit, drawn at random. No unit hears from itself, or twice from the same one. The wiring is drawn
    from `seed` alone, so that equal values have equal wiring.
    """

    n: int = static(dim="unit", doc="number of units")
    k: int = static(default=2, doc="edges that end on each unit; even")
    p: float = static(default=0.1, doc="probability that an edge is rewired")
    seed: int = static(default=0, doc="seed of the rewiring")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k % 2 or not 0 < self.k < self.n:
            raise bouton.CircuitError(f"SmallWorld.k must be even and in [2, n = {self.n}), got {self.k}.")
        if not 0 <= self.p <= 1:
            raise bouton.CircuitError(f"SmallWorld.p must be in [0, 1], got {self.p}.")

    def dims(self):
        return {"pre": {"pre": self.n}, "post": {"post": self.n}, "weights": {"post": self.n, "edge": self.k}}

    @bouton.derived  # drawn once, and an argument of compiled programs instead of a constant in them
    def sources(self):
        """i(j, e): which unit each edge starts at, an array (post, edge)."""
        rng = np.random.default_rng(self.seed)
        near = np.delete(np.arange(-self.k // 2, self.k // 2 + 1), self.k // 2)
        i = (np.arange(self.n)[:, None] + near) % self.n
        for j, e in np.argwhere(rng.random(i.shape) < self.p):
            others = np.setdiff1d(np.arange(self.n), [j, *i[j]])
            if len(others):  # a unit that hears from all others has no edge to move
                i[j, e] = rng.choice(others)
        return jnp.asarray(i)

    def apply(self, w, x):
        return jnp.einsum("...je,je->...j", x[..., self.sources], w)

"""MPS: a matrix of weights of limited rank, kept as the two cores of which it is the product."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from bouton import CircuitError, Given, Initialiser, Ports, Topology, port, static
from jaxtyping import Array, Float


class Cores(Ports):
    """Weights of `MPS`."""

    core1: Float[Array, "pre rank"] = port(doc="first core")
    core2: Float[Array, "rank post"] = port(doc="second core")


class MPS(Topology):
    r"""A matrix product state of two cores, i.e. a matrix of rank at most K in :math:`K (I + J)` numbers.

    .. math:: y_j = \sum_k \Big(\sum_i x_i\, C^1_{ik}\Big) C^2_{kj}

    The weights are a bundle: ``w.core1`` (pre, rank) and ``w.core2`` (rank, post); their product is ``to_matrix(w)``.
    `outer` is the gradient by both cores at their present values,

    .. math:: \Delta C^1_{ik} = x_i \sum_j C^2_{kj} y_j, \qquad \Delta C^2_{kj} = \Big(\sum_i x_i C^1_{ik}\Big) y_j

    so that a rule of terms *pre (x) post*, such as Hebb's with an error as post, descends along it. Rules and
    constraints that ask for the weight of an edge are refused: there is none.

    **What an initialiser draws is the scale of the product's entries**, whatever the rank: these have the mean m and
    the variance of what it draws. The first term of the sum over k is m; the others are what it draws less m in core1,
    with random signs over :math:`\sqrt{K - 1}` in core2. (With K = 1 there is no room for both: the entries are as
    drawn, but the same for all post-synaptic units.) A given matrix (pre, post) is factorised by `from_matrix`.

    Stoudenmire & Schwab (2016), Novikov et al. (2015).
    """

    n_pre: int = static(dim="pre", doc="number of pre-synaptic units")
    n_post: int = static(dim="post", doc="number of post-synaptic units")
    rank: int = static(dim="rank", default=16, doc="K, the size of the bond between the cores")

    def dims(self) -> dict[str, Any]:
        pre, post, rank = {"pre": self.n_pre}, {"post": self.n_post}, {"rank": self.rank}
        return {"pre": pre, "post": post, "weights": {"core1": pre | rank, "core2": rank | post}}

    def apply(self, w: Any, x: jax.Array) -> jax.Array:
        return x @ w.core1 @ w.core2

    def outer(self, w: Any, pre: jax.Array, post: jax.Array) -> Any:
        return Cores(
            core1=jnp.einsum("...i,...k->ik", pre, post @ w.core2.T),
            core2=jnp.einsum("...k,...j->kj", pre @ w.core1, post),
        )

    def transpose(self, w: Any, post: jax.Array) -> jax.Array:
        return post @ w.core2.T @ w.core1.T

    def fan_in_count(self) -> Any:
        return float(self.n_pre)

    def draw(self, initialiser: Initialiser, key: Any) -> Any:
        if isinstance(initialiser, Given):
            return self.from_matrix(initialiser(key, (self.n_pre, self.n_post)))
        of_values, of_signs = jax.random.split(key)
        # a plain list: initialisers for which the place in a matrix matters refuse it
        values = initialiser(of_values, (self.n_pre * self.rank,), fan_in=self.fan_in_count())
        values = values.reshape(self.n_pre, self.rank)
        if self.rank == 1:
            return Cores(core1=values, core2=jnp.ones((1, self.n_post), values.dtype))
        mean = values.mean()
        signs = jax.random.rademacher(of_signs, (self.rank - 1, self.n_post), values.dtype) / (self.rank - 1) ** 0.5
        return Cores(
            core1=(values - mean).at[:, 0].set(mean),
            core2=jnp.concatenate([jnp.ones((1, self.n_post), values.dtype), signs]),
        )

    def to_matrix(self, w: Any) -> jax.Array:
        """The full matrix (pre, post) that the cores stand for."""
        return w.core1 @ w.core2

    def from_matrix(self, matrix: Any) -> Any:
        """The cores whose product is nearest to a matrix (pre, post), in the sum of squares.

        By a singular value decomposition that is cut after the first K values; their roots go to either core. Exact
        where the matrix has no higher rank (Eckart & Young 1936).
        """
        matrix = jnp.asarray(matrix, float)
        if matrix.shape != (self.n_pre, self.n_post):
            raise CircuitError(f"the matrix must have the shape {(self.n_pre, self.n_post)}, got {matrix.shape}.")
        u, s, v = jnp.linalg.svd(matrix, full_matrices=False)
        root, kept = jnp.sqrt(s[: self.rank]), min(self.rank, *matrix.shape)
        spare = (0, self.rank - kept)  # columns of zeros, for a rank beyond the matrix's own
        return Cores(
            core1=jnp.pad(u[:, :kept] * root, ((0, 0), spare)),
            core2=jnp.pad(root[:, None] * v[:kept], (spare, (0, 0))),
        )

"""Connectivity: rules by which pairs of units are connected. Which topologies take one: `Sparse` and `Dense`."""

from __future__ import annotations

from typing import Any

import numpy as np
from bouton import CircuitError, Connectivity, check_room_for, static

BYTES_TO_DRAW = 5 * 8
"""What an edge takes while edges are drawn and sorted: five whole numbers (measured)."""

_AUTAPSES = "whether a unit may be connected to itself, the unit of the same index"
_MULTAPSES = "whether several edges may join the same pair"


class FanOut(Connectivity):
    """Each pre-synaptic unit is connected to k post-synaptic ones, drawn at random.

    The targets of a unit differ, and each set of k is equally likely. With ``multapses=True`` they are drawn
    independently, so that a pair may be joined more than once. (NEST's ``fixed_outdegree`` does so by default.)
    With ``autapses=False`` a unit is not drawn as its own target; it has k others.

    Raises `CircuitError` where there are fewer than k units to choose from.
    """

    k: int = static(doc="number of edges that leave each unit")
    autapses: bool = static(default=True, doc=_AUTAPSES)
    multapses: bool = static(default=False, doc=_MULTAPSES)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count("FanOut.k", self.k)

    def count(self, n_pre: int, n_post: int) -> int:
        return n_pre * self.k

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        post = _partners(self, n_pre, n_post, rng, "post-synaptic")
        return np.repeat(np.arange(n_pre), self.k), post.ravel()


class FanIn(Connectivity):
    """Each post-synaptic unit is connected to k pre-synaptic ones, drawn at random.

    The sources of a unit differ, and each set of k is equally likely. With ``multapses=True`` they are drawn
    independently, so that a pair may be joined more than once. (NEST's ``fixed_indegree`` does so by default.)
    With ``autapses=False`` a unit is not drawn as its own source; it has k others.

    Raises `CircuitError` where there are fewer than k units to choose from.
    """

    k: int = static(doc="number of edges that end on each unit")
    autapses: bool = static(default=True, doc=_AUTAPSES)
    multapses: bool = static(default=False, doc=_MULTAPSES)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count("FanIn.k", self.k)

    def count(self, n_pre: int, n_post: int) -> int:
        return n_post * self.k

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pre = _partners(self, n_post, n_pre, rng, "pre-synaptic")
        return pre.ravel(), np.repeat(np.arange(n_post), self.k)


class Probability(Connectivity):
    """Each pair is connected with the probability p, independently of all others, and at most once.

    As Brian2's ``connect(p=...)`` and NEST's ``pairwise_bernoulli``. Their number is drawn first, from a binomial
    distribution, then which: so the work grows with the number of edges and not with that of pairs.

    Raises `CircuitError` unless p is within [0, 1].
    """

    p: float = static(doc="probability that a pair is connected")
    autapses: bool = static(default=True, doc=_AUTAPSES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.p, bool) or not (isinstance(self.p, (int, float)) and 0 <= self.p <= 1):
            raise CircuitError(f"Probability.p must be a number within [0, 1], got {self.p!r}.")

    def count(self, n_pre: int, n_post: int) -> int:
        return round(self.p * _count_pairs(n_pre, n_post, self.autapses))

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pairs = _count_pairs(n_pre, n_post, self.autapses)
        count = int(rng.binomial(pairs, self.p))
        return _pairs(_distinct(rng, 1, pairs, count)[0], n_pre, n_post, self.autapses)


class Total(Connectivity):
    """Exactly n edges, drawn at random among all pairs.

    The pairs differ, and each set of n is equally likely. With ``multapses=True`` they are drawn independently, so that
    a pair may be joined more than once. (NEST's ``fixed_total_number`` does so by default.)

    Raises `CircuitError` where there are fewer than n pairs.
    """

    n: int = static(doc="number of edges")
    autapses: bool = static(default=True, doc=_AUTAPSES)
    multapses: bool = static(default=False, doc=_MULTAPSES)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count("Total.n", self.n)

    def count(self, n_pre: int, n_post: int) -> int:
        return self.n

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pairs = _count_pairs(n_pre, n_post, self.autapses)
        _check_enough("Total.n", self.n, pairs, "pairs", self)
        return _pairs(_draw(self, rng, 1, pairs, self.n)[0], n_pre, n_post, self.autapses)


class Pairs(Connectivity):
    """Given pairs: edge number e leads from the unit ``pre[e]`` to the unit ``post[e]``.

    Raises `CircuitError` for what is no index, for lists of different lengths, for a pair that is given twice unless
    ``multapses=True``, and with ``autapses=False`` for a unit that is connected to itself.
    """

    pre: Any
    post: Any
    autapses: bool = static(default=True, doc=_AUTAPSES)
    multapses: bool = static(default=False, doc=_MULTAPSES)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pre", "post"):
            vars(self)[name] = _indices(f"Pairs.{name}", getattr(self, name))
        if len(self.pre) != len(self.post):
            raise CircuitError(
                f"Pairs.pre and Pairs.post must be of one length, got {len(self.pre)} and {len(self.post)}."
            )

    def count(self, n_pre: int, n_post: int) -> int:
        return len(self.pre)

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        check_range("Pairs", self.pre, self.post, n_pre, n_post)
        if not self.autapses and (own := self.pre == self.post).any():
            at = int(own.argmax())
            raise CircuitError(
                f"Pairs.pre[{at}] and Pairs.post[{at}] are both {self.pre[at]}, but autapses=False: "
                "leave this pair out, or allow it."
            )
        if not self.multapses:
            codes = self.pre * n_post + self.post
            order = np.argsort(codes, kind="stable")
            twice = np.flatnonzero(np.diff(codes[order]) == 0)
            if twice.size:
                first, again = order[twice[0]], order[twice[0] + 1]
                raise CircuitError(
                    f"Pairs[{again}] joins {self.pre[again]} to {self.post[again]} as Pairs[{first}] does already. "
                    "Use multapses=True to allow several edges between two units."
                )
        return self.pre, self.post


class AllToAll(Connectivity):
    """Every pair once; with ``autapses=False`` all but those of a unit with itself."""

    autapses: bool = static(default=True, doc=_AUTAPSES)

    def count(self, n_pre: int, n_post: int) -> int:
        return _count_pairs(n_pre, n_post, self.autapses)

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        pre, post = np.nonzero(np.ones((n_pre, n_post), bool) if self.autapses else ~np.eye(n_pre, n_post, dtype=bool))
        return pre, post


def draw_edges(owner: str, connect: Any, n_pre: int, n_post: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The edges of a topology, ``(pre, post)``; `owner` is its name in messages.

    Raises `CircuitError` for what is no connectivity, a seed below 0, more edges than there is memory for (before any
    is drawn, where the rule knows how many to expect), indices out of range (of a third party's rule), and where there
    are no edges at all.
    """
    if not isinstance(connect, Connectivity):
        raise CircuitError(f"{owner}.connect must be a connectivity such as Probability(0.1), got {connect!r}.")
    if type(seed) is not int or seed < 0:
        raise CircuitError(f"{owner}.seed must be a whole number of at least 0, got {seed!r}.")
    if count := connect.count(n_pre, n_post):
        check_room_for(f"the list of {count:,} edges of {owner}", count * BYTES_TO_DRAW)
        if count >= 2**31:  # they are counted in 32 bits
            raise CircuitError(f"{connect!r} would make {count:,} edges: {owner} holds fewer than {2**31:,}.")
    pre, post = map(np.asarray, connect.edges(n_pre, n_post, np.random.default_rng(seed)))
    name = type(connect).__name__
    if pre.ndim != 1 or pre.shape != post.shape or pre.dtype.kind not in "iu" or post.dtype.kind not in "iu":
        raise CircuitError(
            f"{name}.edges must give two lists of whole numbers of one length, "
            f"got {pre.dtype}{list(pre.shape)} and {post.dtype}{list(post.shape)}."
        )
    if not pre.size:
        raise CircuitError(f"{connect!r} connects none of {n_pre} units with any of {n_post}: {owner} has no synapse.")
    check_range(name, pre, post, n_pre, n_post)
    return pre, post


def check_range(name: str, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> None:
    """Raise `CircuitError` for the first index that no unit has."""
    for side, indices, n in (("pre", pre, n_pre), ("post", post, n_post)):
        if indices.size and not (indices.min() >= 0 and indices.max() < n):
            at = int(((indices < 0) | (indices >= n)).argmax())
            raise CircuitError(
                f"{name}.{side}[{at}] must be an index within 0 ... {n - 1}, as there are {n} {side}-synaptic units, "
                f"got {indices[at]}."
            )


def _indices(name: str, values: Any) -> np.ndarray:
    """A list of whole numbers, which may be written as floats (as in lists of a model file)."""
    given = np.asarray(values)
    if given.ndim != 1 or given.dtype.kind not in "iuf":
        what = f"an array of {given.dtype}{list(given.shape)}"
        raise CircuitError(f"{name} must be a list of indices, got {what}.")
    legal = (given >= 0) & (given < 2**53)  # beyond, a float is no longer exact; NaN is neither
    whole = np.where(legal, given, 0).astype(np.int64)
    if (wrong := ~legal | (whole != given)).any():
        at = int(wrong.argmax())
        raise CircuitError(f"{name}[{at}] must be an index, a whole number of at least 0, got {given[at]}.")
    return whole


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise CircuitError(f"{name} must be a whole number of at least 1, got {value!r}.")


def _check_enough(name: str, wanted: int, legal: int, what: str, rule: Any) -> None:
    if legal < 1 or (wanted > legal and not rule.multapses):
        without = "" if rule.autapses else " other than itself" if "units" in what else " of different units"
        several = " Use multapses=True to allow several edges between two units." if legal else ""
        raise CircuitError(f"{name} must be at most {legal}, the number of {what}{without}, got {wanted}.{several}")


def _partners(rule: Any, n: int, others: int, rng: np.random.Generator, what: str) -> np.ndarray:
    """(n, k): for each of n units its k partners."""
    own = 0 if rule.autapses else min(n, others)  # so many, the first ones, could meet themselves
    legal = others - (own > 0)
    _check_enough(f"{type(rule).__name__}.k", rule.k, legal, f"{what} units", rule)
    first = _draw(rule, rng, own, legal, rule.k)
    first += first >= np.arange(own)[:, None]  # those from its own index on move up by one
    return np.concatenate([first, _draw(rule, rng, n - own, others, rule.k)], dtype=np.int64)


def _count_pairs(n_pre: int, n_post: int, autapses: bool) -> int:
    return n_pre * n_post - (0 if autapses else min(n_pre, n_post))


def _pairs(codes: np.ndarray, n_pre: int, n_post: int, autapses: bool) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of given numbers, counted row by row; without autapses the diagonal is not counted."""
    codes = codes.astype(np.int64, copy=False)
    if not autapses:  # n_post pairs lie between one place on the diagonal and the next
        codes = codes + np.minimum(codes // n_post + 1, min(n_pre, n_post))
    pre = codes // n_post
    return pre, codes - pre * n_post


def _draw(rule: Any, rng: np.random.Generator, rows: int, n: int, k: int) -> np.ndarray:
    return rng.integers(n, size=(rows, k)) if rule.multapses else _distinct(rng, rows, n, k)


def _distinct(rng: np.random.Generator, rows: int, n: int, k: int) -> np.ndarray:
    """(rows, k): in each row k different numbers below n, in order; each set of k is equally likely.

    Numbers that a row has already are drawn anew, until none is missing. Nothing here depends on which number it is,
    and so no set can be preferred.
    """
    return (_few if 8 * k <= n else _many)(rng, rows, n, k)


def _few(rng: np.random.Generator, rows: int, n: int, k: int) -> np.ndarray:
    """For k far below n: what is drawn is sorted, in time and memory that do not grow with n."""
    drawn = rng.integers(n, size=(rows, k), dtype=np.int32 if n < 2**31 else np.int64)
    drawn.sort(axis=1)
    again = np.zeros(drawn.shape, bool)
    np.equal(drawn[:, 1:], drawn[:, :-1], out=again[:, 1:])
    if again.any():
        row, n_row = np.nonzero(again)[0], np.arange(rows)[:, None] * n
        drawn[again] = _missing(rng, (drawn + n_row).ravel(), row * n, n) - row * n
        drawn.sort(axis=1)
    return drawn


def _missing(rng: np.random.Generator, had: np.ndarray, owed: np.ndarray, n: int) -> np.ndarray:
    """A new number below n for each entry of `owed`, to which it is added; in order, and none that is in `had`."""
    found = np.empty(0, np.int64)
    while owed.size:
        fresh, first = np.unique(owed + rng.integers(n, size=owed.size), return_index=True)
        at = np.minimum(np.searchsorted(had, fresh), had.size - 1)
        new = (had[at] != fresh) & ~np.isin(fresh, found)
        found = np.concatenate([found, fresh[new]])
        owed = np.delete(owed, first[new])
    return np.sort(found)


def _many(rng: np.random.Generator, rows: int, n: int, k: int) -> np.ndarray:
    """For k that is no small part of n: what is drawn is marked, or for more than half of n what is left out."""
    few = min(k, n - k)
    marked = np.zeros((rows, n), bool)
    some, owed = np.arange(rows), np.full(rows, few)
    while owed.any():
        some, owed = some[owed > 0], owed[owed > 0]
        row = np.repeat(some, owed)
        marked[row, rng.integers(n, size=row.size)] = True
        owed = few - np.count_nonzero(marked[some], axis=1)
    return np.nonzero(marked if few == k else ~marked)[1].reshape(rows, k)

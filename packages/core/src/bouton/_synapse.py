"""Synapse: a topology with weights, and what happens before the map, after it, and to the weights."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ._component import Component
from ._constraints import Constraint
from ._dynamics import Arriving, Instant, Release, Transmission
from ._errors import CircuitError
from ._initialisers import Initialiser, as_initialiser
from ._keys import node_key
from ._module import Param, Ports, Tick, parameter, part, port, static
from ._plasticity import Plasticity, Weights
from ._topology import Topology


class Synapse(Component):
    r"""Synapses from one population to another.

    .. math:: \text{current} = \text{transmission}(\text{gain} \cdot B(w, \text{release}(\text{pre}))) + b

    and, where there is plasticity, after the whole circuit has advanced

    .. math:: w \leftarrow \text{constraints}(w + \Delta w(\text{pre}, \text{post}, w))

    - `topology`: the map B, e.g. ``Dense(64, 400)``;
    - `weights`: a number, an array or an `Initialiser`;
    - `release`, `transmission`: dynamics before and after the map;
    - `plasticity`: a rule or a wrapper around one;
    - `changes`: whether `dw` and `db` say by how much weights and bias have changed in the last step, bounds and
      constraints of each tick included;
    - `constraints`: what the weights obey from the start, and again after each step or trial of learning, in this
      order. Bounds that come first apply to the weights that a step changes.

    Compartments of a part have its name in front: ``ff.transmission.g``, ``ff.plasticity.x_pre``. Rules see `pre` after
    all delays, on the wire and in the axon, and before what release does to it. They change the strength of synapses:
    neither `gain` nor the signs of a topology turn what they say around.
    """

    topology: Topology
    weights: Initialiser | Any | None = 1.0
    gain: Param = parameter(default=1.0, dims="post", doc="factor on the sums")
    bias: Param | None = parameter(default=None, dims="bias", doc="start value of a bias on the current")
    release: Release | None = None
    transmission: Transmission = Instant()
    plasticity: Plasticity | None = None
    constraints: tuple[Constraint, ...] = ()
    backward: bool = static(default=False, doc="whether there is a backward projection: `feedback` in, `back` out")
    changes: bool = static(default=False, doc="whether the last changes are states as well: `dw`, `db`")

    class In(Ports):
        pre: Float[Array, "*batch pre"] = port(doc="pre-synaptic values, usually spikes")
        feedback: Float[Array, "*batch post"] = port(default=0.0, only_if="backward", doc="values to project backward")
        release: Any = part()
        transmission: Any = part()

    class Late(Ports):
        post: Float[Array, "*batch post"] = port(only_if="plasticity", doc="post-synaptic values that plasticity sees")
        plasticity: Any = part()

    class State(Ports):
        w: Float[Array, " weights"] = port(persist=True, doc="weights")
        b: Float[Array, " bias"] = port("{unit}", persist=True, only_if="bias", doc="bias")
        dw: Float[Array, " weights"] = port(default=None, only_if="changes", doc="last change of the weights")
        db: Float[Array, " bias"] = port("{unit}", default=None, only_if="bias_changes", doc="last change of the bias")
        release: Any = part()
        transmission: Any = part()
        plasticity: Any = part()

    class Out(Ports):
        current: Float[Array, "*batch post"] = port("{unit}", doc="what arrives at the post-synaptic cells")
        back: Float[Array, "*batch pre"] = port(only_if="backward", doc="feedback projected through the same weights")
        release: Any = part()
        transmission: Any = part()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.topology, Topology):
            raise CircuitError(f"Synapse.topology must be a topology such as Dense(64, 400), got {self.topology!r}.")
        if self.weights is not None:
            vars(self)["weights"] = as_initialiser(self.weights, "Synapse.weights")
        constraints = self.constraints
        vars(self)["constraints"] = (constraints,) if isinstance(constraints, Constraint) else tuple(constraints)
        wanted = {"release": Release, "transmission": Transmission, "plasticity": Plasticity}
        for name, kind in wanted.items():
            value = getattr(self, name)
            if not isinstance(value, kind) and (value is not None or name == "transmission"):
                raise CircuitError(f"Synapse.{name} must be a {kind.__name__}, got {value!r}.")
            early, late = (dataclasses.fields(getattr(value, ports, Ports)) for ports in ("In", "Late"))
            if misplaced := early if name == "plasticity" else late:
                right, wrong = ("Late", "In") if name == "plasticity" else ("In", "Late")
                raise CircuitError(
                    f"{type(value).__name__} declares the input {misplaced[0].name!r} in {wrong}, where a "
                    f"{kind.__name__} is not given any: declare it in {right}."
                )
        if self.changes and self.plasticity is None:
            raise CircuitError("Synapse.changes=True shows what plasticity changes, and there is none: give a rule.")
        if self.plasticity is not None and self.topology.dims()["weights"] is None:
            raise CircuitError(f"{type(self.topology).__name__} has no weights: there is nothing to learn.")
        if self.plasticity is not None:
            vars(self)["topology"] = self.topology.for_learning()
        if self.release is not None:
            self.release.check_topology(self.topology, self.plasticity)
        for c in self.constraints:
            if not isinstance(c, Constraint):
                raise CircuitError(f"Synapse.constraints must hold constraints such as Clip(0, 1), got {c!r}.")
            c.check_topology(self.topology)

    @property
    def unit(self) -> str:
        """Unit of the current."""
        return self.transmission.unit

    @property
    def learns(self) -> bool:
        return self.plasticity is not None

    @property
    def bias_changes(self) -> bool:
        """Whether the last change of the bias is a state."""
        return self.changes and self.bias is not None

    def dims(self) -> dict[str, Any]:
        dims = self.topology.dims()
        dims = {"bias": dims["post"], **dims}
        bias, post = (list(dims[which]) for which in ("bias", "post"))
        if bias != post[len(post) - len(bias) :]:
            raise CircuitError(
                f"{type(self.topology).__name__}.dims()['bias'] must be the last of the post-synaptic dims {post}, so "
                f"that a bias can be added to the current, got {bias}."
            )
        return dims

    def init(self, *, key: Any, dt: float, batch: tuple[int, ...] = ()) -> Any:
        keys = jax.random.split(key, 4)
        w = self._constrained(self.constraints, self._drawn(keys[0]))
        b = None if self.bias is None else jnp.broadcast_to(jnp.asarray(self.bias, float), self.topology.size("bias"))

        def made(which: str, key: Any, *inputs: Any) -> Any:
            inner = getattr(self, which)
            return None if inner is None else inner.init(*inputs, key=key, dt=dt, batch=batch)

        return self.State(
            w=w,
            b=b,
            dw=jax.tree.map(jnp.zeros_like, w) if self.changes else None,
            db=jnp.zeros_like(b) if self.bias_changes else None,
            release=made("release", keys[1], self.topology),
            transmission=made("transmission", keys[2], self.topology),
            plasticity=made("plasticity", keys[3], self.topology.unsigned(), Weights(w, b)),
        )

    def advance(self, s: Any, x: Any, tick: Tick) -> tuple[Any, Any]:
        if self.release is None:
            release, arriving = s.release, Arriving(functools.partial(self._mapped, s.w, x.pre))
        else:
            own = _tick_of(tick, "release")
            release, sums = self.release.advance(s.release, self.topology, s.w, x.pre, x.release, own)
            arriving = Arriving.of(self.gain * sums)
        own = _tick_of(tick, "transmission")
        transmission, current = self.transmission.advance(s.transmission, arriving, x.transmission, own)
        out = self.Out(
            current=current if s.b is None else current + s.b,
            back=self.topology.transpose(s.w, x.feedback) if self.backward else None,
            release=None if self.release is None else self.release.out(release),
            transmission=self.transmission.out(transmission),
        )
        return s.replace(release=release, transmission=transmission), out

    def evolve(self, s: Any, x: Any, late: Any, tick: Tick) -> Any:
        assert self.plasticity is not None
        pre = x.pre if self.release is None else self.release.seen(s.release, x.pre)
        due = [c for c in self.constraints if c.when == "tick"]
        each = list(itertools.takewhile(lambda c: c.elementwise and c.every == 1, due))
        plasticity, new = self.plasticity.update(
            s.plasticity,
            self.topology.unsigned(),
            Weights(s.w, s.b),
            pre,
            late.post,
            late.plasticity,
            tick,
            lambda w: self._constrained(each, w),
        )
        w = new.w
        for c in due[len(each) :]:
            constrain = functools.partial(c, self.topology)
            w = constrain(w) if c.every == 1 else lax.cond((tick.step + 1) % c.every == 0, constrain, lambda w: w, w)
        if self.changes:
            db = new.b - s.b if self.bias_changes else None
            s = s.replace(dw=jax.tree.map(jnp.subtract, w, s.w), db=db)
        return s.replace(w=w, b=new.b, plasticity=plasticity)

    def consolidate(self, s: Any) -> Any:
        return s.replace(w=self._constrained([c for c in self.constraints if c.when == "trial"], s.w))

    def coords(self) -> dict[str, tuple[str, Any]]:
        return self.topology.coords()

    def rebase(self, s: Any, steps: int) -> Any:
        parts = ("release", "transmission", "plasticity")
        inner = {n: getattr(self, n).rebase(getattr(s, n), steps) for n in parts if getattr(self, n) is not None}
        return s.replace(**inner)

    def _mapped(self, w: Any, pre: Any, onto: Any, scale: Any) -> Any:
        """``onto + scale * gain * B(w, pre)``."""
        factor = self.gain * scale
        if onto is not None and jnp.ndim(factor) == 0:
            return self.topology.add(onto, w, pre, factor)
        sums = factor * self.topology.apply(w, pre)
        return sums if onto is None else onto + sums

    def _constrained(self, constraints: Iterable[Constraint], w: Any) -> Any:
        return functools.reduce(lambda w, c: c(self.topology, w), constraints, w)

    def _drawn(self, key: Any) -> Any:
        if self.weights is None and self.topology.dims()["weights"] is not None:
            raise CircuitError(f"Synapse.weights is None, but {type(self.topology).__name__} has weights: give them.")
        return self.topology.draw(self.weights, key)


def _tick_of(tick: Tick, part: str) -> Tick:
    """The tick with a random key of the part's own."""
    return tick if tick.key is None else tick.replace(key=node_key(tick.key, part))

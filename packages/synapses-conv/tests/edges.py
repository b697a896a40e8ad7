"""All topologies of this package in several geometries, and their synapses one by one, as loops say it."""

import itertools
import math

import numpy as np
import pytest
from bouton_synapses_conv import Conv, Deconv, Lateral, Local2d, Pool2d, UpConv

WINDOWS = {
    "2-D": Conv((5, 4, 2), kernel=3, channels_out=3),
    "rectangular, strides, explicit padding": Conv(
        (7, 5, 1), kernel=(3, 2), channels_out=2, stride=(2, 1), padding=((1, 0), (2, 1))
    ),
    "dilated": Conv((7, 6, 1), kernel=2, channels_out=2, dilation=(3, 2), padding="VALID"),
    "groups": Conv((4, 4, 4), kernel=2, channels_out=6, groups=2, stride=2),
    "1-D": Conv((9, 2), kernel=4, channels_out=3, stride=3),
    "3-D": Conv((3, 4, 3, 1), kernel=(2, 3, 1), channels_out=2),
    "padding wider than the map": Conv((2, 2, 1), kernel=3, channels_out=1, padding=((3, 0), (0, 3))),
    "strides that leave places out": Conv((6, 5, 1), kernel=2, channels_out=2, stride=3, padding="VALID"),
}
TOPOLOGIES = {
    **{f"Conv, {name}": conv for name, conv in WINDOWS.items()},
    **{f"Deconv, {name}": Deconv(conv) for name, conv in WINDOWS.items()},
    "UpConv": UpConv((3, 4, 2), kernel=3, channels_out=2, stride=2),
    "UpConv, stride beyond the kernel": UpConv((3, 2, 1), kernel=2, channels_out=2, stride=(3, 4)),
    "UpConv, all places": UpConv((3, 2, 1), kernel=(3, 1), channels_out=2, stride=2, padding="VALID"),
    "UpConv, explicit padding": UpConv((3, 2, 1), 3, 2, stride=(1, 2), padding=((0, 2), (3, 1)), dilation=(1, 2)),
    "UpConv, 1-D, groups": UpConv((4, 4), kernel=3, channels_out=2, stride=2, groups=2, dilation=2),
    "UpConv, 3-D": UpConv((2, 3, 1, 1), kernel=2, channels_out=1, stride=(1, 2, 3), padding="VALID"),
    "Local2d": Local2d((5, 4, 2), kernel=3, channels_out=3),
    "Local2d, rectangular, strides, explicit padding": Local2d(
        (7, 5, 1), kernel=(3, 2), channels_out=2, stride=(2, 1), padding=((1, 0), (2, 1))
    ),
    "Local2d, dilated": Local2d((7, 6, 1), kernel=2, channels_out=2, dilation=(3, 2), padding="VALID"),
    "Local2d, groups": Local2d((4, 4, 4), kernel=2, channels_out=6, groups=2, stride=2),
    "Local2d, padding wider than the map": Local2d((2, 2, 1), kernel=3, channels_out=1, padding=((3, 0), (0, 3))),
    "Lateral": Lateral((4, 3, 2), kernel=3),
    "Lateral, rectangular, without centre, inhibits": Lateral((3, 4, 3), kernel=(3, 1, 5), centre=False, sign=-1),
    "Lateral, wider than the map": Lateral((2, 3, 1), kernel=(5, 3, 3), centre=False),
    "Lateral, 1-D": Lateral((6, 2), kernel=(5, 3), sign=-1),
    "Lateral, 3-D": Lateral((2, 3, 2, 2), kernel=(3, 3, 1, 3)),
    "Pool2d": Pool2d((4, 6, 2), (2, 3)),
    "Pool2d, bins that overlap": Pool2d((5, 7, 2), (2, 3)),
    "Pool2d, sum": Pool2d((5, 4, 1), (3, 4), reduce="sum"),
    "Pool2d, to more places": Pool2d((2, 3, 1), (3, 3)),
}
each_topology = pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
WEIGHTED = {name: topology for name, topology in TOPOLOGIES.items() if not isinstance(topology, Pool2d)}
each_weighted = pytest.mark.parametrize("topology", WEIGHTED.values(), ids=WEIGHTED)


def edges(t):
    """All synapses as (place in the pre map, place in the post map, index of the weight, factor)."""
    of = {Conv: _conv, Deconv: _deconv, UpConv: _up_conv, Local2d: _local, Lateral: _lateral, Pool2d: _pool}
    return list(of[type(t)](t))


def arrays(t, seed=0, batch=()):
    """Weights, and values of the pre- and of the post-synaptic map."""
    r = np.random.default_rng(seed)
    shapes = (batch + t.size("pre"), batch + t.size("post"))
    w = None if t.dims()["weights"] is None else r.normal(size=t.size("weights")).astype(np.float32)
    return w, *(r.normal(size=s).astype(np.float32) for s in shapes)


def _options(t):
    n = len(t.size_in) - 1
    return ((v if isinstance(v, tuple) else (v,) * n) for v in (t.stride, t.dilation, t.kernel))


def _channels(t):
    """Channels that are joined, and which weight is theirs: (in, out, index in, index out)."""
    c_in, c_out = t.size_in[-1] // t.groups, t.channels_out // t.groups
    for i, o in itertools.product(range(c_in), range(t.channels_out)):
        yield o // c_out * c_in + i, o, i, o


def _conv(t):
    strides, dilations, kernels = _options(t)
    if t.padding == "SAME":  # as lax documents it: the positions decide, an odd place goes behind
        fronts = []
        for size, k, s, d in zip(t.size_in, kernels, strides, dilations, strict=False):
            total = (math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size
            fronts.append(max(total, 0) // 2)
    else:
        fronts = [0] * len(kernels) if t.padding == "VALID" else [front for front, _ in t.padding]
    for at in itertools.product(*map(range, t.size_out[:-1])):
        for tap in itertools.product(*map(range, kernels)):
            place = tuple(p * s + k * d - f for p, s, k, d, f in zip(at, strides, tap, dilations, fronts, strict=True))
            if all(0 <= p < size for p, size in zip(place, t.size_in, strict=False)):
                for c_in, c_out, i, o in _channels(t):
                    yield (*place, c_in), (*at, c_out), (*tap, i, o), 1.0


def _deconv(t):
    for pre, post, k, factor in _conv(t.conv):
        yield post, pre, k, factor


def _up_conv(t):
    strides, dilations, kernels = _options(t)
    for at in itertools.product(*map(range, t.size_in[:-1])):
        for tap in itertools.product(*map(range, kernels)):
            place = []
            for axis, (p, k, s, d) in enumerate(zip(at, tap, strides, dilations, strict=True)):
                extent = (kernels[axis] - 1) * d + 1
                if t.padding == "SAME":  # kernels see all that they can; an odd place goes in front
                    front = extent - 1 if s >= extent else math.ceil((extent + s - 2) / 2)
                else:
                    front = extent - 1 if t.padding == "VALID" else t.padding[axis][0]
                place.append(p * s + front - k * d)
            if all(0 <= q < size for q, size in zip(place, t.size_out, strict=False)):
                for c_in, c_out, i, o in _channels(t):
                    yield (*at, c_in), (*place, c_out), (*tap, i, o), 1.0


def _local(t):
    for pre, post, k, factor in _conv(t):
        yield pre, post, (*post[:-1], *k), factor


def _lateral(t):
    kernels = t.kernel if isinstance(t.kernel, tuple) else (t.kernel,) * len(t.size_in)
    units = list(itertools.product(*map(range, t.size_in)))
    for pre, post in itertools.product(units, units):
        tap = tuple(a - b + n // 2 for a, b, n in zip(pre, post, kernels, strict=True))
        if all(0 <= k < n for k, n in zip(tap, kernels, strict=True)) and (t.centre or pre != post):
            yield pre, post, tap, t.sign


def _pool(t):
    for *at, c in itertools.product(*map(range, (*t.size_out, t.size_in[-1]))):
        bins = [
            range(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(at, t.size_in, t.size_out, strict=False)
        ]
        for place in itertools.product(*bins):
            yield (*place, c), (*at, c), None, 1.0 if t.reduce == "sum" else 1.0 / math.prod(map(len, bins))

"""Deconv: a convolution backwards, its adjoint. What ngc-learn calls a deconvolution is in `up_convolution.py`."""

from __future__ import annotations

from typing import Any

import jax
from bouton import CircuitError, Topology

from .convolution import Conv


class Deconv(Topology):
    r"""The transpose of a convolution: from the map that `conv` makes back to the one that it sees.

    .. math:: y_{q,i} = \sum_{k} \sum_{o} w_{k,i,o}\; x_{p,o} \quad\text{over all}\; p\;\text{with}\; p s + k d - l = q

    It is the adjoint: :math:`\langle\text{Conv}(w, a), b\rangle = \langle a, \text{Deconv}(w, b)\rangle` for any maps
    a and b and the same weights w, whatever stride, padding, dilation and groups are. So a convolution and a
    deconvolution may have one array of weights between them, and feedback through ``Deconv(conv)`` is what
    ``Synapse(conv, ..., backward=True)`` projects backward. Places of the output map that no window of `conv` reaches
    stay 0.

    Sizes and options are those of `conv`: ``Deconv(Conv((28, 28, 1), kernel=5, channels_out=8, stride=2))`` leads from
    (14, 14, 8) to (28, 28, 1). The weights are shaped as there. Their dims are named by what they are here:
    ``(ky, kx, channel_out, channel_in)``, where channel_in counts the channels of the smaller map, which is the input.
    """

    conv: Conv

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.conv, Conv):
            raise CircuitError(
                "Deconv.conv must be the convolution whose transpose is meant, such as "
                f"Conv((28, 28, 1), kernel=5, channels_out=8), got {self.conv!r}."
            )

    @property
    def size_in(self) -> tuple[int, ...]:
        """Size of the input map, channels last."""
        return self.conv.size_out

    @property
    def size_out(self) -> tuple[int, ...]:
        """Size of the output map, channels last."""
        return self.conv.size_in

    def dims(self) -> dict[str, Any]:
        of_conv = self.conv.dims()
        other = {"channel_in": "channel_out", "channel_out": "channel_in"}
        return {
            "pre": {f"pre_{name}": n for name, n in of_conv["post"].items()},
            "post": {name.removeprefix("pre_"): n for name, n in of_conv["pre"].items()},
            "weights": {other.get(name, name): n for name, n in of_conv["weights"].items()},
            "bias": {"channel": self.size_out[-1]},
        }

    def apply(self, w: jax.Array, x: jax.Array) -> jax.Array:
        return self.conv.transpose(w, x)

    def outer(self, w: jax.Array, pre: jax.Array, post: jax.Array) -> jax.Array:
        return self.conv.outer(w, post, pre)

    def transpose(self, w: jax.Array, post: jax.Array) -> jax.Array:
        return self.conv.apply(w, post)

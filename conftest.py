"""What every test of the repository runs under, whichever package it belongs to: no silent promotion of dtypes."""

from collections.abc import Iterator

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def compiled_is_let_go() -> Iterator[None]:
    """A compiled function takes some six memory maps, and Linux aborts a process that needs more than 65,530."""
    yield
    jax.clear_caches()

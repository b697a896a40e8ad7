"""What every test of the repository runs under, whichever package it belongs to: no silent promotion of dtypes."""

import jax

jax.config.update("jax_numpy_dtype_promotion", "strict")

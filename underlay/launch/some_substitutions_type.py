"""Alias of the official module path."""

from .substitution import SomeSubstitutionsType

__all__ = ["SomeSubstitutionsType"]

"""Laundry folding: a towel in half."""

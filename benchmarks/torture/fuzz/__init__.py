"""Damaged input by the hundred thousand, from a seed, in processes that may die of it."""

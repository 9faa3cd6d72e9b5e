"""Intervals, tests, distances and corrections: numpy and ``scipy.special`` only."""

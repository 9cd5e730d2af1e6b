"""Algorithms, one file each: configuration, loss and update, readable top to bottom."""

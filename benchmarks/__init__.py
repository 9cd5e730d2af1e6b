"""Side-by-side comparisons with peers; each program writes JSON and a plot into ``results/``."""

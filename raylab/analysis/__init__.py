"""Learning curves, honest statistics and reports of runs; reads tables through raylab.frame."""

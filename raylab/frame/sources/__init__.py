"""Sources: where rows come from, with their identity and what is known about their columns."""

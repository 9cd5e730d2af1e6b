"""The pandas face: lazy subclasses of pandas' classes, with native methods split by topic."""

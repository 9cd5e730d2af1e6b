"""The logical plan: immutable nodes, expressions and their typed schema; nothing is executed."""

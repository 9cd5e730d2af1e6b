"""The argument parser that all verbs share: help with examples, near matches for wrong options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NoReturn

from raylab.cli import VERBS


class VerbParser(argparse.ArgumentParser):
    """Parser of one verb; a wrong argument ends with a hint and exit code 2."""

    def __init__(self, verb: str, examples: Sequence[str]) -> None:
        text = VERBS[verb]
        super().__init__(
            prog=f"raylab {verb}",
            description=text[0].upper() + text[1:] + ".",
            epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, the near match of an unknown option, and where the help is."""
        prefix = "unrecognized arguments: "
        if message.startswith(prefix):
            wrong = message.removeprefix(prefix).split()[0]
            near = get_close_matches(wrong, self._option_string_actions, n=1)
            message = f"unknown argument {wrong!r}" + (f"; did you mean {near[0]}?" if near else "")
        print(f"{self.prog}: {message}\nSee `{self.prog} --help`.", file=sys.stderr)
        self.exit(2)

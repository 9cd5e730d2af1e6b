"""``python -m tests.conformance``: run pandas' tests on raylab.frame and write the matrix."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.conformance import ratchet, report
from tests.conformance.runs import DEFAULT, PANDAS, PARTITIONED, ROOT, Mode, Records, run_suite
from tests.conformance.suite import FOLDERS, test_files

DOCS = ROOT / "docs"
CACHE = ROOT / "build" / "conformance"
FILES_AT_ONCE = 12
MODES = {mode.name: mode for mode in (DEFAULT, PARTITIONED)}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some files of a folder in one mode: what is run at once and kept on its own."""

    mode: Mode
    folder: str
    number: int
    files: tuple[str, ...]

    def kept(self, cache: Path) -> Path:
        """Where its records are kept, under a hash of what was tested."""
        mode = self.mode.name.replace(" ", "-").replace(",", "")
        return cache / f"{mode}-{self.folder}-{self.number}-{identity(self.mode)}.json"


def pieces(modes: Sequence[Mode], folders: Sequence[str]) -> list[Piece]:
    """The whole run in pieces of some files each."""
    return [
        Piece(mode, folder, number, tuple(files[start : start + FILES_AT_ONCE]))
        for folder in folders
        for files in [test_files(folder)]
        for mode in modes
        for number, start in enumerate(range(0, len(files), FILES_AT_ONCE))
    ]


def run_pieces(
    work: Sequence[Piece], jobs: int, cache: Path, limit_s: float | None
) -> dict[str, Records] | None:
    """The records of each mode; None when the time was up before all pieces were run.

    A piece is kept below ``build/``: a run that was interrupted goes on where it was.
    """
    end = None if limit_s is None else time.monotonic() + limit_s
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda piece: _records(piece, cache, end), work))
    runs: dict[str, Records] = {}
    for piece, records in zip(work, found, strict=True):
        if records is None:
            return None
        runs.setdefault(piece.mode.name, {}).update(records)
    return runs


def kept_folders(modes: Sequence[Mode], folders: Sequence[str], cache: Path) -> dict[str, Records]:
    """The records of each mode for the folders that an earlier call has run completely."""
    runs: dict[str, Records] = {mode.name: {} for mode in modes}
    for folder in folders:
        for mode in modes:
            parts = [piece.kept(cache) for piece in pieces([mode], [folder])]
            if all(part.exists() for part in parts):
                for part in parts:
                    runs[mode.name] |= json.loads(part.read_text(encoding="utf-8"))
    return {name: records for name, records in runs.items() if records}


def _records(piece: Piece, cache: Path, end: float | None) -> Records | None:
    kept = piece.kept(cache)
    if kept.exists():
        records: Records = json.loads(kept.read_text(encoding="utf-8"))
        return records
    if end is not None and time.monotonic() > end:
        return None
    records = run_suite(piece.mode, [piece.files])
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(".tmp")
    unfinished.write_text(json.dumps(records), encoding="utf-8")
    unfinished.replace(kept)
    return records


def identity(mode: Mode) -> str:
    """A hash of what the records of a mode depend on."""
    described = json.dumps([mode.name, dict(mode.options), *_versions(), _code(mode.module)])
    return hashlib.sha256(described.encode()).hexdigest()[:12]


@functools.cache
def _code(module: str) -> str:
    """A hash of the code of the harness, and of raylab where it is tested."""
    files = [
        ROOT / "tests" / "conformance" / name
        for name in ("suite.py", "runs.py", "plugin.py", "late.py", "causes.py")
    ]
    if module != PANDAS.module:
        files += sorted((ROOT / "raylab" / "frame").rglob("*.py"))
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()


def _versions() -> list[str]:
    names = ("pandas", "polars", "pyarrow", "numpy")
    return [f"Python {platform.python_version()}", *(f"{n} {version(n)}" for n in names)]


def _commit() -> str:
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()


def main() -> None:
    """Run the folders in both modes, then write ``docs/conformance.md`` and ``.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folders", choices=FOLDERS, nargs="+", default=list(FOLDERS))
    parser.add_argument("--modes", choices=MODES, nargs="+", default=list(MODES))
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument(
        "--limit-s", type=float, help="begin no piece after so many seconds; call again to go on"
    )
    parser.add_argument(
        "--kept", action="store_true", help="run nothing: report the folders that are complete"
    )
    parser.add_argument("--commit", help="which was run, for the report", default=_commit())
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the two files")
    parser.add_argument(
        "--ratchet", choices=ratchet.MODES, nargs="+", help="only renew CI's record of these modes"
    )
    args = parser.parse_args()
    if args.ratchet:
        ratchet.renew(args.ratchet)
        return
    modes = [PANDAS, *(MODES[name] for name in args.modes)]
    work = pieces(modes, args.folders)
    if args.kept:
        runs: dict[str, Records] | None = kept_folders(modes, args.folders, CACHE)
    else:
        runs = run_pieces(work, args.jobs, CACHE, args.limit_s)
    if runs is None:
        done = sum(1 for piece in work if piece.kept(CACHE).exists())
        sys.exit(f"{done} of {len(work)} pieces are done; call again to go on")
    expected = runs.pop(PANDAS.name)
    versions = dict(item.split() for item in _versions()) | {"raylab": args.commit}
    args.out.mkdir(parents=True, exist_ok=True)
    data = json.dumps(report.to_json(versions, expected, runs), indent=1)
    (args.out / "conformance.json").write_text(data + "\n", encoding="utf-8")
    text = report.to_markdown(versions, expected, runs)
    (args.out / "conformance.md").write_text(text, encoding="utf-8")
    for name, records in runs.items():
        for folder, counts in report.count(expected, records).items():
            shares = f"{counts.passed_share:.1%} pass, {counts.native_share:.1%} natively"
            print(f"{name}: {folder}: {shares}, {counts.failed} fail")


if __name__ == "__main__":
    main()

"""``python -m tests.conformance``: run pandas' tests on raylab.frame and write the matrix."""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path

from tests.conformance import ratchet, report
from tests.conformance.runs import DEFAULT, PANDAS, PARTITIONED, ROOT, Records, run_suite
from tests.conformance.suite import FOLDERS

DOCS = ROOT / "docs"
MODES = {mode.name: mode for mode in (DEFAULT, PARTITIONED)}


def baseline(folders: list[str], jobs: int, cache: Path) -> Records:
    """What pandas itself does; kept below ``build/`` for the next run of the same version."""
    records: Records = {}
    for folder in folders:
        kept = cache / f"pandas-{version('pandas')}-{folder}.json"
        if kept.exists():
            records |= json.loads(kept.read_text(encoding="utf-8"))
            continue
        found = run_suite(PANDAS, [[folder]], jobs=jobs)
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".tmp")
        unfinished.write_text(json.dumps(found), encoding="utf-8")
        unfinished.replace(kept)
        records |= found
    return records


def main() -> None:
    """Run the folders in both modes, then write ``docs/conformance.md`` and ``.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folders", choices=FOLDERS, nargs="+", default=list(FOLDERS))
    parser.add_argument("--modes", choices=MODES, nargs="+", default=list(MODES))
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the two files")
    parser.add_argument(
        "--ratchet", choices=ratchet.MODES, nargs="+", help="only renew CI's record of these modes"
    )
    args = parser.parse_args()
    if args.ratchet:
        ratchet.renew(args.ratchet)
        return
    expected = baseline(args.folders, args.jobs, ROOT / "build" / "conformance")
    batches = [[folder] for folder in args.folders]
    runs = {name: run_suite(MODES[name], batches, jobs=args.jobs) for name in args.modes}
    versions = {name: version(name) for name in ("pandas", "polars", "pyarrow", "numpy")}
    versions = {"Python": platform.python_version(), **versions}
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

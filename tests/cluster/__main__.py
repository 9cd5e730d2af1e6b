"""`make load`, `make detection`: play it alone, and keep what it measured in docs/cluster/."""

import json
import sys
import tempfile
from datetime import UTC, datetime

from benchmarks.common import installed_versions, machine_info
from raylab import __version__
from tests.cluster.namespace import ROOT, run_alone

SCRIPTS = {
    "load": ("load.py", (40, 5), 3000),  # settings, seeds
    "detection": ("detection.py", (1,), 400),  # losses of each kind
}


def main(name: str) -> None:
    """Play it; the line before its verdict is what it measured."""
    script, arguments, timeout_s = SCRIPTS[name]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        said = run_alone(script, folder, *arguments, timeout_s=timeout_s)
    sys.stderr.write(said)
    lines = said.splitlines()
    measured = lines[lines.index("all is well") - 1]  # Ray may say something behind it
    record = {
        "made_by": f"make {name} (tests/cluster/{script} {' '.join(map(str, arguments))})",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_info(),
        "versions": {"raylab": __version__, **installed_versions(["ray", "torch"])},
        **json.loads(measured),
    }
    target = ROOT / "docs" / "cluster" / f"{name}.json"
    target.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

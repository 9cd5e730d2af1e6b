"""The TPC-H tables as Parquet files, generated with ``tpchgen-cli``.

Two variants of the same rows:

``plain``    float64, datetime64[us], str, int32 and int64: what pandas users have.
``decimal``  decimal128(15, 2) and date32, as the generator emits them. Queries read them with
             Arrow dtypes and cast each table once, because pandas can neither group decimals
             nor multiply three of them, and does not compare date32 with a Timestamp.

Files lie in ``benchmarks/data/tpch/sf<scale>/<variant>/<table>.parquet``. Run as a program to
generate them: ``python -m benchmarks.tpch.data --scale 1``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.parquet as pq

Variant = Literal["plain", "decimal"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
TABLE_NAMES = (
    "region",
    "nation",
    "supplier",
    "customer",
    "part",
    "partsupp",
    "orders",
    "lineitem",
)
DATA_DIR = Path(__file__).resolve().parents[1] / "data" / "tpch"
ROW_GROUP_ROWS = 1 << 17
_ARROW_CASTS = {"float64": "double[pyarrow]", "datetime64[us]": "timestamp[us][pyarrow]"}


@dataclass(frozen=True, slots=True)
class Tables:
    """Where the eight tables of one scale factor and variant lie, and how pandas reads them.

    Attributes:
        folder: holds ``<table>.parquet`` for each of ``TABLE_NAMES``.
        scale_factor: 1 is about 6 million lines in ``lineitem``.
        variant: the column types of the files.
        columns: table -> columns to read; a table that is not listed is read whole. Used to
            give pandas the projection that lazy engines find by themselves.
    """

    folder: Path
    scale_factor: float
    variant: Variant = "plain"
    columns: Mapping[str, list[str]] | None = None

    def path(self, name: str) -> str:
        """The Parquet file of a table."""
        return str(self.folder / f"{name}.parquet")

    def read(self, pd: Any, name: str) -> Any:
        """Read a table with ``pd.read_parquet``; afterwards both variants have plain dtypes."""
        columns = None if self.columns is None else self.columns.get(name)
        if self.variant == "plain":
            return pd.read_parquet(self.path(name), columns=columns)
        frame = pd.read_parquet(self.path(name), columns=columns, dtype_backend="pyarrow")
        plain = plain_dtypes(self.path(name), columns)
        # By way of Arrow's own casts: pandas converts decimals and dates one object at a time.
        by_arrow = {c: _ARROW_CASTS[dtype] for c, dtype in plain.items() if dtype in _ARROW_CASTS}
        return frame.astype(by_arrow).astype(plain)


def plain_dtypes(path: str, columns: list[str] | None = None) -> dict[str, str]:
    """Column -> the pandas dtype that it has in the plain variant, from the file's schema."""
    schema = pq.read_schema(path)
    names = schema.names if columns is None else columns
    return {name: _pandas_dtype(schema.field(name).type) for name in names}


def _pandas_dtype(dtype: pa.DataType) -> str:
    if pa.types.is_decimal(dtype) or pa.types.is_floating(dtype):
        return "float64"
    if pa.types.is_date(dtype) or pa.types.is_timestamp(dtype):
        return "datetime64[us]"
    if pa.types.is_integer(dtype):
        return str(dtype)
    return "str"


def _stored_type(dtype: pa.DataType, variant: Variant) -> pa.DataType:
    if pa.types.is_string_view(dtype):
        return pa.string()  # pandas cannot sort or search Arrow's string_view
    if variant == "plain" and pa.types.is_decimal(dtype):
        return pa.float64()
    if variant == "plain" and pa.types.is_date(dtype):
        return pa.timestamp("us")
    return dtype


def _convert(source: Path, target: Path, variant: Variant) -> None:
    """Rewrite one generated file in a variant's types, one row group in memory at a time."""
    file = pq.ParquetFile(source)
    schema = pa.schema([pa.field(f.name, _stored_type(f.type, variant)) for f in file.schema_arrow])
    unfinished = target.with_suffix(".tmp")
    with pq.ParquetWriter(unfinished, schema) as writer:
        for batch in file.iter_batches(batch_size=ROW_GROUP_ROWS):
            writer.write_table(pa.Table.from_batches([batch]).cast(schema), ROW_GROUP_ROWS)
    unfinished.replace(target)


def generate(scale_factor: float, data_dir: Path = DATA_DIR) -> None:
    """Generate both variants of all tables of one scale factor; keeps what is there.

    Raises:
        FileNotFoundError: ``tpchgen-cli`` is not installed.
    """
    root = data_dir / f"sf{scale_factor:g}"
    missing = [
        (name, variant)
        for name in TABLE_NAMES
        for variant in VARIANTS
        if not (root / variant / f"{name}.parquet").exists()
    ]
    if not missing:
        return
    for variant in VARIANTS:
        (root / variant).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        names = ",".join(sorted({name for name, _ in missing}))
        command = [_generator(), "parquet", "--quiet", "--scale-factor", f"{scale_factor:g}"]
        command += ["--tables", names, "--output-dir", folder]
        subprocess.run(command, check=True)
        for name, variant in missing:
            target = root / variant / f"{name}.parquet"
            _convert(Path(folder) / f"{name}.parquet", target, variant)


def _generator() -> str:
    beside_python = Path(sys.executable).parent / "tpchgen-cli"
    found = str(beside_python) if beside_python.exists() else shutil.which("tpchgen-cli")
    if found is None:
        raise FileNotFoundError("tpchgen-cli is not installed; try: pip install tpchgen-cli")
    return found


def load(scale_factor: float, variant: Variant = "plain", data_dir: Path = DATA_DIR) -> Tables:
    """The tables of one scale factor and variant, generated when they are missing."""
    generate(scale_factor, data_dir)
    return Tables(data_dir / f"sf{scale_factor:g}" / variant, scale_factor, variant)


def main() -> None:
    """Generate the scale factors given on the command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--scale", type=float, nargs="+", default=[1.0])
    for scale_factor in parser.parse_args().scale:
        generate(scale_factor)
        print(DATA_DIR / f"sf{scale_factor:g}")


if __name__ == "__main__":
    main()

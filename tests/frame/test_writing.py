"""Writers: pandas' files, and targets that are replaced as a whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import raylab.frame as pd
from raylab.errors import ExecutionError, SourceChangedError
from raylab.frame import support

WRITERS = {
    "parquet": (lambda df, path: df.to_parquet(path), pandas.read_parquet),
    "csv": (lambda df, path: df.to_csv(path), pandas.read_csv),
    "json": (
        lambda df, path: df.to_json(path, orient="records", lines=True, date_format="iso"),
        pandas.read_json,
    ),
    "feather": (lambda df, path: df.to_feather(path), pandas.read_feather),
    "pickle": (lambda df, path: df.to_pickle(path), pandas.read_pickle),
}


@pytest.fixture(params=["kept", "streamed", "three partitions"])
def way(request: pytest.FixtureRequest) -> str:
    """Results are kept or streamed, in one partition or several."""
    if request.param == "streamed":
        pd.set_option("raylab.cache_bytes", 0)
    if request.param == "three partitions":
        pd.set_option("raylab.npartitions", 3)
    return request.param


@pytest.fixture
def parquet(table: pandas.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    table.to_parquet(path, row_group_size=50)
    return path


def left_over(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


def frames(table: pandas.DataFrame) -> dict[str, Any]:
    """Frames with all kinds of index, made alike in both libraries."""
    return {
        "range": lambda df: df,
        "filtered": lambda df: df[df["x"] > 0],
        "evenly spaced": lambda df: df.iloc[10:100],
        "nothing": lambda df: df[df["x"] > 1e9],
        "keyed": lambda df: df.set_index("name"),
        "levels": lambda df: df.set_index(["key", "name"]),
        "counted": lambda df: df.groupby("name")[["x", "key"]].max(),
        "promoted": lambda df: df.merge(
            df[df["key"] < 3].drop_duplicates("key")[["key", "small", "flag"]],
            on="key",
            how="left",
        ),
    }


@pytest.mark.parametrize("index", [None, True, False])
@pytest.mark.parametrize("kind", list(frames(pandas.DataFrame())))
def test_a_parquet_file_is_the_one_of_pandas(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path, kind: str, index: Any, way: str
) -> None:
    make = frames(table)[kind]
    expected = make(table)
    expected.attrs = {"unit": "s"}
    expected.to_parquet(tmp_path / "expected.parquet", index=index)
    df = make(pd.read_parquet(parquet))
    df.attrs = {"unit": "s"}

    df.to_parquet(tmp_path / "result.parquet", index=index)

    schemas = [pq.read_schema(tmp_path / f"{n}.parquet") for n in ("result", "expected")]
    assert schemas[0].equals(schemas[1])
    if kind != "promoted":  # its bools with gaps are objects, which pandas writes
        assert "_lazy" in df.__dict__
        assert schemas[0].pandas_metadata == schemas[1].pandas_metadata
    back, wanted = (pandas.read_parquet(tmp_path / f"{n}.parquet") for n in ("result", "expected"))
    pandas.testing.assert_frame_equal(back, wanted)
    assert back.attrs == wanted.attrs
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("kind", list(frames(pandas.DataFrame())))
@pytest.mark.parametrize(
    "arguments",
    [{}, {"index": False, "sep": ";", "na_rep": "-"}, {"chunksize": 7}, {"columns": ["x", "key"]}],
    ids=str,
)
def test_a_csv_file_has_the_bytes_of_pandas(
    table: pandas.DataFrame,
    parquet: Path,
    tmp_path: Path,
    kind: str,
    arguments: dict[str, Any],
    way: str,
) -> None:
    make = frames(table)[kind]
    if kind == "levels" and "columns" in arguments:
        arguments = {"columns": ["x", "small"]}
    make(table).to_csv(tmp_path / "expected.csv", **arguments)

    df = make(pd.read_parquet(parquet))
    df.to_csv(tmp_path / "result.csv", **arguments)

    assert (tmp_path / "result.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert "_lazy" in df.__dict__


@pytest.mark.parametrize("ending", ["gz", "zip", "xz"])
def test_compressed_files(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path, ending: str
) -> None:
    pd.read_parquet(parquet).to_csv(tmp_path / f"result.csv.{ending}", index=False)

    pandas.testing.assert_frame_equal(
        pandas.read_csv(tmp_path / f"result.csv.{ending}"),
        pandas.read_csv(io.StringIO(table.to_csv(index=False))),
    )


def test_json_lines_and_feather(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path, way: str
) -> None:
    df = pd.read_parquet(parquet)

    df.to_json(tmp_path / "result.json", orient="records", lines=True, date_format="iso")
    df.to_feather(tmp_path / "result.feather")

    expected = table.to_json(orient="records", lines=True, date_format="iso")
    assert (tmp_path / "result.json").read_text() == expected
    pandas.testing.assert_frame_equal(pandas.read_feather(tmp_path / "result.feather"), table)
    assert "_lazy" in df.__dict__


def test_to_buffers_and_text(table: pandas.DataFrame, parquet: Path) -> None:
    df = pd.read_parquet(parquet)

    assert df.to_csv() == table.to_csv()
    assert df.to_parquet() == table.to_parquet()
    assert df["x"].to_csv() == table["x"].to_csv()


@pytest.mark.parametrize("kind", WRITERS)
def test_a_failure_leaves_the_old_file(parquet: Path, tmp_path: Path, kind: str, way: str) -> None:
    write, _ = WRITERS[kind]
    target = tmp_path / f"old.{kind}"
    write(pandas.DataFrame({"x": [1, 2]}), target)
    before = target.read_bytes()
    df = pd.read_parquet(parquet)
    pd.read_parquet(parquet).assign(x=1.0).to_parquet(parquet)

    with pytest.raises(SourceChangedError):
        write(df, target)

    assert target.read_bytes() == before
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("kind", WRITERS)
def test_damaged_rows_leave_the_old_file(tmp_path: Path, kind: str, way: str) -> None:
    write, _ = WRITERS[kind]
    source, target = tmp_path / "damaged.parquet", tmp_path / f"old.{kind}"
    pandas.DataFrame({"x": np.random.default_rng(0).normal(size=5000)}).to_parquet(
        source, row_group_size=500, compression="gzip"
    )
    data = bytearray(source.read_bytes())
    data[-20_000:-15_000] = bytes(5000)  # among the last row groups
    source.write_bytes(data)
    write(pandas.DataFrame({"x": [1, 2]}), target)
    before = target.read_bytes()

    with pytest.raises(ExecutionError, match=r"damaged\.parquet"):
        write(pd.read_parquet(source), target)

    assert target.read_bytes() == before
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, kind: str) -> None:
    write, _ = WRITERS[kind]
    target = tmp_path / f"old.{kind}"
    write(pandas.DataFrame({"x": [1, 2]}), target)
    before = target.read_bytes()
    rng = np.random.default_rng(0)
    big = pandas.DataFrame({"x": rng.normal(size=200_000)})
    big.to_parquet(tmp_path / "big.parquet")
    df = pd.read_parquet(tmp_path / "big.parquet")
    df.shape  # noqa: B018  opened before the limit

    with Limited(300_000), pytest.raises(OSError, match=r"(?i)file too large|EFBIG|27"):
        write(df, target)

    assert target.read_bytes() == before
    assert left_over(tmp_path) == []


class Limited:
    """No file of this process may grow over a size, as if the disk were full."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        import resource
        import signal

        self.old = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.old[1]))

    def __exit__(self, *_: object) -> None:
        import resource
        import signal

        resource.setrlimit(resource.RLIMIT_FSIZE, self.old)
        signal.signal(signal.SIGXFSZ, self.handler)


class FullFile(MemoryFile):
    def write(self, data: Any) -> int:
        if self.tell() + len(data) > 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


class FullFileSystem(MemoryFileSystem):
    """Memory in which a file can have 1,000 bytes."""

    protocol = "full"
    store: dict[str, Any] = {}  # noqa: RUF012  as its base class has it
    pseudo_dirs = [""]  # noqa: RUF012  as its base class has it

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        if "w" in mode:
            return FullFile(self, self._strip_protocol(path))
        return super()._open(path, mode, **kwargs)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("full://").strip("/")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_remote_store_leaves_the_old_file(parquet: Path, kind: str) -> None:
    fsspec.register_implementation("full", FullFileSystem, clobber=True)
    system = fsspec.filesystem("full")
    system.store["/data/old"] = MemoryFile(system, "/data/old", b"what was there")
    write, _ = WRITERS[kind]

    with pytest.raises(OSError, match="No space left"):
        write(pd.read_parquet(parquet), "full://data/old")

    assert system.cat_file("full://data/old") == b"what was there"
    assert list(system.store) == ["/data/old"]


def test_urls(table: pandas.DataFrame, parquet: Path) -> None:
    for kind, (write, read) in WRITERS.items():
        write(pd.read_parquet(parquet), f"memory://written/x.{kind}")
        expected = Path(parquet).with_name(f"x.{kind}")
        write(table, expected)
        if kind == "json":
            continue
        back = read(f"memory://written/x.{kind}")
        back = back.to_pandas() if kind == "pickle" else back
        pandas.testing.assert_frame_equal(back, read(expected))
    system = fsspec.filesystem("memory")
    assert sorted(system.ls("/written", detail=False)) == [
        f"/written/x.{kind}" for kind in sorted(WRITERS)
    ]
    system.rm("/written", recursive=True)


def test_a_url_can_be_written_onto_itself(table: pandas.DataFrame) -> None:
    table.to_parquet("memory://own.parquet")
    df = pd.read_parquet("memory://own.parquet")
    df["x"] = df["x"] + 1

    df.to_parquet("memory://own.parquet")

    assert df["x"].tolist() == (table["x"] + 1).tolist()
    assert pd.read_parquet("memory://own.parquet")["x"].tolist() == (table["x"] + 1).tolist()


def test_the_mode_and_a_link_stay(parquet: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)

    pd.read_parquet(parquet).to_csv(link)

    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text() != "old"


def test_appending_and_missing_folders_are_as_in_pandas(parquet: Path, tmp_path: Path) -> None:
    df = pd.read_parquet(parquet)[["key"]]
    target = tmp_path / "appended.csv"
    target.write_text("old\n")

    df.to_csv(target, mode="a", header=False, index=False)

    assert target.read_text().startswith("old\n")
    assert len(target.read_text().splitlines()) == 1 + len(df)
    with pytest.raises(OSError, match="non-existent directory"):
        df.to_csv(tmp_path / "nowhere" / "x.csv")
    df.to_csv("/dev/null")


def test_a_folder_of_parts(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path, way: str
) -> None:
    target = tmp_path / "parts"
    df = pd.read_parquet(parquet)
    kept = df[df["x"] > 0].set_index("name")

    df.to_parquet(target, parts=True)
    pandas.testing.assert_frame_equal(pandas.read_parquet(target), table)
    kept.to_parquet(target, parts=True)

    expected = table[table["x"] > 0].set_index("name")
    pandas.testing.assert_frame_equal(pandas.read_parquet(target), expected)
    count = 3 if way == "three partitions" else 1
    assert sorted(os.listdir(target)) == [f"part-{i:05}.parquet" for i in range(count)]
    assert left_over(tmp_path) == []


def test_a_folder_can_be_written_onto_itself(table: pandas.DataFrame, tmp_path: Path) -> None:
    target = tmp_path / "parts"
    pd.set_option("raylab.npartitions", 2)
    pd.from_pandas(table).to_parquet(target, parts=True)
    df = pd.read_parquet(target)
    df["x"] = df["x"] * 2

    df.to_parquet(target, parts=True)

    assert df["x"].tolist() == (table["x"] * 2).tolist()
    assert pandas.read_parquet(target)["x"].tolist() == (table["x"] * 2).tolist()


def test_folders_with_other_files_are_not_replaced(parquet: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "notes.txt").write_text("mine")

    with pytest.raises(FileExistsError, match="precious"):
        pd.read_parquet(parquet).to_parquet(tmp_path / "precious", parts=True)
    with pytest.raises(TypeError, match="partition_cols"):
        pd.read_parquet(parquet).to_parquet(tmp_path / "x", parts=True, partition_cols=["key"])

    assert (tmp_path / "precious" / "notes.txt").read_text() == "mine"


def test_a_folder_by_keys_is_written_by_pandas(
    table: pandas.DataFrame, parquet: Path, tmp_path: Path
) -> None:
    pd.read_parquet(parquet).to_parquet(tmp_path / "keyed", partition_cols=["key"])

    back = pd.read_parquet(tmp_path / "keyed")
    assert back.groupby("key", observed=True)["x"].sum().tolist() == pytest.approx(
        table.groupby("key")["x"].sum().tolist()
    )


@pytest.mark.parametrize("there", [False, True])
def test_a_failed_write_by_keys_leaves_the_folder_as_it_was(
    table: pandas.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    target = tmp_path / "keyed"
    if there:
        table.to_parquet(target, partition_cols=["key"])
    before = sorted(tmp_path.rglob("*"))
    written = pyarrow.dataset.write_dataset

    def failing(*args: Any, **kwargs: Any) -> None:
        written(*args, **kwargs)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyarrow.dataset, "write_dataset", failing)

    with pytest.raises(OSError, match="No space left"):
        pd.from_pandas(table).to_parquet(target, partition_cols=["key"])

    assert sorted(tmp_path.rglob("*")) == before


def test_files_by_keys_are_added_to_a_folder_that_is_there(
    table: pandas.DataFrame, tmp_path: Path
) -> None:
    target = tmp_path / "keyed"
    for frame in (pd.from_pandas(table), table):
        frame.to_parquet(target, partition_cols=["key"])
    pd.from_pandas(table).to_parquet(target, partition_cols=["key"])

    assert len(pandas.read_parquet(target)) == 3 * len(table)
    assert left_over(tmp_path) == []


def test_moves_that_fail_are_taken_back(
    table: pandas.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "keyed"
    table.to_parquet(target, partition_cols=["key"])
    before = sorted(tmp_path.rglob("*"))
    rename, moved = Path.rename, []

    def failing(self: Path, place: Path) -> Path:
        moved.append(place)
        if len(moved) == 4:
            raise OSError(28, "No space left on device")
        return rename(self, place)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="No space left"):
        pd.from_pandas(table).to_parquet(target, partition_cols=["key"])

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("way", ["one partition", "three partitions"])
def test_a_function_that_raises_names_its_row_and_writes_nothing(
    parquet: Path, tmp_path: Path, table: pandas.DataFrame, way: str
) -> None:
    pd.set_option("raylab.npartitions", 1 if way == "one partition" else 3)
    target = tmp_path / "scores.parquet"
    target.write_bytes(b"old")
    bad = int(np.flatnonzero(table["small"] > 0)[100])

    def score(row: Any) -> float:
        if row.name == bad:
            raise ValueError("no score")
        return float(row["x"])

    df = pd.read_parquet(parquet)

    with pytest.raises(ValueError, match="no score") as caught:
        df.assign(score=df.apply(score, axis=1)).to_parquet(target)

    (note,) = caught.value.__notes__
    assert f"raised on row {bad} " in note
    assert "partition" in note
    assert target.read_bytes() == b"old"
    assert left_over(tmp_path) == []


def test_small_frames_in_memory_are_written_whole_too(tmp_path: Path) -> None:
    target = tmp_path / "small.csv"
    target.write_text("old")
    df = pd.DataFrame({"x": [Broken()]}, dtype=object)

    with pytest.raises(RuntimeError, match="cannot be printed"):
        df.to_csv(target)

    assert target.read_text() == "old"
    assert support.fallbacks() == []


class Broken:
    def __str__(self) -> str:
        raise RuntimeError("cannot be printed")


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    floats=st.lists(
        st.floats() | st.sampled_from([1e16, 1e-5, 123456789.125]), min_size=8, max_size=8
    ),
    words=st.lists(st.text(alphabet="a1,;\"\n\r\t '\u00e9", max_size=4), min_size=8, max_size=8),
    rows=st.integers(0, 8),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    index=st.booleans(),
)
def test_any_csv_text_has_the_bytes_of_pandas(
    tmp_path: Path, floats: list[float], words: list[str], rows: int, separator: str, index: bool
) -> None:
    frame = pandas.DataFrame(
        {"x": floats, "word": words, "flag": [True, False] * 4, "n": range(-4, 4)}
    ).astype({"word": "str"})[:rows]
    frame.loc[frame["n"] == -2, "word"] = None
    pd.set_option("raylab.lazy_threshold_rows", 0)
    expected = frame[frame["n"] != 0].to_csv(sep=separator, index=index, lineterminator="\n")

    df = pd.from_pandas(frame)[["x", "word", "flag", "n"]]
    df[df["n"] != 0].to_csv(tmp_path / "x.csv", sep=separator, index=index)

    assert (tmp_path / "x.csv").read_bytes() == expected.encode()

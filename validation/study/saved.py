"""What finished studies have in common: a dataset, the file that holds it, and the checks of what is asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from liouville.inner import checks, storage

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class SavedStudy:
    """A finished study.

    Attributes
    ----------
    dataset : xarray.Dataset
        Named dimensions, long names, units and provenance. Everything that tables and figures show is in it, the rules
        and thresholds of the verdicts included: none of them is judged anew.
    """

    dataset: "xarray.Dataset"

    def save(self, path: str | Path) -> Path:
        """Write the dataset as NetCDF, whole or not at all."""
        return storage.write(self.dataset, storage.check_writable_file("path", path))


def read_kind(path, file_name, kind) -> "xarray.Dataset":
    """The dataset in a file, or in the file of that name in a directory, if it is of this kind."""
    path = Path(path)
    path = path / file_name if path.is_dir() else path
    dataset = storage.read(path)
    if dataset.attrs.get("kind") != kind or "claim_rule" not in dataset:
        raise ValueError(
            f"path must be a {kind} saved with the rules that were applied, got {path}, which holds "
            f"{dataset.attrs.get('kind', 'no kind')!r} of version {dataset.attrs.get('project_version', 'unknown')}"
        )
    return dataset


def check_store(store) -> Path | None:
    """The directory to write into, if one is asked for and can be written to."""
    if store is None:
        return None
    return storage.check_writable("store", checks.instance("store", store, (str, Path), "the path of a directory"))


def silent(what, fraction) -> None:
    """No report of progress."""

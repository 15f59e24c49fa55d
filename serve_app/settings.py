"""What can be set: the typed ``args`` of ``serve_config.yaml`` and the environment variables of the service."""

import re
from pathlib import Path
from typing import Annotated, Literal

import fsspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[1]

DEFAULT_MODEL_PATHS = (
    "models",
    "model/models/sequence_bigru.pt",
    "models/sequence_bigru.pt",
    "/mnt/data/sequence_bigru.pt",
)

# What an entry of these lists may be, and how it is said.
ACCEPTED = {
    "allowed_hosts": (r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\*", "names such as helen.lan, or * for any"),
    "allowed_origins": (r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9_.:\[\]-]+", "origins such as https://lab.example"),
}

# One link of an fsspec chain: a URI with its user, host and port, or a path.
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^/:]*)(?::\d+(?=[/:]|$))?[^:]*|[^:]*")
_CHAINED = re.compile(r"::(?:[A-Za-z][A-Za-z0-9+.-]*(?:://|::)|/)")

# The speed of the graph depends on these two, and only the shell that starts Ray can set them (deploy/fastpath.env).
FAST_PATH_FLAGS = ("RAY_SERVE_THROUGHPUT_OPTIMIZED", "RAY_SERVE_ENABLE_HA_PROXY")


class ServiceArguments(BaseModel):
    """The ``args`` of the application. A change restarts every replica; an unknown name is rejected.

    Batches and waiting requests are counted for each model, and for JSON and tensors apart.
    """

    model_config = ConfigDict(extra="forbid")

    max_batch_size: int = Field(default=32, ge=1, le=1024, description="windows a batch at most")
    batches_in_flight: int = Field(default=2, ge=1, le=64, description="batches under way in an ingress replica")
    max_waiting: int = Field(default=256, ge=1, le=100_000, description="requests that may wait in an ingress replica")
    max_wait_s: float = Field(default=2.0, gt=0, le=300, description="seconds that a request may have to wait")
    request_deadline_s: float = Field(default=10.0, gt=0, le=300, description="seconds until a request is answered 504")
    max_body_bytes: int = Field(default=1_048_576, ge=1024, le=64 * 1_048_576, description="bytes a body at most")
    max_analyze_bytes: int = Field(
        default=16 * 1_048_576, ge=1024, le=256 * 1_048_576, description="the same for /analyze, four times that in all"
    )
    max_sessions: int = Field(default=256, ge=1, le=10_000, description="live sessions in one ingress replica")
    session_frames_per_s: float = Field(default=1000, ge=1, le=100_000, description="frames a second of one session")
    session_idle_s: float = Field(default=60, gt=0, le=3600, description="seconds without a message that end a session")
    inference_threads: int | None = Field(default=None, ge=1, le=256, description="default: the model card's")


class ModelSettings(BaseModel):
    """The ``user_config`` of a model deployment: it changes without a restart."""

    model_config = ConfigDict(extra="forbid")

    version: int | Literal["latest"] = Field(default="latest", description="the version of the repository to serve")
    poll_s: float = Field(default=2.0, ge=0.1, le=3600, description="seconds between two polls of the repository")


LogLevel = Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"]
CommaSeparated = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda value: tuple(entry.strip() for entry in value.split(",") if entry.strip())),
]


class Environment(BaseSettings):
    """The environment variables of the service, read where a replica starts."""

    model_config = SettingsConfigDict(env_prefix="HELEN_", hide_input_in_errors=True, validate_default=False)

    model_paths: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(lambda value: split_paths(value) or DEFAULT_MODEL_PATHS)
    ] = DEFAULT_MODEL_PATHS
    api_keys: CommaSeparated = ()
    api_keys_file: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = None
    allowed_hosts: CommaSeparated = ()
    allowed_origins: CommaSeparated = ()
    log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = "INFO"
    log_format: Literal["text", "json"] = "text"

    @field_validator(*ACCEPTED)
    @classmethod
    def _check_each(cls, entries: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        name = str(info.field_name)
        pattern, expected = ACCEPTED[name]
        for entry in entries:
            if not re.fullmatch(pattern, entry):
                raise ValueError(f"HELEN_{name.upper()} has {entry!r}, expected {expected}")
        return tuple(entry.lower() for entry in entries)


def split_paths(value: str) -> tuple[str, ...]:
    """Split a ``:``-separated list of paths, leaving whole the ``:`` of URIs such as ``s3://host:9000/bucket``, and the
    ``::`` of chained ones such as ``simplecache::s3://bucket/models``. Empty entries are left out.
    """
    paths, start = [], 0
    while start < len(value):
        end = _end_of_path(value, start)
        if end > start:
            paths.append(value[start:end])
        start = end + 1
    return tuple(paths)


def _end_of_path(value: str, start: int) -> int:
    while True:
        link = _LINK.match(value, start)
        end = link.end() if link else start  # the pattern matches everything, also nothing
        left, rest = value[start:end], value[end:]
        is_filter = rest.startswith("::") and left in fsspec.available_protocols()  # as in simplecache::s3://…
        is_file_in = "://" in left and _CHAINED.match(rest) is not None  # as in zip://…::s3://…
        if not (is_filter or is_file_in):
            return end
        start = end + 2


def resolve_path(path: str) -> str:
    """A path as the replicas see it: URIs and absolute paths as they are, others from the project's root."""
    return path if "://" in path or "::" in path or Path(path).is_absolute() else str(PROJECT_ROOT / path)

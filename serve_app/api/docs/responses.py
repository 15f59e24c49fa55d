"""What the routes answer, as structs: ``/openapi.json`` is made of them, and tests hold real answers against them."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from landmarks.models.card import Normalization
from landmarks.protocol.metadata import WindowSpec
from landmarks.protocol.predictions import ModelPrediction
from landmarks.protocol.tensors import TensorSpec
from landmarks.shots.angles import ANGLES
from landmarks.shots.keypoints import SHOT_LABELS
from landmarks.shots.shot_types import ShotType

ShotLabel = Annotated[str, Meta(extra_json_schema={"enum": list(SHOT_LABELS)})]
Probability = Annotated[float, Meta(ge=0, le=1)]
ShotAngle = Annotated[str, Meta(extra_json_schema={"enum": list(ANGLES)})]


class ErrorResponse(Struct, forbid_unknown_fields=True):
    """Why a request got no answer."""

    error: Annotated[str, Meta(description="one sentence: what was found and what was expected")]
    code: Annotated[str, Meta(description="the same, for programs")]
    request_id: Annotated[str, Meta(description="`X-Request-Id` of the request, or one that the service made up")]


class PredictResponse(ModelPrediction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gesture of a window; ``probabilities`` in the order of the ``class_labels`` in ``/metadata``."""

    model_version: str
    elapsed_ms: float


class ShotMetrics(Struct, forbid_unknown_fields=True):
    """How the energy goes from the legs to the ball."""

    ite: Annotated[float, Meta(ge=0, le=100, description="index of energy transfer; above 85 a fluid chain")]
    delay_ms: Annotated[int, Meta(description="from the peak of the legs' extension to the arm's; 60 to 120 typical")]


class Recommendation(Struct, forbid_unknown_fields=True):
    """What to work on, in the language of ``Accept-Language``."""

    id: ShotLabel
    title: str
    description: str


class ShotEvents(Struct, forbid_unknown_fields=True):
    """Seconds, as the client counts them: the set point, and when legs, arm and wrist are fastest."""

    set: float
    legs: float
    arm: float
    wrist: float


class ShotHand(Struct, forbid_unknown_fields=True):
    """Which hand shoots."""

    side: Literal["left", "right"]
    confidence: Annotated[float, Meta(ge=0.5, le=1, description="0.5 is a guess; 1 where the request names the hand")]


class FoundShot(Struct, forbid_unknown_fields=True):
    """One of the shots in the frames."""

    release_time_sec: float


class ShotMeasure(Struct, forbid_unknown_fields=True):
    """A measure, and the standard deviation of its values within 50 ms."""

    value: float
    spread: Annotated[float, Meta(ge=0)]


class AnalyzeResponse(Struct, forbid_unknown_fields=True):
    """A shot, analysed."""

    labels: Annotated[list[ShotLabel], Meta(description="those whose probability is above 0.5")]
    probabilities: Annotated[
        dict[ShotLabel, Probability | None], Meta(description="null where it can't be told: `unknown` says why")
    ]
    unknown: Annotated[dict[ShotLabel, str], Meta(description="why a label can't be told")]
    metrics: ShotMetrics
    recommendations: list[Recommendation]
    source: Annotated[
        Literal["model", "heuristic"], Meta(description="heuristic: the kinematic rules, without a model")
    ]
    release_time_sec: float
    events: ShotEvents
    hand: ShotHand
    shot_type: Annotated[ShotType | None, Meta(description="null where the feet aren't seen")]
    angles: Annotated[
        dict[ShotAngle, ShotMeasure | None],
        Meta(description="degrees, and body lengths from ankles to nose; null where the view doesn't show it"),
    ]
    shots: Annotated[list[FoundShot], Meta(description="all shots in the frames; the request's `shot` chooses one")]
    doubts: list[str]
    elapsed_ms: float
    model_version: Annotated[str | UnsetType, Meta(description="with `source` model only")] = UNSET


class HealthResponse(Struct, forbid_unknown_fields=True):
    """Every model can answer."""

    status: Literal["ok"]
    classes: Annotated[int, Meta(description="gestures that the model names")]
    models: Annotated[dict[str, str | None], Meta(description="versions; null: no model, the rules answer")]


class UnhealthyResponse(Struct, forbid_unknown_fields=True):
    """A model can't answer (yet)."""

    status: Literal["starting", "degraded"]
    reason: str


class ServedModel(Struct, forbid_unknown_fields=True):
    """One model. While it isn't ready there is a ``reason`` and no more."""

    name: str
    ready: bool
    refused: Annotated[dict[str, str], Meta(description="versions that were rejected, with the reason")]
    reason: str | UnsetType | None = UNSET
    version: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    seq_len: int | UnsetType = UNSET
    min_seq_len: int | UnsetType = UNSET
    use_z: bool | UnsetType = UNSET
    feature_dim: int | UnsetType = UNSET
    num_classes: int | UnsetType = UNSET
    class_labels: list[str] | UnsetType = UNSET
    normalization: Normalization | UnsetType = UNSET
    sha256: str | UnsetType = UNSET


class MetadataResponse(WindowSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client has to send to the gesture model, and every served model."""

    normalization: Annotated[Normalization, Meta(description="`image`: landmarks as MediaPipe gives them")]
    version: str
    encodings: Annotated[list[str], Meta(description="json: /predict; fp32, fp16: tensors to /v2")]
    models: dict[str, ServedModel]


class VocabularyEntry(Struct, forbid_unknown_fields=True):
    """One vocabulary: what it names, and what it was taught from."""

    name: str
    labels: Annotated[list[str], Meta(description="its gestures, what it keeps of the model's, and none")]
    recordings: Annotated[dict[str, int], Meta(description="how many were taught, by label")]
    keep: list[str]
    bytes: Annotated[int, Meta(description="of its file")]
    base: Annotated[str, Meta(description="SHA-256 of the model that it was taught over")]
    digest: Annotated[str, Meta(description="changes with its recordings; a part of `model_version`")]


class VocabulariesResponse(Struct, forbid_unknown_fields=True):
    """Every vocabulary, and the files that were rejected, with the reason."""

    vocabularies: list[VocabularyEntry]
    rejected: dict[str, str]


class ServerMetadataResponse(Struct, forbid_unknown_fields=True):
    """What serves, and which extensions of the protocol it knows."""

    name: str
    version: str
    extensions: list[str]


class LiveResponse(Struct, forbid_unknown_fields=True):
    """The service answers."""

    live: bool


class ReadyResponse(Struct, forbid_unknown_fields=True):
    """Whether every model can answer."""

    ready: bool


class ModelReadyResponse(Struct, forbid_unknown_fields=True):
    """Whether a model can answer."""

    name: str
    ready: bool


class ModelMetadataResponse(Struct, forbid_unknown_fields=True):
    """The tensors of a model; -1 in a shape is any length."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


class IndexEntry(Struct, forbid_unknown_fields=True):
    """A version that is served, or one that was rejected."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


RepositoryIndexResponse = list[IndexEntry]
LoadResponse = dict[str, Any]  # empty

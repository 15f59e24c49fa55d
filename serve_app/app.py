"""The graph, in one screen: Preprocess (ingress) → GestureGRU or ShotTCN → Postprocess → back through the ingress.

``serve run serve_config.yaml`` calls ``build``; replicas, limits and scaling of each stage are in that file.
"""

import logging
import os

from ray import serve
from ray.serve import Application

from serve_app.deployments.ingress import Preprocess
from serve_app.deployments.model import ModelReplica
from serve_app.deployments.postprocess import Postprocess
from serve_app.observability.logging import configure_logging
from serve_app.settings import FAST_PATH_FLAGS, Environment, ServiceArguments

logger = logging.getLogger(__name__)

STARTUP_TIMEOUT_S = 60.0  # then the replica comes up without a model, so that /health can say why


def build(arguments: ServiceArguments) -> Application:
    """Bind the three stages; ``arguments`` are the ``args`` of the Serve config."""
    environment = Environment()
    configure_logging(environment.log_level, environment.log_format)
    missing = [flag for flag in FAST_PATH_FLAGS if os.environ.get(flag) != "1"]
    if missing:
        flags = "=1, ".join(missing)
        logger.warning("slow, and not stopped in order: Ray runs without %s=1; first: . deploy/shell.sh", flags)

    gesture = serve.deployment(name="GestureGRU")(ModelReplica).bind(
        "gesture", environment.model_paths, arguments.inference_threads, STARTUP_TIMEOUT_S
    )
    shot = serve.deployment(name="ShotTCN")(ModelReplica)
    # HELEN_MODEL_PATHS names gesture checkpoints; a shot model comes from a repository among them, or the bundled one.
    repositories = [path for path in environment.model_paths if not path.endswith((".pt", ".onnx"))] or ["models"]
    # Vocabularies are kept in the first repository; teaching one anew takes the model that answered, from its replicas.
    postprocess = serve.deployment(name="Postprocess")(Postprocess).bind(repositories[0], gesture)
    ingress = serve.deployment(name="Preprocess")(serve.ingress()(Preprocess))
    return ingress.bind(
        gesture, postprocess, shot.bind("shot", repositories, arguments.inference_threads), repositories[0], arguments
    )

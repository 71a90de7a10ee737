"""The protocols: one module each, and the table of all their endpoints."""

from __future__ import annotations

from satchel.serving.endpoints import Endpoint
from satchel.serving.protocols import (
    hugging_face,
    label_studio,
    mlflow,
    moderations,
    open_inference,
    plain,
    vllm,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *plain.ENDPOINTS,
    *open_inference.ENDPOINTS,
    *vllm.ENDPOINTS,
    *hugging_face.ENDPOINTS,
    *moderations.ENDPOINTS,
    *mlflow.ENDPOINTS,
    *label_studio.ENDPOINTS,
)

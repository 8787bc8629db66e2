"""Errors as ``application/problem+json`` (RFC 9457), for every way in which a request can fail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from digest.errors import (
    ConflictError,
    DigestError,
    MissingError,
    StoreError,
    UsageError,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_STATUSES: tuple[tuple[type[DigestError], int], ...] = (
    (MissingError, 404),
    (ConflictError, 409),
    (UsageError, 422),
    (StoreError, 503),
)


class ProblemField(BaseModel):
    """One part of a request that is wrong."""

    where: str = Field(description="Path to the value, such as body.address.")
    message: str = Field(description="What is expected of it.")


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field("about:blank", description="Always about:blank: the status says the kind.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="A sentence to act on.")
    errors: list[ProblemField] = Field(
        default_factory=list, description="What is wrong with the request, part by part."
    )


def problem(
    status: int,
    detail: str,
    *,
    errors: list[ProblemField] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer that tells of a problem."""
    said = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(
        said.model_dump(),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**(headers or {}), "Cache-Control": "no-store"},
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these failures."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def add_handlers(api: FastAPI) -> None:
    """Turn every exception into a problem."""

    @api.exception_handler(HTTPException)
    def refused(_request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        return problem(exc.status_code, str(exc.detail), headers=exc.headers)

    @api.exception_handler(RequestValidationError)
    def unreadable(_request: Request, exc: Exception) -> Response:
        assert isinstance(exc, RequestValidationError)
        errors = [
            ProblemField(where=".".join(map(str, item["loc"])), message=str(item["msg"]))
            for item in exc.errors()[:20]
        ]
        return problem(422, "the request does not have the form that is documented", errors=errors)

    @api.exception_handler(DigestError)
    def failed(_request: Request, exc: Exception) -> Response:
        status = next((status for kind, status in _STATUSES if isinstance(exc, kind)), 502)
        return problem(status, str(exc))

    @api.exception_handler(Exception)
    def broken(_request: Request, exc: Exception) -> Response:
        log.error("request failed error=%s", type(exc).__name__, exc_info=exc)
        return problem(500, "something broke here; it was noted in the log")

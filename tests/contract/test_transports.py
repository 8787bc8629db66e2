"""Every way out found on disk keeps the same promises; a forgotten factory is a red test."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

import pytest
from delivery.messages import a_message
from pydantic import ValidationError

import digest.delivery
from digest.delivery import OutcomeKind, is_channel
from digest.errors import DeliveryError

NOT_TRANSPORTS = {"bounces", "policy"}
FOUND = sorted(
    module.name
    for module in pkgutil.iter_modules(digest.delivery.__path__)
    if not module.name.startswith("_")
)
OPTIONS: dict[str, dict[str, Any]] = {
    "smtp": {"host": "127.0.0.1", "port": 9},
    "http": {"url": "http://127.0.0.1:9/send"},
    "file": {"folder": "mail"},
    "chat": {"url": "json://127.0.0.1:9/post"},
}
KINDS = [name for name in FOUND if name not in NOT_TRANSPORTS]
each = pytest.mark.parametrize("kind", KINDS)


def made(kind: str, **changes: Any) -> Any:
    if kind == "chat":
        pytest.importorskip("apprise")
    return import_module(f"digest.delivery.{kind}").transport("main", OPTIONS[kind] | changes)


def test_every_module_is_a_transport_or_known_not_to_be_one() -> None:
    modules = {name: import_module(f"digest.delivery.{name}") for name in FOUND}
    factories = {name for name, module in modules.items() if hasattr(module, "transport")}
    assert factories == set(FOUND) - NOT_TRANSPORTS == set(OPTIONS)


@each
def test_it_says_its_name_and_kind(kind: str) -> None:
    transport = made(kind)
    assert (transport.name, transport.kind) == ("main", kind)
    assert is_channel(transport) is (kind == "chat")


@each
def test_an_unknown_option_is_a_mistake(kind: str) -> None:
    with pytest.raises(ValidationError, match="nonsense"):
        made(kind, nonsense=True)


@each
def test_making_one_connects_to_nothing(kind: str) -> None:
    made(kind)  # nobody listens on port 9


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "smtp"])
def test_what_the_marker_forbids_is_not_sent(kind: str, tmp_path) -> None:
    session = made(kind).open()  # smtp asks after 354: test_smtp_faults
    try:
        outcome = session.send(a_message(content=b"Subject: x\r\n\r\nx\r\n"), lambda: False)
    finally:
        session.close()
    assert outcome.kind is OutcomeKind.WITHDRAWN
    assert not list(tmp_path.rglob("*.eml"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "file"])
def test_a_next_hop_that_is_not_there_makes_nothing_uncertain(kind: str) -> None:
    transport = made(kind)
    try:
        session = transport.open()
    except DeliveryError:
        return
    outcome = session.send(a_message(), lambda: True)
    session.close()
    assert outcome.kind is OutcomeKind.DEFERRED
    assert outcome.blames_relay

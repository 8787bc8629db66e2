"""Functions that a worker is asked to run: of all kinds that do not end well."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

from digest.errors import ConfigError, DeliveryError, SourceError, TokenError

ERRORS = {
    "source": SourceError("arxiv", "no route", kind="timeout", permanent=True),
    "delivery": DeliveryError("relay", "no route", permanent=True),
    "token": TokenError("too old", expired=True),
    "config": ConfigError("one", "two", file=Path("x.toml")),
}


def whole(content):
    return content


def spin(seconds=1000):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def backtrack(length):
    """Hold the interpreter in C: no thread, no signal handler of Python's runs meanwhile."""
    return re.match(r"(a+)+$", "a" * length + "b")


def wait(seconds):
    time.sleep(seconds)


def eat(count):
    return [bytes(1 << 20) for _ in range(count)]


def nest(depth=100_000):
    return nest(depth - 1) if depth else 0


def nested(depth=100_000):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def environment():
    return dict(os.environ)


def refuse(name):
    raise ERRORS[name]


def break_down():
    raise KeyError("a bug")


def chatter():
    print("not an answer")
    os.write(1, b"nor is this")
    return "the answer"


def die():
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    sys.exit(3)


def process():
    return os.getpid()

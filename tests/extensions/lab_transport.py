"""All mail into one mbox file: kind = "extensions.lab_transport:transport"."""

import threading
from pathlib import Path

from digest.delivery import Outcome, OutcomeKind, Phase


class Mbox:
    kind = "mbox"

    def __init__(self, name, options):
        self.name, self.path = name, Path(options["path"])
        self.lock = threading.Lock()

    def open(self):
        return self

    def send(self, message, before_dot):
        with self.lock:
            if not before_dot():  # suppressed or cancelled meanwhile
                return Outcome(kind=OutcomeKind.WITHDRAWN, phase=Phase.DATA)
            with self.path.open("ab") as file:
                file.write(b"From digest\n" + message.content.replace(b"\r\n", b"\n") + b"\n")
        return Outcome(kind=OutcomeKind.SENT, phase=Phase.DONE)

    def close(self):
        pass


def transport(name, options):
    return Mbox(name, options)

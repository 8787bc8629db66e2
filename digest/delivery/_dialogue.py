"""The SMTP conversation as pure bookkeeping: messages and replies in, bytes to write out.

Commands are pipelined where the server offers it (RFC 2920), also behind the text of the message
before: one write a message then, and one read. No socket here, no clock; what a reply means is
``policy``'s business.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import islice

from digest.delivery import Outcome, OutcomeKind, Phase, Step, Turn
from digest.delivery._reply import Reply, parse_reply
from digest.delivery.policy import DROPPED, LOST, Cause, Verdict, classify
from digest.model import Message

LINE_LIMIT = 4096
LINES_LIMIT = 200


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the server offered in its last EHLO."""

    pipelining: bool
    size_limit: int | None
    """Bytes; None where no SIZE was offered, 0 where it has no fixed limit."""
    eight_bit: bool
    smtputf8: bool


_POSITIVE = frozenset(range(200, 300)) - {211, 214, 220, 221, 235}
"""Acceptance of MAIL, RCPT, RSET or a text. A client goes by the first digit of a code that it does
not know (RFC 5321, 4.2.1), but status, help, greeting, good-bye and login answer other commands."""
_NEGATIVE = frozenset(range(400, 600))


class _Said(Enum):
    MAIL = ("MAIL", Phase.MAIL, Phase.RCPT, _POSITIVE)
    RCPT = ("RCPT", Phase.RCPT, Phase.DATA, _POSITIVE)
    DATA = ("DATA", Phase.DATA, Phase.DATA, frozenset({354}))
    DOT = ("the message", Phase.DOT, Phase.DOT, _POSITIVE)
    VOID = ("an empty message", Phase.DOT, Phase.DOT, _POSITIVE)
    RESET = ("RSET", Phase.MAIL, Phase.MAIL, _POSITIVE)

    def __init__(
        self, words: str, phase: Phase, following: Phase, positive: frozenset[int]
    ) -> None:
        # Plain attributes: an enum's ``value`` is looked up by a function, four times a mail.
        self.words = words
        self.phase = phase
        self.following = following
        self.positive = positive
        self.legal = positive | _NEGATIVE
        """Codes that can answer this command; any other belongs to another one."""


@dataclass(eq=False, slots=True)
class _Talk:
    """One message on its way through MAIL, RCPT, DATA and the dot."""

    message: Message
    is_first: bool
    """Of its connection: a refusal to begin cannot be blamed on an idle connection."""
    commands: tuple[bytes, ...] = ()
    phase: Phase = Phase.MAIL
    refusal: Outcome | None = None
    is_touched: bool = False
    """A command of it was answered."""


class Dialogue:
    """What was said on one connection, what is awaited, what is to be written."""

    def __init__(self, features: Features, *, pipelining: bool = True) -> None:
        self.features = features
        self.messages = 0
        self.is_over = False
        """Nothing more can be said on this connection."""
        self.out: list[bytes] = []
        """To be written, in order; see `taken`."""
        self._unwritten = 0
        """Of the awaited replies, those whose command is still in ``out``."""
        self._pipelining = pipelining and features.pipelining
        self._awaited: deque[tuple[_Said, _Talk | None]] = deque()
        self._begun: _Talk | None = None
        self._dotted: _Talk | None = None
        self._heard = b""
        self._lines: list[bytes] = []

    @property
    def is_free(self) -> bool:
        """Tell whether a message can be begun now."""
        idle = self._pipelining or not self._awaited
        return idle and self._begun is None and not self.is_over

    @property
    def is_idle(self) -> bool:
        """Tell whether no message is on its way."""
        return self._begun is None and self._dotted is None

    @property
    def is_silent(self) -> bool:
        """Tell whether the server owes no reply: whatever it says now answers nothing."""
        return len(self._awaited) == self._unwritten

    @property
    def is_interrupted(self) -> bool:
        """Tell whether a reply has begun and not ended."""
        return bool(self._heard or self._lines)

    def taken(self) -> list[bytes]:
        """Hand over what is to be written: from now on replies to it are possible."""
        out, self.out, self._unwritten = self.out, [], 0
        return out

    @property
    def awaits(self) -> Phase:
        """Return the phase of the next reply: what it may take is a matter of that."""
        phase = self._awaited[0][0].phase if self._awaited else Phase.MAIL
        return Phase.MAIL if phase is Phase.RCPT else phase

    def begin(self, message: Message) -> Outcome | None:
        """Open the next message; return an outcome where the server need not even be asked."""
        refused = refused_here(self.features, message)
        if refused is not None:
            return refused
        talk = _Talk(message, is_first=self.messages == 0)
        self.messages += 1
        self._begun = talk
        mail, rcpt, data = _commands(self.features, message)
        if self._pipelining:
            self.out.append(mail + rcpt + data)
            self._await((_Said.MAIL, talk), (_Said.RCPT, talk), (_Said.DATA, talk))
        else:
            talk.commands = (rcpt, data)
            self.out.append(mail)
            self._await((_Said.MAIL, talk))
        return None

    def _await(self, *commands: tuple[_Said, _Talk | None]) -> None:
        self._awaited += commands
        self._unwritten += len(commands)

    def go(self) -> None:
        """Write the text and the dot of the message that is READY: its marker is durable."""
        talk = self._begun
        assert talk is not None
        content = talk.message.content
        if talk.message.is_wire_safe:
            self.out += (content, b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")
        else:
            self.out += _stuffed(content)
        self._await((_Said.DOT, talk))
        self._begun, self._dotted = None, talk

    def withdraw(self) -> list[Step]:
        """Take back the message that is READY: after 354 only closing does that."""
        talk = self._begun
        assert talk is not None
        self._begun = None
        self.is_over = True
        return [(talk.message, Outcome(kind=OutcomeKind.WITHDRAWN, phase=Phase.DATA))]

    def receive(self, content: bytes, *, text_is_out: bool = True) -> list[Step]:
        """Take in what the server said; return what became of messages by it.

        ``text_is_out``: all of the last text has left this machine; none is accepted before that.
        """
        steps: list[Step] = []
        self._heard += content
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self._lines.append(line)
            if line[3:4] == b"-" and len(self._lines) < LINES_LIMIT:
                continue
            said, self._lines = tuple(self._lines), []
            try:
                reply = _parsed(said)
            except ValueError:
                reason = f"not an SMTP reply: {said[0][:60]!r}"
                return [*steps, *self.lost(reason, dot_is_out=text_is_out)]
            misfit = self._misfit(reply, text_is_out)
            if misfit:
                return self._out_of_step(misfit, steps, text_is_out)
            self._hear(reply, steps)
            if self.is_over:
                reason = "the server closed the connection"
                return [*steps, *self.lost(reason, dot_is_out=text_is_out)]
        if len(self._heard) > LINE_LIMIT:
            steps += self.lost("an endless line", dot_is_out=text_is_out)
        return steps

    def _out_of_step(self, reason: str, steps: list[Step], text_is_out: bool) -> list[Step]:
        """End the conversation, and doubt the refusals that the last replies seemed to be."""
        if self._begun is not None:
            self._begun.refusal = None
        return [*map(_doubted, steps), *self.lost(reason, dot_is_out=text_is_out)]

    def lost(self, reason: str, *, dot_is_out: bool = True) -> list[Step]:
        """End the conversation: no more replies. ``dot_is_out`` tells of an awaited dot's text."""
        self.is_over = True
        unwritten = islice(reversed(self._awaited), self._unwritten)
        dot_is_out = dot_is_out and all(said is not _Said.DOT for said, _ in unwritten)
        steps: list[Step] = [
            (talk.message, self._lost_talk(talk, reason, dot_is_out))
            for talk in (self._dotted, self._begun)
            if talk is not None
        ]
        self._dotted = self._begun = None
        self._awaited.clear()
        self.taken()
        return steps

    def _lost_talk(self, talk: _Talk, reason: str, dot_is_out: bool) -> Outcome | Turn:
        if talk is self._dotted:
            return (
                outcome_of(LOST, Phase.DOT, note=reason)
                if dot_is_out
                else outcome_of(DROPPED, Phase.DATA, note=reason)
            )
        if talk.refusal is not None:
            return talk.refusal
        if not talk.is_first and not talk.is_touched:
            return Turn.UNTOUCHED
        return outcome_of(DROPPED, talk.phase, note=reason)

    def _misfit(self, reply: Reply, text_is_out: bool) -> str:
        """Say why a reply cannot be the one that is due; empty where it can.

        After one that is not, no reply can be told to be whose: what looks like acceptance may
        answer something else.
        """
        if reply.code == 421:  # may come at any time
            return ""
        if self.is_silent:
            return f"out of step: {reply.code} {reply.text} answers nothing"
        said, _ = self._awaited[0]
        is_early = said is _Said.DOT and not text_is_out and reply.code in said.positive
        if reply.code in said.legal and not is_early:
            return ""
        return f"out of step: {reply.code} {reply.text} in reply to {said.words}"

    def _hear(self, reply: Reply, steps: list[Step]) -> None:
        if self.is_silent:
            self.is_over = True  # a good-bye to an idle connection
            return
        said, talk = self._awaited.popleft()
        if talk is None:
            self.is_over = reply.code == 421
        elif said is _Said.DOT:
            self._dotted = None
            steps.append((talk.message, _judged(Phase.DOT, reply)))
            self.is_over = reply.code == 421
        elif reply.code == 421 and not talk.is_first and not talk.is_touched:
            self.is_over = True  # it was closed while it was idle: no attempt
        else:
            self._hear_command(said, talk, reply, steps)

    def _hear_command(self, said: _Said, talk: _Talk, reply: Reply, steps: list[Step]) -> None:
        phase = said.phase
        talk.is_touched = True
        if talk.refusal is None and reply.code not in said.positive:
            talk.refusal = _judged(phase, reply)
        talk.phase = said.following
        if reply.code == 421:
            self.is_over = True
        elif said is _Said.DATA:
            if talk.refusal is None:
                steps.append((talk.message, Turn.READY))
            elif reply.code == 354:
                # No recipient was taken, yet text is wanted (RFC 2920, 3.1): an empty one.
                self._refuse(talk, steps, b".\r\n", _Said.VOID)
            else:
                self._refuse(talk, steps, b"RSET\r\n", _Said.RESET)
        elif talk.commands:
            if talk.refusal is not None:
                self._refuse(talk, steps, b"RSET\r\n", _Said.RESET)
                return
            following, talk.commands = talk.commands[0], talk.commands[1:]
            self.out.append(following)
            self._await((_Said.DATA if said is _Said.RCPT else _Said.RCPT, talk))

    def _refuse(self, talk: _Talk, steps: list[Step], amends: bytes, said: _Said) -> None:
        """End a refused message, and make the connection ready for the next one."""
        assert talk.refusal is not None
        self._begun = None
        self.out.append(amends)
        self._await((said, None))
        steps.append((talk.message, talk.refusal))


def _doubted(step: Step) -> Step:
    """Return a step without the blame that a reply out of step may have put on the recipient."""
    message, outcome = step
    if not isinstance(outcome, Outcome) or outcome.kind is not OutcomeKind.FAILED:
        return step
    reason = f"out of step after {outcome.code} {outcome.reply}"
    verdict = LOST if outcome.phase is Phase.DOT else DROPPED
    return message, outcome_of(verdict, outcome.phase, note=reason)


@lru_cache(maxsize=256)
def _parsed(lines: tuple[bytes, ...]) -> Reply:
    """Parse a reply; servers say the same few things over and over."""
    return parse_reply(lines)


def _stuffed(content: bytes) -> tuple[bytes, bytes]:
    """Return the text as it goes over the wire, dots doubled, and the final dot."""
    if b"\r\n." in content:
        content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content, b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"


def refused_here(features: Features, message: Message) -> Outcome | None:
    """Refuse what the server said it will not take, without asking it."""
    if features.size_limit and len(message.content) > features.size_limit:
        note = f"{len(message.content)} bytes; the relay takes {features.size_limit}"
        return outcome_of(Verdict(kind=OutcomeKind.FAILED, cause=Cause.SIZE), Phase.MAIL, note=note)
    if not message.recipient.isascii() and not features.smtputf8:
        if message.recipient.rpartition("@")[0].isascii():
            return None
        note = "the relay does not take addresses outside ASCII (SMTPUTF8)"
        syntax = Verdict(kind=OutcomeKind.FAILED, cause=Cause.SYNTAX)
        return outcome_of(syntax, Phase.MAIL, note=note)
    return None


def _commands(features: Features, message: Message) -> tuple[bytes, bytes, bytes]:
    content = message.content
    mail = f"MAIL FROM:<{_a_label(message.sender)}>"
    if features.size_limit is not None:
        mail += f" SIZE={len(content)}"
    if features.eight_bit and not (message.is_wire_safe or content.isascii()):
        mail += " BODY=8BITMIME"
    recipient = _a_label(message.recipient)
    if not recipient.isascii():
        mail += " SMTPUTF8"
    return f"{mail}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n"


def _a_label(address: str) -> str:
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{domain.encode('idna').decode()}"


@lru_cache(maxsize=256)
def _judged(phase: Phase, reply: Reply) -> Outcome:
    return outcome_of(classify(phase, reply.code, reply.enhanced_code, reply.text), phase, reply)


def outcome_of(
    verdict: Verdict, phase: Phase, reply: Reply | None = None, *, note: str = ""
) -> Outcome:
    """Make an outcome of a verdict and the reply (or our own words) it came from."""
    is_sent = verdict.kind is OutcomeKind.SENT
    return Outcome(
        kind=verdict.kind,
        phase=Phase.DONE if is_sent else phase,
        code=reply.code if reply else None,
        enhanced_code=reply.enhanced_code if reply else "",
        reply=reply.text if reply else note,
        queue_id=reply.queue_id if reply and is_sent else "",
        suppress=verdict.suppress,
        blames_relay=verdict.blames_relay,
        cause=verdict.cause,
        min_wait=verdict.min_wait,
        soft_bounce=verdict.soft_bounce,
        pauses_domain=verdict.pauses_domain,
        stops_relay=verdict.stops_relay,
    )

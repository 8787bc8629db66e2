from datetime import timedelta

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import SourceError
from digest.sources import _state as states
from digest.sources._http import HttpError, Validators

HOUR = timedelta(hours=1)
CHANCE = st.floats(0, 1, exclude_max=True)


def failed(kind="timeout", **more):
    return HttpError("a", "it went wrong", kind=kind, **more)


def after(state, *errors, now=NOON, random=0.5):
    verdict = None
    for error in errors:
        verdict = states.after_failure(state, error, now=now, random=random)
        state = verdict.state
    return verdict


def test_backoff_doubles_up_to_a_cap():
    waits = [states.backoff(errors, random=1.0) for errors in range(1, 40)]
    assert waits[:4] == [timedelta(minutes=m) for m in (1, 2, 4, 8)]
    assert max(waits) == states.LONGEST_BACKOFF


@given(st.integers(1, 60), CHANCE)
def test_backoff_is_never_nothing(errors, random):
    assert states.backoff(errors, random=random) >= states.FIRST_BACKOFF / 2


def test_sources_that_failed_together_come_back_apart():
    at = {after(states.SourceState(), failed(), random=n / 100).next_poll_at for n in range(100)}
    assert len(at) == 100


def test_success_forgets_the_errors():
    state = after(states.SourceState(), failed(), failed()).state
    learned = states.Learned(program="1")
    verdict = states.after_success(state, learned, now=NOON, every=HOUR, random=0.5)
    assert verdict.state == states.SourceState(program="1")
    assert verdict.next_poll_at == NOON + HOUR


@pytest.mark.parametrize(
    ("kind", "errors", "told"),
    [
        ("timeout", 2, 0), ("timeout", 3, 1), ("timeout", 9, 1), ("http-403", 1, 1),
        ("challenge", 1, 1), ("gone", 1, 1), ("http-404", 9, 0),
    ],
)  # fmt: skip
def test_the_owner_is_told_once(kind, errors, told):
    state, sentences = states.SourceState(), []
    for _ in range(errors):
        verdict = states.after_failure(state, failed(kind), now=NOON, random=0.5)
        state = verdict.state
        sentences += [verdict.tell] if verdict.tell else []
    assert len(sentences) == told


def test_a_missing_page_is_told_after_a_week():
    state = after(states.SourceState(), failed("http-404")).state
    later = NOON + states.NOT_FOUND_PATIENCE
    assert states.after_failure(state, failed("http-404"), now=later, random=0.5).tell


def test_recovery_is_told_once_if_the_trouble_was():
    learned = states.Learned(program="1")
    state = after(states.SourceState(), *[failed()] * 4).state
    verdict = states.after_success(state, learned, now=NOON, every=HOUR, random=0.5)
    assert verdict.tell == "works again after 4 failed polls"
    again = states.after_success(verdict.state, learned, now=NOON, every=HOUR, random=0.5)
    assert again.tell == ""
    silent = after(states.SourceState(), failed()).state
    assert not states.after_success(silent, learned, now=NOON, every=HOUR, random=0.5).tell


def test_retry_after_beats_a_shorter_backoff_and_is_capped():
    ask = failed("http-503", status=503, retry_at=NOON + 3 * HOUR)
    assert after(states.SourceState(), ask).next_poll_at == NOON + 3 * HOUR
    short = failed("http-503", status=503, retry_at=NOON)
    assert after(states.SourceState(), short).next_poll_at > NOON
    far = failed("http-503", status=503, retry_at=NOON + 900 * HOUR)
    assert after(states.SourceState(), far).next_poll_at == NOON + states.LONGEST_WAIT


def test_gone_disables():
    verdict = after(states.SourceState(), failed("gone", permanent=True))
    assert verdict.disabled_reason


def test_failure_keeps_validators_and_watermark():
    known = {"u": Validators(etag='"1"', full_at=NOON)}
    state = states.SourceState(validators=known, watermark={"since": "2026-04-13"})
    kept = after(state, SourceError("a", "rubbish")).state
    assert (kept.validators, kept.watermark) == (known, {"since": "2026-04-13"})


def test_the_next_poll_of_a_crash_loop_goes_further_away():
    worn = states.SourceState(errors=6)
    fresh = states.before_poll(states.SourceState(), now=NOON, every=HOUR, random=0.5)
    assert NOON < fresh < states.before_poll(worn, now=NOON, every=HOUR, random=0.5)


def promoted_after(*polls):
    """Each poll: (hours since the first, where the address redirected permanently)."""
    moves, promoted = {}, {}
    for hours, to in polls:
        moves, promoted = states.promote(
            moves, promoted, {"http://old": to}, now=NOON + hours * HOUR
        )
    return promoted.get("http://old")


@pytest.mark.parametrize(
    ("polls", "promoted"),
    [
        ([(0, "n"), (24, "n"), (48, "n")], "n"),
        ([(0, "n"), (1, "n"), (2, "n")], None),
        ([(0, "n"), (48, "n")], None),
        ([(0, "n"), (24, ""), (48, "n"), (72, "n")], None),
        ([(0, "n"), (24, "m"), (48, "n"), (72, "n")], None),
    ],
)
def test_a_redirect_is_believed_after_three_polls_over_two_days(polls, promoted):
    assert promoted_after(*polls) == promoted


def test_a_promoted_address_that_moves_on_is_followed_from_its_start():
    moves = {"b": states.Move(to="c", count=2, since=NOON)}
    _, promoted = states.promote(moves, {"a": "b"}, {"b": "c"}, now=NOON + 48 * HOUR)
    assert promoted == {"a": "c", "b": "c"}


@pytest.mark.parametrize(
    ("kinds", "polled", "offline"),
    [
        (["dns", "connect", "unreachable"], 3, True),
        (["dns", "http-500"], 2, False),
        (["dns"], 2, False),
        (["dns"], 1, True),
        (["connect"], 1, False),
        ([], 0, False),
    ],
)
def test_offline_is_when_nothing_at_all_can_be_reached(kinds, polled, offline):
    assert states.is_offline(kinds, polled) is offline


def test_the_state_survives_the_store():
    state = states.SourceState(
        program="1:x",
        validators={"u": Validators(etag='W/"1', last_modified="x", sha256="y", full_at=NOON)},
        watermark={"since": "2026-04-13"},
        moves={"a": states.Move(to="b", count=2, since=NOON)},
        promoted={"c": "d"},
        errors=2, failing_since=NOON, error="x", error_kind="y", told=True,
    )  # fmt: skip
    assert states.from_document(states.to_document(state)) == state
    assert states.from_document({}) == states.SourceState()

from hypothesis import given
from hypothesis import strategies as st

from digest.subscribers.return_paths import ReturnPaths

KEYS = (b"a new secret key", b"an old secret key")
PATHS = ReturnPaths(KEYS, domain="bounces.example.org")


@given(st.integers(min_value=1, max_value=2**62))
def test_every_delivery_is_read_back_from_its_own_address(delivery_id):
    assert PATHS.read(PATHS.make(delivery_id)) == [delivery_id]


@given(st.integers(min_value=1, max_value=2**62))
def test_the_local_part_fits_and_is_plain(delivery_id):
    local, _, domain = PATHS.make(delivery_id).rpartition("@")
    assert len(local) <= 64
    assert local == local.lower()
    assert domain == "bounces.example.org"


def test_relays_that_change_case_or_wrap_it_change_nothing():
    path = PATHS.make(77)
    assert PATHS.read(f"To: <{path.upper()}>\nreturn-path:{path};{path}") == [77]


def test_a_made_up_address_is_nobodys():
    path = PATHS.make(77)
    forged = path.replace("b+25-", "b+26-")
    assert forged != path
    assert PATHS.read(forged) == []
    assert PATHS.read(path.replace("@bounces.example.org", "@bounces.example.com")) == []


def test_former_secrets_still_read():
    path = ReturnPaths(KEYS[1:], domain="bounces.example.org").make(5)
    assert PATHS.read(path) == [5]
    assert path != PATHS.make(5)


def test_a_mailboxes_own_separator_may_be_used():
    paths = ReturnPaths(KEYS, domain="example.org", prefix="digest-")
    assert paths.make(1).startswith("digest-1-")
    assert paths.read(f"delivered to {paths.make(1)}.") == []  # a dot may belong to the domain
    assert paths.read(f"delivered to {paths.make(1)} now") == [1]

import pytest

from digest.sources._http.addresses import why_any_refused, why_refused


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:1::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "fec0::1", "::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1", "5f00::1", "100::1",
        "4000::1", "fd00::1", "2001:db8::1", "3fff::1", "2001:10::1", "2001:20::1", "2001:2::1",
        "e000::1", "0100:0:0:1::1", "ff0e::1", "192.88.99.1", "192.0.2.1", "240.0.0.1",
        "::ffff:100.64.0.1", "2002:a00:1::", "2001:1::1", "fe80::1%25eth0", "0x7f.1", "127.1",
        "2130706433", "017700000001", "not-an-address", "",
    ],
)  # fmt: skip
def test_no_source_lives_in_a_private_place(address):
    assert why_refused(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "151.101.3.42",
        "2606:4700::6810:1",
        "1.1.1.1",
        "2001:4860::8888",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
    ],
)
def test_public_addresses_are_allowed(address):
    assert why_refused(address) == ""


def test_one_private_address_among_public_ones_is_enough():
    assert "10.0.0.1" in why_any_refused(["8.8.8.8", "10.0.0.1"])


def test_no_network_of_ipv6_but_global_unicast_is_allowed():
    allowed = {
        first
        for first in range(0, 0x10000, 0x10)
        if not why_refused(f"{first:x}:1234:5678:9abc::1")
    }
    assert allowed == set(range(0x2000, 0x4000, 0x10))


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8"])
def test_no_address_that_carries_another_one_is_allowed_but_a_mapped_public_one(inside):
    a, b, c, d = (int(part) for part in inside.split("."))
    hexed = f"{a << 8 | b:x}:{c << 8 | d:x}"
    for form in (
        "::{}",
        "::ffff:0:{}",
        "64:ff9b::{}",
        "64:ff9b:1::{}",
        "2001::{}",
        "fe80::5efe:{}",
    ):
        assert why_refused(form.format(hexed))
    assert why_refused(f"2002:{hexed}::1")
    assert bool(why_refused(f"::ffff:{hexed}")) is (inside != "8.8.8.8")

import pytest

from digest.sources._http.addresses import why_any_refused, why_refused


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255",
        "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001:0:1::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "not-an-address", "",
    ],
)  # fmt: skip
def test_no_source_lives_in_a_private_place(address):
    assert why_refused(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.3.42", "2606:4700::6810:1", "1.1.1.1"])
def test_public_addresses_are_allowed(address):
    assert why_refused(address) == ""


def test_one_private_address_among_public_ones_is_enough():
    assert "10.0.0.1" in why_any_refused(["8.8.8.8", "10.0.0.1"])

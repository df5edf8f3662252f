"""Which IP addresses may be called, with and without networks that the firm opened."""

from __future__ import annotations

from typing import Any

import pytest

from tests.egress import hostile
from zhike.engine.networks import open_to_us

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "169.255.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2400:3200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]
# Never opened, whatever the firm's list says.
SECRET = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "0.0.0.0",  # noqa: S104  nothing is bound
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert open_to_us(address) is True


def closed() -> list[str]:
    """Every address of the hostile names that is not public."""
    return sorted({address for found in hostile.NAMES.values() for address in found} - {"93.184.216.34"})


@pytest.mark.parametrize("address", [*closed(), *SECRET])
def test_closed(address: str) -> None:
    assert open_to_us(address) is False


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "127.1", "0x7f.1", "1.2.3.4.5", "::1%lo", "１.1.1.1"])
def test_no_address(address: str) -> None:
    assert open_to_us(address) is False


def test_what_the_firm_opened(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["10.1.0.0/16", " 192.168.7.7", "fd12::/16"]
    open_now = ["10.1.0.1", "10.1.255.255", "192.168.7.7", "fd12::1", "::ffff:10.1.2.3", "8.8.8.8"]
    shut = ["10.0.255.255", "10.2.0.1", "192.168.7.8", "fd13::1", "127.0.0.1", "::ffff:10.2.0.1"]
    assert [address for address in open_now if not open_to_us(address)] == []
    assert [address for address in shut if open_to_us(address)] == []


@pytest.mark.parametrize("address", SECRET)
def test_what_no_firm_can_open(settings: Any, address: str) -> None:
    settings.EGRESS_ALLOW = ["0.0.0.0/0", "::/0"]
    assert open_to_us("10.0.0.1") is True
    assert open_to_us(address) is False

"""Which IP addresses may be called: public ones, and the networks of its own that a firm opened."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's registries of special-purpose addresses; written out, because Python's own lists differ by version.
CLOSED = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure tells virtual machines their secrets here, on a public address
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
    )
)
PUBLIC6 = ip_network("2000::/3")
NAT64 = ip_network("64:ff9b::/96")
# Not even a firm's own list opens these: where clouds tell secrets, and what is no address of one machine.
NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
    )
)


def literal(host: str) -> str | None:
    """The usual spelling of an IP address; None for anything else, and for one that names a network card."""
    try:
        return None if "%" in host else str(ip_address(host))
    except ValueError:
        return None


def inner(found: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where the machine or its router would turn it into that."""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        if found in NAT64:
            return IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def within(found: Address, networks: Sequence[Network]) -> bool:
    """Whether the address lies in one of the networks."""
    return any(found.version == network.version and found in network for network in networks)


@cache
def _opened(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text.strip()) for text in texts)


def opened(address: str) -> bool:
    """Whether an IP address lies in a network that the firm itself has opened."""
    return literal(address) is not None and within(inner(ip_address(address)), _opened(tuple(settings.EGRESS_ALLOW)))


def open_to_us(address: str) -> bool:
    """Whether an IP address, as a resolver gives it, may be called."""
    if literal(address) is None:
        return False
    found = inner(ip_address(address))
    if within(found, NEVER):
        return False
    if within(found, _opened(tuple(settings.EGRESS_ALLOW))):
        return True
    if isinstance(found, IPv6Address) and found not in PUBLIC6:
        return False
    return not within(found, CLOSED) and found.is_global

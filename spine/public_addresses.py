"""Which IP addresses lie on the public internet.

Written down as networks instead of relying on `ipaddress.is_global` alone: that answer differs between Python
releases and calls translation prefixes (NAT64, 6to4, IPv4-mapped), multicast and relay anycast global, each of
which leads back to private hosts. Source: the IANA special-purpose address registries (RFC 6890 and updates).
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

IpAddress = IPv4Address | IPv6Address

_OWN_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".test")

_SPECIAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep their metadata service here
        "127.0.0.0/8",
        "168.63.129.16/32",  # a public number, but inside Azure it is the host's own service
        "169.254.0.0/16",  # link local, cloud metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)

_UNICAST_V6 = IPv6Network("2000::/3")
"""The part of IPv6 handed out for the internet: loopback, mapped, NAT64, ULA, link local, multicast are outside."""

_SPECIAL_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries any IPv4 address
        "3fff::/20",  # documentation
    )
)


def parse_ip(text: str) -> IpAddress | None:
    """The address that `text` spells, None when it spells none. A zone (`fe80::1%eth0`) is dropped."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def is_public(address: IpAddress) -> bool:
    """Whether `address` can only be a host on the internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_V4)
    return address in _UNICAST_V6 and not any(address in network for network in _SPECIAL_V6)


def on_own_network(host: str) -> bool:
    """Whether a host that the operator has named is this machine or stands beside it, so that plain HTTP may do."""
    ip = parse_ip(host)
    if ip is not None:
        return not is_public(ip)
    return "." not in host or host.endswith(_OWN_SUFFIXES)

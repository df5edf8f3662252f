"""Addresses that nothing may be sent to, each with why it is refused. {p4} and {p6} are ports on which one listens."""

from __future__ import annotations

# Names that the attacker owns, with the addresses that they give them.
NAMES = {
    "loop.evil.test": ["127.0.0.1"],
    "loop6.evil.test": ["::1"],
    "mapped.evil.test": ["::ffff:127.0.0.1"],
    "ten.evil.test": ["10.0.0.5"],
    "tens.evil.test": ["10.255.255.254"],
    "class-b.evil.test": ["172.16.0.1"],
    "class-b-end.evil.test": ["172.31.255.255"],
    "home.evil.test": ["192.168.1.1"],
    "metadata.evil.test": ["169.254.169.254"],
    "ecs.evil.test": ["169.254.170.2"],
    "alibaba.evil.test": ["100.100.100.200"],
    "oracle.evil.test": ["192.0.0.192"],
    "azure.evil.test": ["168.63.129.16"],
    "aws6.evil.test": ["fd00:ec2::254"],
    "gcp6.evil.test": ["fd20:ce::254"],
    "cgnat.evil.test": ["100.64.0.1"],
    "cgnat-end.evil.test": ["100.127.255.255"],
    "zero.evil.test": ["0.0.0.0"],  # noqa: S104  nothing is bound
    "zero-net.evil.test": ["0.1.2.3"],
    "zero6.evil.test": ["::"],
    "broadcast.evil.test": ["255.255.255.255"],
    "multicast.evil.test": ["224.0.0.1"],
    "multicast6.evil.test": ["ff02::1"],
    "reserved.evil.test": ["240.0.0.1"],
    "test-net.evil.test": ["192.0.2.1"],
    "test-net2.evil.test": ["198.51.100.1"],
    "test-net3.evil.test": ["203.0.113.1"],
    "bench.evil.test": ["198.18.0.1"],
    "relay.evil.test": ["192.88.99.1"],
    "unique-local.evil.test": ["fc00::1"],
    "unique-local2.evil.test": ["fdff::1"],
    "link-local6.evil.test": ["fe80::1"],
    "scoped.evil.test": ["fe80::1%1"],
    "site-local.evil.test": ["fec0::1"],
    "documentation6.evil.test": ["2001:db8::1"],
    "documentation6b.evil.test": ["3fff::1"],
    "six-to-four.evil.test": ["2002:7f00:1::"],
    "six-to-four-ten.evil.test": ["2002:a00:1::1"],
    "teredo.evil.test": ["2001:0:4136:e378:8000:63bf:80ff:fffe"],
    "nat64.evil.test": ["64:ff9b::7f00:1"],
    "nat64-ten.evil.test": ["64:ff9b::a00:1"],
    "nat64-local.evil.test": ["64:ff9b:1::5db8:d822"],
    "compatible.evil.test": ["::127.0.0.1"],
    "compatible-public.evil.test": ["::5db8:d822"],
    "translated.evil.test": ["::ffff:0:127.0.0.1"],
    "mapped-ten.evil.test": ["::ffff:10.0.0.1"],
    "discard.evil.test": ["100::1"],
    "segments.evil.test": ["5f00::1"],
    "mixed.evil.test": ["93.184.216.34", "127.0.0.1"],
    "mixed2.evil.test": ["127.0.0.1", "93.184.216.34"],
    "mixed6.evil.test": ["93.184.216.34", "::1"],
    "mixed-far.evil.test": ["93.184.216.34"] * 9 + ["10.0.0.1"],
    "none.evil.test": [],
    "xn--fiq228c.test": ["127.0.0.1"],
}

BY_NAME = [(f"http://{name}:{{p4}}/", "closed") for name in NAMES]

LITERAL = [
    ("http://127.0.0.1:{p4}/", "closed"),
    ("https://127.0.0.1:{p4}/", "closed"),
    ("http://127.0.0.2:{p4}/", "closed"),
    ("http://127.255.255.254:{p4}/", "closed"),
    ("http://localhost:{p4}/", "closed"),
    ("http://LOCALHOST:{p4}/", "closed"),
    ("http://localhost.:{p4}/", "closed"),
    ("http://0.0.0.0:{p4}/", "closed"),
    ("http://10.0.0.1/", "closed"),
    ("http://172.20.1.1/", "closed"),
    ("http://192.168.0.1/", "closed"),
    ("http://169.254.169.254/latest/meta-data/", "closed"),
    ("http://100.100.100.200/latest/meta-data/", "closed"),
    ("http://168.63.129.16/", "closed"),
    ("http://100.64.1.1/", "closed"),
    ("http://224.0.0.251/", "closed"),
    ("http://255.255.255.255/", "closed"),
    ("http://[::1]:{p6}/", "closed"),
    ("http://[0:0:0:0:0:0:0:1]:{p6}/", "closed"),
    ("http://[0000::0001]:{p6}/", "closed"),
    ("http://[::]:{p6}/", "closed"),
    ("http://[::ffff:127.0.0.1]:{p4}/", "closed"),
    ("http://[::ffff:7f00:1]:{p4}/", "closed"),
    ("http://[::FFFF:7F00:0001]:{p4}/", "closed"),
    ("http://[::ffff:169.254.169.254]/", "closed"),
    ("http://[::ffff:10.0.0.1]/", "closed"),
    ("http://[::127.0.0.1]:{p4}/", "closed"),
    ("http://[64:ff9b::127.0.0.1]:{p4}/", "closed"),
    ("http://[64:ff9b::a9fe:a9fe]/", "closed"),
    ("http://[2002:7f00:1::]:{p4}/", "closed"),
    ("http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/", "closed"),
    ("http://[fd00:ec2::254]/", "closed"),
    ("http://[fe80::1]/", "closed"),
    ("http://[ff02::1]/", "closed"),
]

NUMBERS = [
    ("http://2130706433:{p4}/", "form"),
    ("http://0x7f000001:{p4}/", "form"),
    ("http://0X7F000001:{p4}/", "form"),
    ("http://017700000001:{p4}/", "form"),
    ("http://0177.0.0.1:{p4}/", "form"),
    ("http://0x7f.0.0.1:{p4}/", "form"),
    ("http://0x7f.1:{p4}/", "form"),
    ("http://127.1:{p4}/", "form"),
    ("http://127.0.1:{p4}/", "form"),
    ("http://127.0.0.01:{p4}/", "form"),
    ("http://127.0.0.0x1:{p4}/", "form"),
    ("http://127.000.000.001:{p4}/", "form"),
    ("http://0:{p4}/", "form"),
    ("http://0x0:{p4}/", "form"),
    ("http://10.1/", "form"),
    ("http://2852039166/latest/meta-data/", "form"),
    ("http://0xa9fea9fe/", "form"),
    ("http://0251.0376.0251.0376/", "form"),
    ("http://256.256.256.256/", "form"),
    ("http://4294967297:{p4}/", "form"),
    ("http://127.0.0.1.1:{p4}/", "form"),
    ("http://1.0x:{p4}/", "form"),
]

WRITING = [
    ("http://１２７.0.0.1:{p4}/", "closed"),
    ("http://127。0。0。1:{p4}/", "closed"),
    ("http://①②⑦.⓪.⓪.①:{p4}/", "closed"),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p4}/", "closed"),
    ("http://ｌｏｃａｌｈｏｓｔ:{p4}/", "closed"),
    ("http://中文.test:{p4}/", "closed"),
    ("http://loc\u00adalhost:{p4}/", "closed"),
    ("http://local\u200bhost:{p4}/", "closed"),
    ("http://0\u212a7f.1:{p4}/", "form"),
    ("http://[::ffff:１２７.0.0.1]:{p4}/", "form"),
    ("http://a\u2100b.test/", "form"),
    ("http://xn--/", "form"),
    ("http://-a.test/", "form"),
    ("http://%31%32%37.0.0.1:{p4}/", "form"),
    ("http://127.0.0.1%2f.public.test:{p4}/", "form"),
    ("http://127.0.0.1%00.public.test:{p4}/", "form"),
    ("http://[fe80::1%25lo]:{p6}/", "form"),
    ("http://[::1%25lo]:{p6}/", "form"),
    ("http://[::1]evil:{p6}/", "form"),
    ("http://[[::1]]:{p6}/", "form"),
    ("http://[::1:{p6}/", "form"),
    ("http://::1:{p6}/", "form"),
    ("http://[127.0.0.1]:{p4}/", "form"),
    ("http:///127.0.0.1:{p4}/", "form"),
    ("http:127.0.0.1:{p4}/", "form"),
    ("http:/127.0.0.1:{p4}/", "form"),
    ("http://public..test/", "form"),
    ("http://.public.test/", "form"),
    ("http://a,b.test/", "form"),
    ("http://*.test/", "form"),
    ("http://" + "a" * 64 + ".test/", "form"),
    ("http://" + "a." * 130 + "test/", "form"),
    ("http://public.test/" + "a" * 2000, "form"),
]

SCHEMES = [
    (text, "scheme")
    for text in (
        "file:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "FILE:///etc/passwd",
        "gopher://127.0.0.1:{p4}/_GET%20/",
        "ftp://127.0.0.1:{p4}/",
        "dict://127.0.0.1:{p4}/stat",
        "ldap://127.0.0.1:{p4}/",
        "tftp://127.0.0.1:{p4}/",
        "sftp://127.0.0.1:{p4}/",
        "smb://127.0.0.1/share",
        "ws://127.0.0.1:{p4}/",
        "jar:http://127.0.0.1:{p4}!/",
        "netdoc:///etc/passwd",
        "data:text/plain,hi",
        "javascript:alert(1)",
        "unix:/run/postgresql/.s.PGSQL.5432",
        "url:http://127.0.0.1:{p4}/",
        "//127.0.0.1:{p4}/",
        "127.0.0.1:{p4}/",
        "/etc/passwd",
        "",
        "http",
        "httpx://public.test/",
    )
]

USERS = [
    (text, "user")
    for text in (
        "http://public.test@127.0.0.1:{p4}/",
        "http://public.test:80@127.0.0.1:{p4}/",
        "http://user:pass@public.test/",
        "http://@127.0.0.1:{p4}/",
        "http://:@127.0.0.1:{p4}/",
        "http://a@b@127.0.0.1:{p4}/",
        "http://127.0.0.1:{p4}@public.test/",
        "http://public.test%40@127.0.0.1:{p4}/",
    )
]

ODD = [
    (text, "characters")
    for text in (
        "http://public.test/\r\nHost: 127.0.0.1",
        "http://public.test\r\n.evil.test/",
        "http://127.0.0.1:{p4}/\r\n\r\nSET a b\r\n",
        "http://public.test/\n",
        "http://public.test/a b",
        " http://public.test/",
        "http://public.test/\t",
        "ht\ntp://127.0.0.1:{p4}/",
        "http://127.0.0.1\t:{p4}/",
        "http://127.0.0.1\x00.public.test/",
        "http://public.test\\@127.0.0.1:{p4}/",
        "http:\\\\127.0.0.1:{p4}\\",
        "http://public.test\\.evil.test/",
        "http://public.test/\x7f",
        "http://public.test/\u0085x",
        "http://public.test/\u2028x",
        "http://public.test\u3000.evil.test/",
    )
]

PORTS = [(f"http://public.test:{port}/", "port") for port in (1, 7, 21, 22, 23, 25, 53, 110, 143, 389, 445, 465)]
PORTS += [(f"https://public.test:{port}/", "port") for port in (587, 631, 873, 993, 995, 1433, 1521, 2375, 2525, 3306)]
PORTS += [(f"http://public.test:{port}/", "port") for port in (5432, 6379, 6443, 9200, 11211, 27017, 0, 81, 444, 1023)]
PORTS += [("http://public.test:65536/", "form"), ("http://public.test:-1/", "form"), ("http://public.test:8o/", "form")]

ALL = [*BY_NAME, *LITERAL, *NUMBERS, *WRITING, *SCHEMES, *USERS, *ODD, *PORTS]


def addresses(ports: tuple[int, int]) -> list[tuple[str, str]]:
    """(address, code of the refusal) with the ports of the listeners filled in."""
    return [(url.replace("{p4}", str(ports[0])).replace("{p6}", str(ports[1])), code) for url, code in ALL]

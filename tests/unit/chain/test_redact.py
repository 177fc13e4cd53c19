from base64 import b64encode
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defirisk.chain.pacing import retry_after
from defirisk.chain.redact import check_url, clean, host_of
from defirisk.errors import InputError

KEY = "s3cr3tK3yValue99"


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{KEY}@node.example/v3/",
        f"https://{KEY}@node.example/rpc",
        f"https://node.example/v3/{KEY}",
        f"https://node.example/v3/{KEY}/",
        f"https://node.example/?apikey={KEY}",
        f"https://node.example:8545/rpc?x=1&key={KEY}#frag",
    ],
)
def test_no_key_survives(url: str) -> None:
    assert KEY not in host_of(url)
    said = f"cannot serve {url} for key {KEY} of https://other.example/{KEY}/x"
    assert KEY not in clean(said, url)
    assert "node.example" in clean(said, url)
    assert "other.example" in clean(said, url)


@pytest.mark.parametrize("password", [KEY, "p%40ss%2Fw0rd99", "p%C3%A4ssw0rd", ""])
def test_what_an_endpoint_says_of_our_headers_is_not_shown_either(password: str) -> None:
    """One that echoes its request tells the password in base64, and decoded where the URL had it in percents."""
    plain = unquote(password)
    for kind in ("latin-1", "utf-8"):
        header = b64encode(f"user:{plain}".encode(kind)).decode()
        said = clean(f"bad header: Basic {header}, password {plain}.", f"https://user:{password}@node.example/")
        assert header.rstrip("=") not in said
        assert not plain or plain not in said


def test_control_characters_lines_and_length() -> None:
    text = clean("a\x1b[31mb\r\nc\u202ed\x00" + "e" * 1000, "http://h/")
    assert text.startswith("a [31mb c d e")
    assert len(text) < 210


@given(st.text())
def test_cleaned_text_is_one_printable_line(text: str) -> None:
    line = clean(text, "https://h.example/abcdefgh")
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line


@pytest.mark.parametrize("url", ["http://localhost:8545", "https://node.example/x", " https://[::1]:8545/ "])
def test_urls_that_can_be_asked(url: str) -> None:
    assert check_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "node.example",
        "ws://node.example",
        "file:///etc/passwd",
        "https://",
        "http://h:99999/",
        "http://[::1",
        f"ftp://h/{KEY}",
    ],
)
def test_urls_that_cannot(url: str) -> None:
    with pytest.raises(InputError) as caught:
        check_url(url)
    assert KEY not in str(caught.value)


def test_the_port_is_shown() -> None:
    assert host_of(f"http://u:{KEY}@127.0.0.1:8545/{KEY}") == "127.0.0.1:8545"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("7", 7),
        ("-7", 0),
        ("soon", 0),
        ("nan", 0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("Fri, 99 Foo 99999 99:99:99 GMT", 0),
    ],
)
def test_what_a_retry_after_asks_for(header: str | None, seconds: float) -> None:
    assert retry_after(header) == seconds

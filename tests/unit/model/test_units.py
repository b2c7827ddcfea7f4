"""Rates, sizes, shares and durations as people write them."""

from __future__ import annotations

from typing import Any

import pytest

from controller.model.units import (
    format_rate,
    parse_duration,
    parse_interval,
    parse_kbit_rate,
    parse_rate,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("written", "rate_bps"),
    [
        ("10 Gbit/s", 10**10),
        ("10Gbit/s", 10**10),
        (" 10  gbit / s ", 10**10),
        ("800 Mbit/s", 8 * 10**8),
        ("64 kbit/s", 64_000),
        ("64 Kbit/s", 64_000),
        ("1.5 Mbit/s", 1_500_000),
        ("0.1 Gbit/s", 10**8),
        ("100 Tbit/s", 10**14),
        ("1000 bit/s", 1000),
        ("10 Gbps", 10**10),
        ("5000", 5000),
        (5000, 5000),
        (1e9, 10**9),
    ],
)
def test_a_rate_is_whole_bits_per_second(written: Any, rate_bps: int) -> None:
    result = parse_rate(written)
    assert result == rate_bps
    assert type(result) is int


@pytest.mark.parametrize(
    "written",
    [
        "",
        "fast",
        "10 GB/s",
        "10 GBps",
        "10 Gibit/s",
        "10 G",
        "1,000 Mbit/s",
        "-1 Gbit/s",
        "1e9 bit/s",
        "1.0000000001 kbit/s",
        "٣ Gbit/s",
        "9" * 5000,
        10**5000,
        float("nan"),
        float("inf"),
        True,
        None,
        [5000],
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_what_is_no_rate_is_refused_with_an_example(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a rate such as 10 Gbit/s or a whole number of bit/s, found "):
        parse_rate(written)


@pytest.mark.parametrize("written", [0, -5000, "0 Gbit/s", 999, "0.5 kbit/s", "101 Tbit/s", 10**14 + 1])
def test_an_absurd_rate_is_refused_with_the_range(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a rate "):
        parse_rate(written)


def test_a_small_bare_number_was_probably_meant_with_a_unit() -> None:
    with pytest.raises(ValueError, match=r"did you mean 10 Gbit/s\?"):
        parse_rate(10)


@pytest.mark.parametrize(
    ("rate_bps", "text"),
    [(10**10, "10 Gbit/s"), (1_500_000, "1500 kbit/s"), (10**12, "1 Tbit/s"), (1001, "1001 bit/s")],
)
def test_a_rate_is_written_so_that_it_reads_the_same(rate_bps: int, text: str) -> None:
    assert format_rate(rate_bps) == text
    assert parse_rate(text) == rate_bps


@pytest.mark.parametrize("written", [1500, "1.2345 Mbit/s", "1001 bit/s"])
def test_a_rate_that_a_meter_cannot_keep_is_refused(written: Any) -> None:
    assert parse_kbit_rate("1.5 Mbit/s") == 1_500_000
    with pytest.raises(ValueError, match=r"^expected a rate in whole kbit/s, found "):
        parse_kbit_rate(written)


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [
        (64_000, 64_000),
        ("64000", 64_000),
        ("64 kB", 64_000),
        ("64kB", 64_000),
        ("1.6 kB", 1600),
        ("64 KiB", 65_536),
        ("1 MB", 10**6),
        ("1 MiB", 2**20),
        ("1 GB", 10**9),
        ("2000 B", 2000),
    ],
)
def test_a_size_is_whole_bytes(written: Any, size_bytes: int) -> None:
    assert parse_size(written) == size_bytes


@pytest.mark.parametrize(
    "written", [0, -1, 1599, "1 kB", "1 GiB", 10**9 + 1, "64 kb", "64 K", "1.0001 kB", "", True, None]
)
def test_what_is_no_sensible_size_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a size "):
        parse_size(written)


@pytest.mark.parametrize(("written", "percent"), [(0, 0), ("0 %", 0), (99, 99), ("7%", 7), (20.0, 20)])
def test_a_share_is_whole_percent(written: Any, percent: int) -> None:
    assert parse_share(written) == percent


@pytest.mark.parametrize("written", [-1, 100, "100 %", 0.2, "0.5 %", "all", "", True, None])
def test_what_is_no_share_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a share of 0 to 99 "):
        parse_share(written)


@pytest.mark.parametrize(
    ("written", "seconds"), [(300, 300), ("300", 300), ("300 s", 300), ("5min", 300), ("1.5 min", 90), ("2 h", 7200)]
)
def test_a_duration_is_whole_seconds(written: Any, seconds: int) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", [0, -1, "0.5 s", "soon", "", True, None, 10**9, "721 h", 1.5])
def test_what_is_no_sensible_duration_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration "):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [(20, 20), ("20 ms", 20), ("20ms", 20), ("0.5 s", 500), ("10 s", 10_000), (0, 0), ("off", 0)],
)
def test_an_interval_is_whole_milliseconds(written: Any, milliseconds: int) -> None:
    assert parse_interval(written) == milliseconds


@pytest.mark.parametrize("written", [-1, 4, "4 ms", "1.5 ms", "11 s", "5 min", "soon", "", True, False, None, 10**9])
def test_what_is_no_sensible_interval_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected an interval "):
        parse_interval(written)

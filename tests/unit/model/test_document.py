"""What a person gets from a document: the fabric it describes, or all that is wrong with it, in plain words."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml

from controller.model.document import DocumentError, Problem, document_tree, dump_document, parse_document
from controller.model.spec import Document, LinkSpec, SegmentSpec, ServerSpec, TrunkSpec, Undeclared

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE.parents[2] / "examples").glob("*.yaml"))

LAB = """\
fabric: lab
segments:
  web: {subnet: [10.1.0.0/24, 'fd00:1::/64'], gateway: [10.1.0.1, 'fd00:1::1']}
  data: {subnet: 10.2.0.0/24}
platforms:
  chassis1:
    dpid: 1
    servers:
      web1: {port: 1, segment: web, ip: 10.1.0.11, mac: '02:00:00:00:01:01'}
      db1: {port: 2, segment: data, ip: 10.2.0.11}
    trunks:
      east: {port: 20, rate: 10 Gbit/s}
  chassis2:
    dpid: 2
    servers:
      web2: {port: 1, segment: web, ip: 10.1.0.12}
    trunks:
      west: {port: 20, rate: 1 Gbit/s}
links:
  - [chassis1.east, chassis2.west]
"""

BROKEN = yaml.safe_load((HERE / "broken_documents.yaml").read_text())


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as error:
        parse_document(text, "lab.yaml")
    return error.value.problems


def told(text: str) -> str:
    with pytest.raises(DocumentError) as error:
        parse_document(text, "lab.yaml")
    return str(error.value)


def lab(change: str, to: str) -> Document:
    assert change in LAB
    return parse_document(LAB.replace(change, to, 1), "lab.yaml")


# What is wrong


@pytest.mark.parametrize("case", BROKEN, ids=[f"{case['change']} -> {case['to']}"[:60] for case in BROKEN])
def test_a_broken_document_says_where_and_what_was_expected(case: dict[str, str]) -> None:
    assert case["change"] in LAB
    expected = [f"lab.yaml:{line}" for line in case["says"].splitlines()]
    assert told(LAB.replace(case["change"], case["to"], 1)).splitlines() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lab.yaml: the document is empty"),
        ("# nothing\n", "lab.yaml: the document is empty"),
        ("hello", "lab.yaml:1: expected a mapping of a fabric document, found the text 'hello'"),
        ("[1]", "lab.yaml:1: expected a mapping of a fabric document, found a list"),
        ("fabric: a\n---\nfabric: b\n", "lab.yaml:1: expected one document, found a second one in line 2"),
        (
            "fabric: [a\nb: 1\n",
            "lab.yaml:2: column 2: not readable as YAML: did not find expected ',' or ']' "
            "(while parsing a flow sequence that begins in line 1)",
        ),
        ("a:\n\tb: 1\n", "lab.yaml:2: column 1: not readable as YAML: found a tab; YAML is indented by spaces"),
        ("a: \x01", "lab.yaml: not readable as YAML: control characters are not allowed"),
        ("a: \ud800", "lab.yaml: not readable as YAML: surrogates not allowed"),
        ("fabric: !x y", "lab.yaml:1: fabric: expected a plain value, found the YAML tag '!x'"),
        ("fabric: *x", "lab.yaml:1: fabric: *x stands for nothing: no value before it is marked &x"),
        (
            "segments: &a {web: *a}",
            "lab.yaml:1: segments.web: *a stands for nothing: no value before it is marked &a",
        ),
        ("? [a]\n: 1", "lab.yaml:1: expected a name as the key in line 1"),
        ("a: " + "[" * 100_000, "lab.yaml:1: a: expected at most 12 levels, found more"),
    ],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)
def test_what_is_no_document_at_all_says_so(text: str, message: str) -> None:
    assert told(text) == message


def test_all_problems_are_reported_at_once_in_the_order_of_the_text() -> None:
    text = LAB.replace("10.1.0.11", "10.9.0.11").replace("port: 2,", "port: 0,").replace("chassis2.west]", "nowhere.x]")
    assert [(problem.place, problem.line) for problem in problems(text)] == [
        ("platforms.chassis1.servers.web1.ip", 9),
        ("platforms.chassis1.servers.db1.port", 10),
        ("links[0]", 20),
    ]


def test_what_is_right_in_a_server_is_still_checked_beside_what_is_wrong() -> None:
    text = LAB.replace("mac: '02:00:00:00:01:01'", "mac: nonsense").replace("10.1.0.11", "10.9.0.11")
    assert [problem.place.rpartition(".")[2] for problem in problems(text)] == ["ip", "mac"]


def test_a_thing_that_cannot_be_read_is_no_unknown_name_for_others() -> None:
    text = LAB.replace("subnet: 10.2.0.0/24", "subnet: nonsense").replace("dpid: 2", "dpid: none")
    assert [problem.place for problem in problems(text)] == ["segments.data.subnet", "platforms.chassis2.dpid"]


# What is right


def test_the_nested_document_becomes_flat_specs() -> None:
    document = parse_document(LAB, "lab.yaml")
    assert document.fabric == "lab"
    assert document.segments["data"] == SegmentSpec(subnet=(ip_network("10.2.0.0/24"),))
    assert document.platforms["chassis2"].trunks == {"west": TrunkSpec(port=20, rate=10**9)}
    assert document.servers["web1"] == ServerSpec(
        platform="chassis1", port=1, segment="web", mac="02:00:00:00:01:01", ip=(ip_address("10.1.0.11"),)
    )
    name = "chassis1.east--chassis2.west"
    assert document.links == {name: LinkSpec(ends=("chassis1.east", "chassis2.west"))}


def test_a_link_may_be_a_mapping_and_its_ends_are_sorted() -> None:
    document = lab(
        "[chassis1.east, chassis2.west]", "{ends: [chassis2.west, chassis1.east], rate: 500 Mbit/s, cost: 3}"
    )
    assert document.links["chassis1.east--chassis2.west"] == LinkSpec(
        ends=("chassis1.east", "chassis2.west"), rate=500_000_000, cost=3
    )


def test_a_document_that_says_little_is_closed() -> None:
    assert parse_document("fabric: lab", "lab.yaml") == Document(fabric="lab", undeclared=Undeclared(mode="closed"))


@pytest.mark.parametrize("written", ["learn", "{mode: learn}"])
def test_learning_without_any_segment_makes_the_default_one(written: str) -> None:
    document = parse_document(f"undeclared: {written}", "lab.yaml")
    assert document.undeclared == Undeclared(mode="learn", segment="default")
    assert document.segments == {"default": SegmentSpec()}


def test_a_platform_may_learn_where_the_fabric_is_closed() -> None:
    document = lab("dpid: 2", "dpid: 2\n    undeclared: {mode: learn, segment: web, age: 10 min}")
    assert document.undeclared.mode == "closed"
    assert document.platforms["chassis2"].undeclared == Undeclared(mode="learn", segment="web", age=600)


def test_tagged_servers_share_a_port() -> None:
    tagged = "db1: {port: 2, vlan: 10, segment: data}\n      db2: {port: 2, vlan: 20, segment: data}"
    servers = lab("db1: {port: 2, segment: data, ip: 10.2.0.11}", tagged).servers
    assert [(servers[name].port, servers[name].vlan) for name in ("db1", "db2")] == [(2, 10), (2, 20)]


@pytest.mark.parametrize(
    ("written", "dpid"),
    [
        ("16", 16),
        ("0x10", 16),
        ("'0x10'", 16),
        ("0000000000000010", 16),
        ("'00:00:00:00:00:00:00:1f'", 31),
        ("18446744073709551615", 2**64 - 1),
    ],
)
def test_a_dpid_is_a_number_or_hexadecimal_text(written: str, dpid: int) -> None:
    assert lab("dpid: 2", f"dpid: {written}").platforms["chassis2"].dpid == dpid


@pytest.mark.parametrize(
    ("written", "mac"), [("12:00:00:00:01:01", "12:00:00:00:01:01"), ("'0A-00-00-00-01-01'", "0a:00:00:00:01:01")]
)
def test_a_mac_needs_no_quotes_and_is_kept_in_one_form(written: str, mac: str) -> None:
    assert lab("'02:00:00:00:01:01'", written).servers["web1"].mac == mac


@pytest.mark.parametrize("name", ["no", "on", "null", "1", "007", "1e3", "0x1f", "0o17", "12_30"])
def test_a_name_may_look_like_something_else(name: str) -> None:
    document = lab("web2:", f"{name}:")
    assert name in document.servers
    assert parse_document(dump_document(document), "dump") == document


@pytest.mark.parametrize("ip", ["10.9.0.1", "fd00:9::1", "fd00:9::"])
def test_a_segment_without_subnets_takes_any_address(ip: str) -> None:
    document = lab("data: {subnet: 10.2.0.0/24}", "data:").segments["data"]
    assert document == SegmentSpec()
    text = LAB.replace("data: {subnet: 10.2.0.0/24}", "data:").replace("10.2.0.11", f"'{ip}'")
    assert parse_document(text, "lab.yaml").servers["db1"].ip == (ip_address(ip),)


def test_both_addresses_of_a_point_to_point_subnet_are_servers() -> None:
    text = LAB.replace("10.2.0.0/24", "10.2.0.10/31")
    assert parse_document(text, "lab.yaml").servers["db1"].ip == (ip_address("10.2.0.11"),)


def test_the_same_mac_or_address_may_be_in_two_segments() -> None:
    text = LAB.replace("data: {subnet: 10.2.0.0/24}", "data: {}")
    text = text.replace("ip: 10.2.0.11", "ip: 10.1.0.11, mac: '02:00:00:00:01:01'")
    servers = parse_document(text, "lab.yaml").servers
    assert servers["web1"].mac == servers["db1"].mac
    assert servers["web1"].ip == servers["db1"].ip


def test_overlapping_subnets_are_fine_where_one_segment_has_no_gateway() -> None:
    text = LAB.replace("10.2.0.0/24", "10.1.0.0/16")
    assert parse_document(text.replace("10.2.0.11", "10.1.2.3"), "lab.yaml").segments["data"].gateway == ()


def test_a_key_without_a_value_is_as_good_as_not_written() -> None:
    assert lab("ip: 10.1.0.12", "ip: 10.1.0.12, mac: , rate: null") == parse_document(LAB, "lab.yaml")


def test_an_alias_stands_for_its_value() -> None:
    document = lab("ip: 10.1.0.12}", "ip: &address 10.1.0.12}\n      web3: {port: 3, segment: data, ip: 10.2.0.3}")
    assert document.servers["web3"].port == 3
    text = LAB.replace("{port: 20, rate: 10 Gbit/s}", "&trunk {port: 20, rate: 10 Gbit/s}")
    text = text.replace("{port: 20, rate: 1 Gbit/s}", "*trunk")
    assert parse_document(text, "lab.yaml").platforms["chassis2"].trunks["west"].rate == 10**10


# Out again


def test_the_tree_is_what_json_can_hold_with_rates_in_bits_per_second() -> None:
    tree = document_tree(parse_document(LAB, "lab.yaml"))
    assert json.loads(json.dumps(tree)) == tree
    assert tree == {
        "fabric": "lab",
        "undeclared": "closed",
        "storm": 1000,
        "segments": {
            "web": {"subnet": ["10.1.0.0/24", "fd00:1::/64"], "gateway": ["10.1.0.1", "fd00:1::1"]},
            "data": {"subnet": "10.2.0.0/24"},
        },
        "platforms": {
            "chassis1": {
                "dpid": 1,
                "trunks": {"east": {"port": 20, "rate": 10_000_000_000}},
                "servers": {
                    "web1": {"port": 1, "segment": "web", "mac": "02:00:00:00:01:01", "ip": "10.1.0.11"},
                    "db1": {"port": 2, "segment": "data", "ip": "10.2.0.11"},
                },
            },
            "chassis2": {
                "dpid": 2,
                "trunks": {"west": {"port": 20, "rate": 1_000_000_000}},
                "servers": {"web2": {"port": 1, "segment": "web", "ip": "10.1.0.12"}},
            },
        },
        "links": [["chassis1.east", "chassis2.west"]],
    }


def test_json_is_read_like_yaml() -> None:
    document = parse_document(LAB, "lab.yaml")
    assert parse_document(json.dumps(document_tree(document), indent="\t"), "body") == document


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid_and_comes_out_as_it_went_in(path: Path) -> None:
    document = parse_document(path.read_text(encoding="utf-8"), path.name)
    assert document.fabric == path.stem
    assert len(document.segments) == 2
    assert all(server.mac and {ip.version for ip in server.ip} == {4, 6} for server in document.servers.values())
    assert parse_document(dump_document(document), "dump") == document


def test_the_examples_are_there() -> None:
    assert {"one-platform", "two-chassis", "daisy-chain", "ring", "star"} <= {path.stem for path in EXAMPLES}


def test_the_document_of_the_reference_is_valid() -> None:
    reference = (HERE.parents[2] / "docs" / "document.md").read_text(encoding="utf-8")
    text = reference.split("```yaml\n")[1].split("```")[0]
    assert set(parse_document(text, "document.md").servers) == {"web1", "db1", "db2"}


def test_a_large_fabric_comes_out_as_it_went_in() -> None:
    segments = "segments: {web: {subnet: [10.0.0.0/8, 'fd00::/64']}}\nplatforms:\n"
    platforms = "".join(
        f"  p{n}:\n    dpid: {n}\n    trunks: {{a: {{port: 1}}, b: {{port: 2}}}}\n"
        f"    servers: {{s{n}: {{port: 3, segment: web, ip: [10.0.{n >> 8}.{n & 255}, 'fd00::{n:x}']}}}}\n"
        for n in range(1, 1001)
    )
    links = "links:\n" + "".join(f"  - [p{n}.b, p{n % 1000 + 1}.a]\n" for n in range(1, 1001))
    document = parse_document(segments + platforms + links, "large.yaml")
    assert (len(document.platforms), len(document.servers), len(document.links)) == (1000, 1000, 1000)
    assert parse_document(dump_document(document), "dump") == document

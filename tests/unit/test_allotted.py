"""Two histories of one fabric are the same by names, however their numbers were allotted, and in nothing else."""

from __future__ import annotations

import pytest
from allotted import Allotted
from installed import differences

from controller.rules.rules import FlowEntry, Group, GroupType, Owner, match
from controller.rules.tables import Table, cookie, flood_group, platform_group

ALLOTTED = (
    ("label", "web", 5),
    ("label", "web#0", 9),
    ("platform", "two", 77),
    ("bypass", "two.x--one.y>one@one:21", 3100),
    ("bypass", "two.x--one.y>two@two:21", 3101),
)
OTHERWISE = (
    ("label", "web", 6),
    ("label", "web#4", 5),
    ("platform", "two", 8),
    ("bypass", "two.x--one.y>one@one:21", 3200),
    ("bypass", "two.x--one.y>two@two:21", 3201),
)


def held(segment: int, tree: int, index: int, bypass: int, generation: int = 0, port: int = 7) -> tuple[str, ...]:
    """What a bridge of platform two says that it holds."""
    flood = flood_group(tree, 0)
    entry = FlowEntry(Table.FLOOD, 300, match(reg0=segment, reg1=0), goto=flood)
    of_tree = cookie(Owner("tree", f"web#{generation}"), entry)
    of_server = cookie(Owner("server", "web1"), Group(flood, GroupType.ALL, ()))
    of_link = cookie(Owner("link", "two.x--one.y"), entry)
    return (
        f"cookie={of_tree:#x}, table=15, priority=300,reg0={segment:#x},reg1=0 actions=group:{flood}",
        f"cookie={of_tree:#x}, table=15, priority=300,reg1=0x15,reg2={tree:#x} actions=group:{flood + 21}",
        f"cookie={of_tree:#x}, table=2, priority=300,dl_vlan={tree} actions=pop_vlan,set_field:{tree:#x}->reg2",
        f"cookie={of_server:#x}, table=10, priority=300,reg0={segment:#x},dl_dst=02:00:00:00:04:04 "
        f"actions=push_vlan:0x8100,set_field:{0x1000 | segment}->vlan_vid,group:{platform_group(index)}",
        f"cookie={of_link:#x}, table=1, priority=300,in_port=21,dl_vlan={bypass + 1} actions=output:22",
        f"cookie={of_server:#x}, priority=300,in_port={port},dl_vlan=100 actions=set_field:{segment:#x}->reg0",
        f"group_id={flood},type=all,bucket=actions=push_vlan:0x8100,set_field:4196->vlan_vid,output:{port},"
        f"bucket=actions=push_vlan:0x8100,set_field:{0x1000 | tree}->vlan_vid,group:268435478",
        f"group_id=268435478,type=ff,bucket=watch_port:22,actions=output:22,bucket=watch_port:21,"
        f"actions=push_vlan:0x8100,set_field:{0x1000 | bypass}->vlan_vid,load:0->NXM_OF_IN_PORT[],output:21",
        f"group_id={platform_group(index)},type=indirect,bucket=actions=group:268435478",
    )


FIRST = {"two": held(5, 9, 77, 3100)}


def test_other_numbers_for_the_same_names_are_no_difference() -> None:
    one = Allotted.of(ALLOTTED).named(FIRST)
    other = Allotted.of(OTHERWISE).named({"two": held(6, 5, 8, 3200, generation=4)})
    assert differences(one, other) == []
    assert one != FIRST


@pytest.mark.parametrize(
    "changed",
    [
        {"two": held(5, 9, 77, 3100, port=8)},
        {"two": held(5, 9, 78, 3100)},
        {"two": held(5, 9, 77, 3101)},
        {"two": (*FIRST["two"], *held(5, 9, 77, 3100)[:1])},
        {"two": FIRST["two"][1:]},
        {"one": FIRST["two"]},
        {"two": tuple(line.replace("dl_vlan=100", "dl_vlan=5") for line in FIRST["two"])},
        {"two": tuple(line.replace("4196", "4101") for line in FIRST["two"])},
    ],
    ids=["port", "index", "bypass", "twice", "missing", "elsewhere", "tag taken", "tag given"],
)
def test_everything_else_is_a_difference(changed: dict[str, tuple[str, ...]]) -> None:
    allotted = Allotted.of((*ALLOTTED, ("label", "other", 100)))
    assert differences(allotted.named(FIRST), allotted.named(changed))


def test_a_tree_that_was_left_over_is_a_difference() -> None:
    """Its name is that of the tree in use: so its lines come twice."""
    allotted = Allotted.of((*ALLOTTED, ("label", "web#1", 10)))
    both = {"two": (*FIRST["two"], FIRST["two"][1].replace("reg2=0x9", "reg2=0xa"))}
    found = differences(allotted.named(FIRST), allotted.named(both))
    assert len(found) == 1
    assert found[0].startswith("two +")


def test_a_bypass_label_names_another_bypass_elsewhere() -> None:
    bypasses = ("one.x--two.y>two@two:21", "three.x--four.y>four@four:21")
    allotted = Allotted.of(("bypass", name, 3101) for name in bypasses)
    line = (FIRST["two"][4],)
    named = allotted.named({"two": line, "four": line, "six": line})
    assert f"dl_vlan={bypasses[0]} " in named["two"][0]
    assert f"dl_vlan={bypasses[1]} " in named["four"][0]
    assert "dl_vlan=3101 " in named["six"][0]
    pushed = (FIRST["two"][7].replace(str(0x1000 | 3100), str(0x1000 | 3101)),)
    named = allotted.named({"one": pushed, "three": pushed, "two": pushed})
    assert f"label:{bypasses[0]}," in named["one"][0]
    assert f"label:{bypasses[1]}," in named["three"][0]
    assert "label:3101," in named["two"][0]

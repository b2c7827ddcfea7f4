"""What README.md and docs/ tell of the lab and of `mn` can be done: options, experiments, topologies, methods."""

from __future__ import annotations

import re

from lab import Lab
from mininet.topo import LinearTopo, MinimalTopo, SingleSwitchReversedTopo, SingleSwitchTopo
from mininet.topolib import TorusTopo, TreeTopo
from mininet.util import buildTopo
from topologies import topos

from tests.pages import TOP, blocks, is_there, rows, said, starting, text

BUILT_IN = {
    "minimal": MinimalTopo,
    "linear": LinearTopo,
    "single": SingleSwitchTopo,
    "reversed": SingleSwitchReversedTopo,
    "tree": TreeTopo,
    "torus": TorusTopo,
}
"""The topologies of `mn` itself."""


def test_labs_are_given_documents_options_and_experiments_that_exist() -> None:
    labs = [words[2:] for words in starting(".venv/bin/python", "mininet/lab.py")]
    assert labs
    help_text = said("mininet/lab.py", "--help")
    for document, *options in labs:
        assert (TOP / document).is_file(), document
        assert [word for word in options if word.startswith("--") and word not in help_text] == []
        if "--experiment" in options:
            assert is_there(f"mininet/experiments/{options[options.index('--experiment') + 1]}.py")


def test_options_of_the_lab_in_its_page_exist() -> None:
    told = {option for cells in rows(text("docs/mininet.md")) for option in re.findall(r"--[a-z][a-z-]*", cells[0])}
    assert told >= {"--run", "--experiment"}
    help_text = said("mininet/lab.py", "--help")
    assert [option for option in told if option not in help_text] == []


def test_topologies_for_mn_can_be_built() -> None:
    given = starting("mn")
    assert given
    for words in given:
        options = dict(zip(words[1::2], words[2::2], strict=True))
        custom = topos if options.get("--custom") == "mininet/topologies.py" else {}
        assert buildTopo({**BUILT_IN, **custom}, options["--topo"]).switches()


def test_methods_of_the_lab_in_its_page_exist() -> None:
    table = text("docs/mininet.md").partition("| method | |")[2].partition("\n\n")[0]
    used = re.findall(r"\blab\.(\w+)", "".join(blocks(text("docs/mininet.md"), "python")))
    told = {*used, *re.findall(r"`(\w+)(?=[(`,])", table)}
    assert "wait_converged" in told
    assert [name for name in sorted(told) if name not in vars(Lab)] == []

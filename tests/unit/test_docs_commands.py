"""Every command that README.md and docs/ tell can be given: scripts, options and settings exist.

Those of the lab and of `mn` are in `tests/emulation/test_docs_mininet.py`: they need Mininet.
"""

from __future__ import annotations

import configparser
import re

from apps.settings import CONF
from tests.pages import TOP, blocks, commands, is_there, plain, said, starting, text

COMMANDS = {"backplane", "curl", "mn", "ovs-appctl", "ovs-ofctl", "ovs-vsctl"}


def test_every_command_is_one_that_is_checked_here() -> None:
    unknown = [(page, words) for page, words in commands() if not is_checked(plain(words))]
    assert unknown == []


def is_checked(words: list[str]) -> bool:
    return words[0].startswith(("script/", ".venv/bin/")) or words[0] in COMMANDS


def test_scripts_can_be_run() -> None:
    scripts = {TOP / words[0] for _, given in commands() if (words := plain(given))[0].startswith("script/")}
    assert TOP / "script/demo" in scripts
    assert [path for path in scripts if not path.stat().st_mode & 0o100] == []


def test_settings_of_the_environment_exist() -> None:
    given = {word for _, words in commands() for word in words if re.match(r"OS_[A-Z_]+=", word)}
    told = {*given, *re.findall(r"`(OS_[A-Z_]+)`", text("README.md"))}
    names = {re.sub(r"OS_BACKPLANE__(\w+?)(=.*)?$", r"\1", word).lower() for word in told}
    assert names == {"document", "state_dir"}
    assert names <= set(CONF.backplane)
    documents = [word.partition("=")[2] for word in given if "DOCUMENT" in word]
    assert [document for document in documents if not is_there(document)] == []


def test_configuration_files_set_what_exists() -> None:
    parser = configparser.ConfigParser()
    for block in blocks(text("README.md"), "ini"):
        parser.read_string(block)
    assert parser.sections() == ["backplane"]
    assert set(parser["backplane"]) <= set(CONF.backplane)


def test_the_controller_is_launched_by_a_name_that_ryu_finds() -> None:
    launched = starting(".venv/bin/ryu-manager")
    assert launched
    assert {words[1] for words in launched} == {"apps.backplane"}


def test_options_of_ryu_exist() -> None:
    told = set(re.findall(r"`(--(?:ofp|wsapi|config)[a-z-]+)`", text("README.md") + text("docs/api.md")))
    assert "--wsapi-port" in told
    help_text = said("-c", "from ryu.cmd.manager import main; main(['--help'])")
    assert [option for option in told if option not in help_text] == []

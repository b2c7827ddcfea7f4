"""Whatever is asked of a trace, it answers or says what is wrong with the question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webob import Request

from controller.trace.question import FLAGS, PROTOCOLS
from tests.unit.rest.conftest import Api, Source
from tests.unit.rest.fabrics import DOCUMENT, running_fabric

NAMES = st.sampled_from(("web1", "web2", "web3", "db1", "10.1.0.12", "fe80::1%x", "::", "02:00:00:00:02:01", "nobody"))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS: dict[str, st.SearchStrategy[Any]] = {
    "from": NAMES,
    "to": NAMES,
    "protocol": st.sampled_from(PROTOCOLS),
    "version": st.sampled_from((4, 5, 6)),
    "src_port": st.integers(-1, 70000),
    "dst_port": st.integers(0, 65535),
    "flags": st.lists(st.sampled_from(FLAGS)),
    "dscp": st.integers(0, 63),
    "vlan": st.integers(0, 4095),
    "src_mac": st.just("02:00:00:00:01:01"),
    "src_ip": NAMES,
    "hex": st.binary(min_size=10, max_size=60).map(bytes.hex),
    "platform": st.sampled_from(("chassis1", "remote", "none")),
    "port": st.integers(0, 30),
    "down": st.lists(st.sampled_from(("chassis1.spur--remote.home", "none")), max_size=2),
    "storm": st.booleans(),
}
BYTES = st.fixed_dictionaries({name: KEYS[name] for name in ("platform", "port", "hex")})
MORE = {name: kind for name, kind in KEYS.items() if name not in ("from", "to", "platform", "port", "hex")}
RIGHT = st.fixed_dictionaries({"from": KEYS["from"], "to": KEYS["to"]}, optional=MORE)
WRONG = st.dictionaries(st.sampled_from(tuple(KEYS)) | st.text(max_size=5), ANYTHING, max_size=5)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    file = Path(tmp_path_factory.mktemp("trace")) / "lab.yaml"
    file.write_text(DOCUMENT)
    return Api(running_fabric(), Source(file))


@settings(max_examples=300)
@given(body=st.one_of(RIGHT, BYTES, WRONG, ANYTHING, st.tuples(RIGHT, WRONG).map(lambda two: {**two[0], **two[1]})))
def test_every_question_is_answered_or_refused_with_its_places(api: Api, body: Any) -> None:
    request = Request.blank("/api/v1/trace", method="POST", body=json.dumps(body).encode())
    request.headers["Content-Type"] = "application/json"
    response = request.get_response(api.app)
    answer = json.loads(response.body)
    if response.status_code == 200:
        assert answer["verdict"] in ("delivered", "dropped", "to_controller", "looped")
        assert answer["message"]
        assert bool(answer["reason"]) == (answer["verdict"] == "dropped")
    else:
        assert response.status_code in (404, 422), answer
        assert answer.get("problems") or answer["reason"] == "unknown_name"

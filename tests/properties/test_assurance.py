"""Rules as compiled show no fault, whatever the fabric and whatever happened to it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.assurance import Touched, check_change
from controller.model.spec import Document
from tests.properties.test_incremental import CHANGES, Driver, build, documents


@settings(max_examples=60)
@given(document=documents(), data=st.data())
def test_whatever_happened_no_packet_is_lost_looped_or_leaked(document: Document, data: st.DataObject) -> None:
    virtual = build(document)
    driver = Driver(virtual, data)
    driver.connect_the_rest()
    virtual.settle()
    for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=8)):
        getattr(driver, change)()
    for name in sorted(virtual.control.routing.known):
        virtual.control.set_admin(("links", name), data.draw(st.sampled_from(("up", "up", "drain", "down"))))
    virtual.control.refresh()
    found = check_change(virtual.control, Touched(everything=True), 2000)
    assert found.faults == ()

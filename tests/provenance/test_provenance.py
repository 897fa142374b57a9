import xml.etree.ElementTree as ElementTree

import pytest

from imgrestore.image import Metadata
from imgrestore.provenance.stamp import NAMESPACE, Stamp, carried

STAMP = Stamp("0.2.0", "resnet-sr", "ab" * 32, {"scale": 2, "strength": 0.5, "note": "<\"é'&#65;>"})
PACKET = (
    b'<?xpacket begin="" id="x"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="urn:dc" dc:a="b\xc3\xa9"/>'
    b"</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


@pytest.mark.parametrize("packet", [None, b"", PACKET])
def test_a_stamp_comes_back_and_the_packet_stays_well_formed(packet: bytes | None) -> None:
    stamped = STAMP.into(packet)
    assert stamped is not None and Stamp.out_of(stamped) == STAMP
    root = ElementTree.fromstring(stamped)
    assert root.find(f".//*[@{{{NAMESPACE.name}}}model='resnet-sr']") is not None
    if packet:
        assert stamped.startswith(packet[: packet.index(b"</rdf:RDF>")])


def test_a_new_stamp_takes_the_place_of_the_old_one() -> None:
    once = STAMP.into(PACKET)
    newer = Stamp("0.3.0", "bicubic")
    twice = newer.into(once)
    assert twice is not None and Stamp.out_of(twice) == newer and twice == newer.into(PACKET)


def test_packets_without_a_stamp_or_a_place_for_it() -> None:
    assert Stamp.out_of(None) is None and Stamp.out_of(PACKET) is None
    assert STAMP.into(b"not xmp at all") is None
    stamped = STAMP.into(PACKET)
    assert stamped is not None
    assert Stamp.out_of(stamped.replace(b"imgrestore:version", b"imgrestore:verdict")) is None


def test_a_note_that_does_not_fit_costs_nothing_that_was_there() -> None:
    metadata = Metadata(xmp=PACKET)
    assert Stamp.out_of(carried(metadata, STAMP, largest=10_000)[0].xmp) is not None
    kept, notes = carried(metadata, STAMP, largest=len(PACKET) + 20)
    assert kept.xmp == PACKET and notes == ("beside its XMP there is no room for a note of how it was made",)
    stamped = Metadata(xmp=Stamp("0.1.0", "nearest").into(PACKET))
    assert carried(stamped, STAMP, largest=len(PACKET) + 300)[0].xmp == PACKET, "an earlier note would be untrue"
    alone, notes = carried(Metadata(xmp=PACKET + bytes(5000)), STAMP, largest=5000)
    assert Stamp.out_of(alone.xmp) == STAMP and "XMP of" in notes[0] and "was left out" in notes[0]

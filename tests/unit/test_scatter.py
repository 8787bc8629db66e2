import itertools
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from digest.rendering.scatter import BASE, LABELLED, scatter


@dataclass
class Dot:
    name: str
    interest: float
    trend: float
    is_picked: bool = False


def test_hostile_names_stay_text():
    drawn = scatter("<b>x</b>", [Dot('<script>"&\x00', 0.5, 0.5, True), Dot("a\x1bb", 9, -3)])
    root = ET.fromstring(drawn)
    assert not [node for node in root.iter() if "script" in node.tag]


def test_picks_are_named_and_no_two_names_overlap():
    dots = [Dot(f"paper {n}", 0.5, 0.5, True) for n in range(20)] + [Dot("other", 0.1, 0.2)]
    root = ET.fromstring(scatter("today", dots))
    texts = [node for node in root.iter() if node.tag.endswith("text")]
    names = [node for node in texts if (node.text or "").startswith("paper")]
    assert len(names) == LABELLED
    heights = sorted(float(node.attrib["y"]) for node in names)
    assert all(after - before >= 12 for before, after in itertools.pairwise(heights))
    circles = [node for node in root.iter() if node.tag.endswith("circle")]
    assert len(circles) == len(dots)


def test_a_day_without_votes_names_its_picks_above_the_axis():
    dots = [Dot(f"paper {n}", n / 10, 0.0, True) for n in range(10)]
    root = ET.fromstring(scatter("today", dots))
    heights = [
        float(node.attrib["y"])
        for node in root.iter()
        if node.tag.endswith("text") and (node.text or "").startswith("paper")
    ]
    assert len(heights) == 10
    assert max(heights) < BASE
    assert all(after - before >= 12 for before, after in itertools.pairwise(sorted(heights)))

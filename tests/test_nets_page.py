"""docs/nets.md says of each net what the code and the records of the shipped weights say."""

import json
import re
from pathlib import Path

import pytest

from clockodile.classify.candidates import CANDIDATES
from clockodile.core import store
from clockodile.hybrids.generators.flow_of_run import HELD_OUT, SEEN, known_photographs, package_flow
from clockodile.hybrids.generators.table import GENERATORS
from clockodile.learn.backbones import DEFAULT_BACKBONE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "nets.md").read_text("utf-8")
ROWS = {
    cells[0]: dict(zip(("learned", "never", "use", "scores"), cells[1:], strict=True))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| net |")
    for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
}
WEIGHTS = store.shipped_weights()


def row(word: str) -> dict[str, str]:
    """The one row whose net is named with this word."""
    (found,) = (cells for net, cells in ROWS.items() if word in net)
    return found


def known_of(record: dict) -> str:
    """The fingerprint of the photographs of the run that a net learned from, as recorded with its weights."""
    return record["config"]["known"]


def test_every_shipped_net_has_a_row():
    files = {path.name for path in WEIGHTS.glob("*.safetensors")}
    assert {name for net in ROWS for name in re.findall(r"`([\w-]+\.safetensors)`", net)} == files


def test_every_net_that_is_compared_and_every_net_that_makes_hybrids_has_a_row():
    nets = {one.title for name, one in CANDIDATES.items() if one.source != "baseline" and name != "hog_svm"}
    makers = {one.title.partition(",")[0] for one in GENERATORS.values() if one.fit}
    named = " ".join(ROWS)
    assert [name for name in nets | makers if name.removesuffix(" (ours)") not in named] == []


@pytest.mark.parametrize("net", ["flow.safetensors", "dense autoencoder", "SmallNet"])
def test_the_hidden_fold_is_the_one_on_the_page(net):
    others = f"folds {HELD_OUT + 1} to 4"
    assert row(net)["learned"].startswith(others) and row(net)["never"].startswith(f"fold {HELD_OUT}")


def test_generators_learn_from_all_folds_but_the_hidden_one(data):
    assert set(known_photographs(data).fold) == set(range(5)) - {HELD_OUT}


def test_the_first_net_of_page_02_does_not_see_the_hidden_fold():
    cells = json.loads((ROOT / "notebooks" / "02_classification.ipynb").read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert f"unseen = torch.from_numpy(data.fold == {HELD_OUT})" in code


def test_the_flow_and_the_first_compact_net_learned_from_the_same_photographs():
    trainings = store.read_record(WEIGHTS / "predictor-compact.safetensors")["predictor"]["trainings"]
    assert [training["config"]["fold"] for training in trainings] == list(range(5))
    flow = store.read_record(WEIGHTS / "flow.safetensors")
    assert known_of(flow) == known_of(trainings[HELD_OUT])


def test_the_flow_learned_from_as_many_pictures_and_classes_as_the_page_says():
    flow = package_flow()
    assert f"{len(flow.state[SEEN]):,}" in row("the flow")["learned"]
    classes = set(flow.metrics["classes"])
    assert {"clock", "crocodile"} < classes and f"other {len(classes) - 2} classes" in row("the flow")["learned"]


def test_judge_and_probe_look_through_the_frozen_network_of_the_page():
    judge = store.read_record(WEIGHTS / "judge.safetensors")["config"]
    probe = store.read_record(WEIGHTS / "predictor-probe.safetensors")["predictor"]
    assert {judge["judge"], probe["arguments"]["backbone"], DEFAULT_BACKBONE} == {"efficientnet_lite0"}
    assert any(net.startswith("efficientnet_lite0, the frozen network") for net in ROWS)
    assert not judge["one_vs_rest"], "its counter-examples are other things alone"


def test_no_maker_of_pictures_asks_the_judge():
    makers = (ROOT / "src" / "clockodile" / "hybrids" / "generators").glob("*.py")
    used = {
        path.stem: [line for line in path.read_text("utf-8").splitlines() if "clockodile.ambiguous" in line]
        for path in makers
    }
    assert used.pop("flow_of_run") == ["from clockodile.ambiguous.background import background_pictures"]
    assert not any(used.values()) and HELD_OUT == 0

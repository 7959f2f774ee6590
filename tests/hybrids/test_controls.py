"""Controls: the other half is something else, the same for the same seed; a rule is compared with who knows all."""

import numpy as np
import pytest

from clockodile.ambiguous.neither import Neither
from clockodile.hybrids import controls
from clockodile.hybrids.controls import choosers, other_things, rule_against_judge, with_other_things
from clockodile.hybrids.methods import parent_images


class Known:
    """A judge that takes brightness for the first class and redness for the second."""

    pair = (0, 1)

    def evidence(self, images):
        light = images.mean((1, 2, 3)) / 255
        return np.stack([light, images[..., 0].mean((1, 2)) / 255], 1)


@pytest.fixture
def grey(monkeypatch, data):
    """Everything else is a grey square, each of another grey."""
    greys = np.arange(40, 160, dtype=np.uint8)
    images = np.broadcast_to(greys[:, None, None, None], (120, *data.images.shape[1:])).copy()
    made = Neither(images, np.array(["grey"] * 120), np.full(120, -1))
    monkeypatch.setattr(controls, "pictures_of_neither", lambda data, seed: made)
    return made


def test_one_half_is_the_photograph_and_the_other_something_else(run, data, grey):
    found = with_other_things(run, data, range(5))
    assert list(found) == [f"'{name}' with another thing" for name in data.classes[:2]]
    first, second = (part.permute(0, 2, 3, 1).numpy() * 255 for part in parent_images(run, data, range(5)))
    with_first, with_second = found.values()
    assert with_first.shape == (5, *data.images.shape[1:]) and with_first.dtype == np.uint8
    edge = (slice(None), 0, 0)
    assert np.abs(with_first[edge] - first[edge]).max() < 40, "the frame is the first parent's"
    flat = with_second[edge].astype(int)
    assert np.ptp(flat, axis=1).max() <= 12, "and grey where the first parent was"
    again = with_other_things(run, data, [3])
    assert np.array_equal(again[f"'{data.classes[1]}' with another thing"][0], with_second[3])


def test_other_things_come_with_what_the_judge_sees(run, data, grey):
    images, evidence = other_things(run, data, Known())
    assert images.shape[0] == len(evidence) == 100 and evidence.shape[1] == 2
    assert np.allclose(evidence[:, 0], images[:, 0, 0, 0] / 255)


def test_a_rule_that_knows_all_finds_every_seed_that_can_be_found():
    # 3 tries for 4 seeds: seed 0 is always both, seed 1 in the last try, seeds 2 and 3 never
    both = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]], float)
    evidence = np.stack([np.where(both, 0.99, 0.2), np.full((3, 4), 0.95)], 2).reshape(12, 2)
    found = rule_against_judge(evidence, both, (0, 1))
    assert found["all"] == pytest.approx(4 / 12) and found["any"] == 0.5 and found["chosen"] == 0.5
    assert found["agreement"] == pytest.approx(1)
    against = rule_against_judge(evidence, -both, (0, 1))
    assert against["chosen"] == 0.25 and against["agreement"] == pytest.approx(-1)


def test_only_methods_with_tries_are_compared(data):
    stored = {"tried_one": data.images[:6], "worth_one": np.random.default_rng(0).random((2, 3))}
    table = choosers(Known(), stored, {"one": "first title", "two": "second title"})
    assert table.index.tolist() == ["first title"] and table.index.name == "tries of"

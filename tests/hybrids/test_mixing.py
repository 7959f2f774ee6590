"""Two classes at once: weights, layouts, the rule, and seeds."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from clockodile.hybrids.mixing import (
    COMPOSING,
    GUIDANCE_SCALE,
    GUIDANCE_SCALE_ALONE,
    HybridSampler,
    best_of_n,
    candidate_seeds,
    class_weights,
    default_guidance_scale,
    flow_candidate,
    mix_once,
    mixing_weights,
    selection_score,
    spatial_masks,
)


class Greys(nn.Module):
    """Class 0 is black, class 1 white, other things are grey: straight ways there, a little noise is left."""

    anything = 3

    def forward(self, x, time, labels, warp=None):
        target = torch.tensor([-0.4, 0.4, 0.0, 0.0])[labels].view(-1, 1, 1, 1)
        return (target - 0.7 * x) / (1 - 0.7 * time.view(-1, 1, 1, 1))


class Bright(nn.Module):
    """Finds class 1 in bright pictures and class 0 in dark ones."""

    def evidence(self, images):
        light = images.mean((1, 2, 3))
        return torch.stack([0.5 - light, light - 0.5], 1)


class Striped(nn.Module):
    """Finds class 1 in pictures that change from left to right and class 0 in others."""

    def evidence(self, images):
        steps = images.diff(dim=3).abs().mean((1, 2, 3))
        return torch.stack([1 - steps, steps], 1)


@pytest.fixture
def sampler():
    return HybridSampler(Greys(), Bright(), Striped(), ("dark", "light"), (0, 1), 8)


def test_the_ends_of_the_mix_want_one_class_only(sampler):
    assert set(class_weights(sampler, 0)) == {0} and set(class_weights(sampler, 1)) == {1}
    assert set(class_weights(sampler, 0.3)) == {0, 1}
    dark, light = (mix_once(sampler, range(4), mix=end).mean() for end in (0, 1))
    assert dark < mix_once(sampler, range(4)).mean() < light


def test_two_classes_are_asked_for_more_strongly_than_one(sampler):
    assert [default_guidance_scale(mix) for mix in (0, 0.5, 1)] == [
        GUIDANCE_SCALE_ALONE,
        GUIDANCE_SCALE,
        GUIDANCE_SCALE_ALONE,
    ]
    assert (
        GUIDANCE_SCALE_ALONE < default_guidance_scale(0.25) == default_guidance_scale(0.75) < GUIDANCE_SCALE
    )
    for mix in (0.0, 0.3, 0.5):
        usual, asked = (
            mix_once(sampler, [1], mix=mix),
            mix_once(sampler, [1], mix=mix, guidance=default_guidance_scale(mix)),
        )
        assert torch.equal(usual, asked)
        assert not torch.equal(usual, mix_once(sampler, [1], mix=mix, guidance=1.0))


def test_swapping_the_classes_turns_the_mix_round(sampler):
    turned = replace(sampler, pair=(1, 0))
    assert torch.allclose(mix_once(sampler, [1, 2], mix=0.3), mix_once(turned, [1, 2], mix=0.7), atol=1e-3)


@pytest.mark.parametrize("options", [{"mix": 0.2}, {"mix": 0.7}, {"class_offset": 0.9}])
def test_who_follows_the_guides_gets_more_of_what_they_see(sampler, options):
    def score_with(classifier_guidance):
        pictures = mix_once(
            sampler, range(8), guidance=1.0, classifier_guidance=classifier_guidance, **options
        )
        return selection_score(sampler.guidance_classifier.evidence(pictures), options.get("mix", 0.5))

    assert (score_with(0.1) > score_with(0)).all()


def test_where_only_one_class_is_wanted_nobody_is_followed(sampler):
    for end in (0, 1):
        assert torch.equal(
            mix_once(sampler, [1], mix=end, classifier_guidance=0.5), mix_once(sampler, [1], mix=end)
        )


def test_who_follows_depends_on_its_seed_alone(sampler):
    many = mix_once(sampler, range(3), classifier_guidance=0.5)
    assert torch.equal(many[2:], mix_once(sampler, [2], classifier_guidance=0.5))


def test_layouts_divide_the_picture(sampler):
    for name, first in spatial_masks(16).items():
        assert first.shape == (16, 16) and 0 <= first.min() and first.max() <= 1
        a, b = class_weights(sampler, 0.5, spatial_mask=name).values()
        assert torch.allclose((a + b).mean(), torch.tensor(4.0 * 1.25), atol=0.01)
    picture = mix_once(sampler, range(16), spatial_mask="above").mean((0, 1))
    assert picture[:3].mean() < picture[-3:].mean(), "the dark class is above"


def best(sampler, seeds, n_candidates, **options):
    return best_of_n(
        partial(flow_candidate, sampler, **options),
        sampler.selector,
        sampler.pair,
        seeds,
        n_candidates=n_candidates,
    )


@pytest.mark.parametrize("classifier_guidance", [0.0, 0.2])
def test_the_candidate_with_the_most_of_the_lesser_is_selected(sampler, classifier_guidance):
    found = best(sampler, range(6), 7, classifier_guidance=classifier_guidance)
    for number in (1, len(COMPOSING)):
        noise = [1000 * seed + number for seed in range(6)]
        composing = COMPOSING[number % len(COMPOSING)]
        assert torch.equal(
            found.candidates[number],
            mix_once(sampler, noise, classifier_guidance=classifier_guidance, **composing),
        )
    assert found.images.shape == (6, 3, 8, 8) and found.candidates.shape == (7, 6, 3, 8, 8)
    assert np.array_equal(found.number, found.scores.argmax(0))
    for seed, number in enumerate(found.number):
        assert torch.equal(found.images[seed], found.candidates[number, seed])
    again = selection_score(sampler.selector.evidence(found.candidates[2])[:, list(sampler.pair)], 0.5)
    assert torch.allclose(found.scores[2], again, atol=1e-4)


def test_candidates_of_any_origin_can_be_searched(sampler):
    asked = []

    def draw(seeds, *, mix, candidate):
        asked.append((list(seeds), mix, candidate))
        return torch.full((len(seeds), 3, 8, 8), candidate / 10)

    found = best_of_n(draw, sampler.selector, sampler.pair, [4, 7], mix=0.4, n_candidates=3)
    assert asked == [([4, 7], 0.4, number) for number in range(3)]
    assert torch.allclose(found.images[:, 0, 0, 0], torch.from_numpy(found.number / 10).float())


def test_no_two_candidates_share_their_noise():
    seeds = [seed for number in range(3) for seed in candidate_seeds(range(4), number)]
    assert len(set(seeds)) == 12


def test_pure_classes_are_chosen_by_their_own_evidence():
    evidence = torch.tensor([[0.1, 0.9], [0.5, 0.2]])
    assert selection_score(evidence, 0).argmax() == 1 and selection_score(evidence, 1).argmax() == 0
    assert selection_score(evidence, 0.5).argmax() == 1


def test_a_picture_depends_on_its_seed_alone(sampler):
    many, one = best(sampler, range(5), 3), best(sampler, [3], 3)
    assert torch.equal(many.images[3], one.images[0]) and many.number[3] == one.number[0]


def test_a_line_leads_from_one_class_to_the_other(sampler):
    lines = torch.stack([flow_candidate(sampler, range(4), mix=mix) for mix in (0, 0.25, 0.5, 0.75, 1)])
    assert lines.shape == (5, 4, 3, 8, 8)
    assert (np.diff(lines.mean((1, 2, 3, 4)).numpy()) > 0).all()


def test_layout_and_lean_fade_towards_the_ends(sampler):
    how = {"spatial_mask": "above", "class_offset": 0.2}
    assert mixing_weights(0.5) == (1, 1) and mixing_weights(0) == (1, 0) and mixing_weights(0.75) == (0.5, 1)
    for mix, label in ((0, 0), (1, 1)):
        (alone,) = class_weights(sampler, mix, **how).items()
        assert alone[0] == label and torch.allclose(
            alone[1], torch.tensor(GUIDANCE_SCALE_ALONE).expand(1, 1, 8, 8)
        )
    ranges = []
    for mix in (0.1, 0.3, 0.5):
        first = class_weights(sampler, mix, **how)[0]
        ranges.append(float(first.max() - first.min()))
    assert 0 < ranges[0] < ranges[1] < ranges[2]


def test_what_is_wanted_less_lacks_less():
    evidence = torch.tensor([[0.8, 0.3], [0.4, 0.6]])
    assert selection_score(evidence, 0.5).argmax() == 1, "the lesser one"
    assert torch.allclose(selection_score(evidence, 0.2), torch.tensor([0.8, 0.4])), (
        "of the second only 0.4 is wanted"
    )
    assert torch.equal(selection_score(evidence, 0), evidence[:, 0]) and torch.equal(
        selection_score(evidence, 1), evidence[:, 1]
    )
    assert selection_score(torch.empty(3, 2, device="meta"), 0.5).device.type == "meta", (
        "wherever the evidence is"
    )

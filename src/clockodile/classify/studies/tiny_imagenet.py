"""All 200 classes of Tiny ImageNet: frozen networks, enlarging, boxes, attacked copies, two losses, where one looks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import display
from matplotlib.patches import Rectangle
from PIL import Image
from timm.data import ImageNetInfo

from clockodile.classify.candidates import backbone_features, timed_rows
from clockodile.classify.page02 import show_figure
from clockodile.classify.studies import say
from clockodile.core import results, store
from clockodile.core.stats import wilson_interval
from clockodile.core.timing import timed
from clockodile.core.workspace import Run, cache_dir
from clockodile.data.collection import TEST, TRAIN
from clockodile.data.dataset import as_tensor
from clockodile.data.tiny_imagenet import SIDE, TinyImageNet, load_tiny_imagenet
from clockodile.learn.backbones import extract_features, load_backbone, load_with_last_layer
from clockodile.learn.linear_probe import ProbedBackbone, fine_tune, fit_probe, fit_probe_from
from clockodile.learn.training import predict
from clockodile.show import plots
from clockodile.show.pictures import shorten

log = logging.getLogger(__name__)

Look = tuple[str, int]  # a network of learn.backbones, and the pixels a side that photographs are enlarged to
SMALL, LARGE = "efficientnet_lite0", "efficientnet_lite2"
BLOCK = 1000  # photographs whose features make one file
STRENGTHS = (30.0, 100.0, 300.0, 1000.0)  # of the pull back to the network's own layer, see fit_probe_from
USUAL = 300.0  # where choosing one is not worth the time
QUARTERS = 4
STEP = 2 / 255  # largest change of a value in the attacked copies
SEEN = (
    "The networks below have learned from ImageNet, of which Tiny ImageNet is a part, made small. They have seen these "
    "very photographs, some of the test photographs perhaps among them, in full size and with their labels. So the "
    "figures flatter: they say what is left of that knowledge at 64 pixels."
)


@dataclass(frozen=True)
class TinyPlan:
    """How much a profile computes; the second look is used where a quick one will do."""

    per_class: int  # training images of each class
    sides: tuple[int, ...]  # pixels a side at which networks give their own answers
    looks: tuple[Look, ...]  # that a probe is fitted on
    halves: int  # random halves of the training images on which differences are measured
    attacked: int  # training images of each class that get an attacked copy
    asked: int  # test images that are attacked, and whose saliency is compared with their boxes
    tuned: int  # images of each of ten classes on which a network is trained on


QUICK = TinyPlan(20, (64, 128), ((SMALL, 64), (SMALL, 128)), 3, 4, 400, 20)
FULL = TinyPlan(100, (64, 128, 192, 224), ((SMALL, 64), (SMALL, 128), (LARGE, 192)), 5, 20, 2000, 100)
SCALED = ("per_class", "attacked", "asked", "tuned")  # numbers of images, fewer with less effort


@dataclass(frozen=True)
class TinyStudy:
    """What is studied. Training images: the first of every class, then the second of every class, and so on."""

    run: Run
    plan: TinyPlan
    train: TinyImageNet
    test: TinyImageNet

    @property
    def labels(self) -> torch.Tensor:
        """int64 (N,) of the training images."""
        return torch.from_numpy(self.train.labels)

    @property
    def quarter(self) -> torch.Tensor:
        """int64 (N,) 0 to 3: the training images in four parts, each with a quarter of every class."""
        return torch.from_numpy(place_in_class(self.train.labels) % QUARTERS)

    @cached_property
    def digest(self) -> str:
        """Names the images, all 270 MB of them: worked out once for all parts."""
        return hashlib.sha256(self.train.images.tobytes() + self.test.images.tobytes()).hexdigest()[:16]

    def halves(self) -> Iterator[torch.Tensor]:
        """Random halves of the training images, the same share of each class: row numbers."""
        for number in range(self.plan.halves):
            order = np.random.default_rng((self.run.seed, number)).permutation(len(self.train.labels))
            place = place_in_class(self.train.labels[order])
            yield torch.from_numpy(order[place < (place.max() + 1) // 2])

    def kept(self, part: str, make: Callable[[TinyStudy], dict]) -> dict:
        """What `make(self)` returns, a JSON object, made once for these images and this plan."""
        config = {"images": self.digest, "plan": asdict(self.plan), "seed": self.run.seed}

        def made() -> dict:
            print(f"now: {part}")
            return make(self)

        return store.cached(self.run.dir, f"tiny_imagenet/{part}.json", config, made, depends=(make,))


def study_of(run: Run) -> TinyStudy:
    """The photographs and the plan for a run; less effort means fewer images."""
    plan = FULL if run.profile.slow_candidates else QUICK
    few = {name: max(4, min(getattr(plan, name), run.profile.scaled(getattr(plan, name)))) for name in SCALED}
    plan, whole = TinyPlan(**{**vars(plan), **few}), load_tiny_imagenet(run.data_dir)
    return TinyStudy(
        run, plan, *(round_robin(whole, *part) for part in ((TRAIN, plan.per_class), (TEST, 50)))
    )


def place_in_class(labels: np.ndarray) -> np.ndarray:
    """int (N,) how many images of the same class come before each."""
    return pd.Series(labels).groupby(labels).cumcount().to_numpy()


def round_robin(data: TinyImageNet, split: str, per_class: int) -> TinyImageNet:
    """The first images of every class, then the second of every class, and so on: fewer are a beginning of more."""
    rows = np.flatnonzero(data.split == split)
    place = place_in_class(data.labels[rows])
    order = np.lexsort((data.labels[rows], place))
    return data.rows(rows[order[place[order] < per_class]])


# --- features and probes ------------------------------------------------------------------------------------


def features_file(images: np.ndarray, name: str, side: int) -> dict[str, np.ndarray]:
    """What candidates.backbone_features says, as schemas.SCHEMAS["features/"] wants it."""
    found = timed_rows(partial(backbone_features, name=name, side=side), images)
    return found | {"rows": found["rows"].astype(np.float16)}


def features(images: np.ndarray, look: Look) -> torch.Tensor:
    """Features (N, D) of uint8 images (N, S, S, 3) by a frozen network, the mean of each and its mirror image.

    They are kept in the cache folder for other runs, a block at a time.
    """
    name, side = look
    parts = []
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]
        config = {"network": name, "side": side, "images": hashlib.sha256(block.tobytes()).hexdigest()[:16]}
        make = partial(features_file, block, name, side)
        found = store.cached(cache_dir(), f"features/{name}-{side}-{config['images']}.npz", config, make)
        log.info("%s at %d pixels: %d of %d images", name, side, start + len(block), len(images))
        parts.append(torch.from_numpy(found["rows"]).float())
    return torch.cat(parts)


def own_layer(name: str, wnids: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """The rows of a network's last layer that belong to these of ImageNet's 1,000 classes: weight (C, D), bias (C,)."""
    last, order = load_with_last_layer(name)[1], ImageNetInfo("imagenet-1k").label_names()
    rows = [order.index(wnid) for wnid in wnids]
    return {"weight": last.weight.detach()[rows], "bias": last.bias.detach()[rows]}


def top_shares(logits: torch.Tensor, labels: np.ndarray) -> dict[str, float]:
    """Shares of images whose class is the first of the answers ("top1"), and among the first five ("top5")."""
    named = logits.topk(min(5, logits.shape[1]), 1).indices.numpy() == np.asarray(labels)[:, None]
    return {"top1": float(named[:, 0].mean()), "top5": float(named.any(1).mean())}


def best_strength(rows: torch.Tensor, labels: torch.Tensor, apart: torch.Tensor, fit: Callable) -> float:
    """The strength with the best top-1 on rows that are kept apart; apart: bool (N,)."""
    found = {s: fit(rows[~apart], labels[~apart], strength=s)(rows[apart]) for s in STRENGTHS}
    return max(found, key=lambda strength: top_shares(found[strength], labels[apart])["top1"])


# --- the parts: each returns a JSON object ------------------------------------------------------------------


def own_answers(study: TinyStudy) -> dict:
    """What the networks say without having learned anything from these images, for each number of pixels."""
    looks = [
        (name, side)
        for name in dict.fromkeys(name for name, _ in study.plan.looks)
        for side in study.plan.sides
    ]
    rows = []
    for look in looks:
        logits = F.linear(features(study.test.images, look), **own_layer(look[0], study.train.wnids))
        rows.append({"look": look, **top_shares(logits, study.test.labels)})
    return {"rows": rows}


def probes(study: TinyStudy) -> dict:
    """A probe for every look; the best look, or the two best averaged, whichever is better on images kept apart.

    "answers" are out of fold: each quarter of the training images is judged by probes fitted without it.
    """
    labels, quarter, rows, apart, tests = study.labels, study.quarter, [], [], []
    for look in study.plan.looks:
        known, asked = (features(part.images, look) for part in (study.train, study.test))
        fit = partial(fit_probe_from, **own_layer(look[0], study.train.wnids))
        strength = best_strength(known, labels, quarter == 0, fit)
        logits = torch.zeros(len(labels), len(study.train.classes))
        for here in (quarter == number for number in range(QUARTERS)):
            logits[here] = fit(known[~here], labels[~here], strength=strength)(known[here])
        apart.append(logits.log_softmax(1))
        tests.append(fit(known, labels, strength=strength)(asked).log_softmax(1))
        own = {"look": look, "strength": strength, "apart": top_shares(apart[-1], labels)["top1"]}
        rows.append({**own, **top_shares(tests[-1], study.test.labels)})
    order = sorted(range(len(rows)), key=lambda row: -rows[row]["apart"])
    chosen = max(
        (order[:1], order[:2]), key=lambda ways: top_shares(sum(apart[way] for way in ways), labels)["top1"]
    )
    return {
        "rows": rows,
        "chosen": [rows[way]["look"] for way in chosen],
        "test": top_shares(sum(tests[way] for way in chosen), study.test.labels),
        "answers": sum(apart[way] for way in chosen).argmax(1).tolist(),
    }


def cropped(images: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Each image cut out by its box, padded to a square with its mean colour and enlarged; whole without a box."""
    cut = []
    for image, (left, upper, right, lower) in zip(images, boxes, strict=True):
        part = Image.fromarray(image[max(upper, 0) : lower + 1, max(left, 0) : right + 1])
        if left < 0 or min(part.size) < 4:
            cut.append(image)
            continue
        side = max(part.size)
        square = Image.new("RGB", (side, side), tuple(int(value) for value in image.mean((0, 1))))
        square.paste(part, ((side - part.width) // 2, (side - part.height) // 2))
        cut.append(np.array(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC)))
    return np.stack(cut)


def variants(study: TinyStudy) -> dict:
    """Test scores of three ways to fit a probe, for each random half of the training images."""
    look, labels = study.plan.looks[1], study.labels
    known, asked = (features(part.images, look) for part in (study.train, study.test))
    copies = features(cropped(study.train.images, study.train.boxes), look)
    layer, scores = own_layer(look[0], study.train.wnids), {}
    for name in ("softmax", "with cropped copies", "sigmoids"):
        fit = partial(fit_probe_from, **layer, one_vs_rest=name == "sigmoids")
        strength, scores[name] = best_strength(known, labels, study.quarter == 0, fit), []
        for half in study.halves():
            parts = [known[half], copies[half]] if name == "with cropped copies" else [known[half]]
            truth = labels[half].repeat(len(parts))  # of twice as many rows the loss is twice as large
            probe = fit(torch.cat(parts), truth, strength=strength * len(parts))
            scores[name].append(top_shares(probe(asked), study.test.labels))
    return {"look": look, "scores": scores}


def fgsm(
    net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, *, batch: int = 64
) -> torch.Tensor:
    """Images (N, 3, S, S) in [0, 1] with every value moved by STEP so that the loss grows (Goodfellow, 2015)."""
    moved = []
    for part, truth in zip(images.split(batch), labels.split(batch), strict=True):
        asked = part.clone().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(net(asked), truth, reduction="sum"), asked)
        moved.append((part + STEP * slope.sign()).clamp(0, 1))
    return torch.cat(moved)


def attacks(study: TinyStudy) -> dict:
    """A probe trained without and one with attacked copies: on clean and on attacked test images."""
    few = place_in_class(study.train.labels) < study.plan.attacked
    images, labels = as_tensor(study.train.images[few]), study.labels[few]
    tests, truth = as_tensor(study.test.images[: study.plan.asked]), study.test.labels[: study.plan.asked]
    backbone = load_backbone(SMALL, side=study.plan.looks[0][1]).freeze().requires_grad_(False)
    known, fit = (
        extract_features(backbone, images),
        partial(fit_probe_from, **own_layer(SMALL, study.train.wnids)),
    )
    plain = ProbedBackbone(backbone, fit(known, labels, strength=USUAL)).eval()
    speed = []
    for batch in (1, 64):
        _, seconds = timed(fgsm, plain, images[:64], labels[:64], batch=batch)
        speed.append(len(images[:64]) / seconds)
    both = torch.cat([known, extract_features(backbone, fgsm(plain, images, labels))])
    nets = {
        "without": plain,
        "with": ProbedBackbone(backbone, fit(both, labels.repeat(2), strength=2 * USUAL)).eval(),
    }
    scores = {}
    for name, net in nets.items():
        pictures = {"clean": tests, "attacked": fgsm(net, tests, torch.from_numpy(truth))}
        scores[name] = {
            what: top_shares(predict(net, seen), truth)["top1"] for what, seen in pictures.items()
        }
    return {
        "scores": scores,
        "images": len(images),
        "tests": len(tests),
        "side": backbone.side,
        "speed": speed,
    }


def tuning(study: TinyStudy) -> dict:
    """Ten classes: a network as it is with logistic regression, and all of it trained on; on images kept apart."""
    names = [name for name in study.run.recipe.classes if name in study.train.classes] or study.train.classes
    chosen = np.sort([study.train.classes.index(name) for name in names[:10]])
    place = place_in_class(study.train.labels)
    here = np.isin(study.train.labels, chosen) & (place < study.plan.tuned)
    images, labels = (
        study.train.images[here],
        torch.from_numpy(np.searchsorted(chosen, study.train.labels[here])),
    )
    learned, look = torch.from_numpy(place[here] % 2 == 0), (SMALL, 96)
    rows, pictures = features(images, look), as_tensor(images)
    probe = fit_probe(rows[learned], labels[learned], classes=len(chosen))
    given = {
        "classes": len(chosen),
        "seed": study.run.seed,
        "epochs": study.run.profile.scaled(6),
        "side": look[1],
    }
    net, _ = fine_tune(partial(load_backbone, SMALL), pictures[learned], labels[learned], **given)
    said = {"frozen": probe(rows[~learned]), "fine-tuned": predict(net, pictures[~learned], mirrored=True)}
    right = {name: (logits.argmax(1) == labels[~learned]).tolist() for name, logits in said.items()}
    return {"right": right, "learned": int(learned.sum()), "look": look, **given}


def saliency(study: TinyStudy) -> dict:
    """Column and row (M, 2) where two maps of what speaks for the named class have their maximum, for test images.

    "slope": the largest slope of its logit at each pixel, smoothed. "activation map": what each place of the last
    layer adds to that logit (Zhou et al., 2016), enlarged.
    """
    name, side = study.plan.looks[1]
    known, layer = features(study.train.images, (name, side)), own_layer(name, study.train.wnids)
    probe = fit_probe_from(known, study.labels, **layer, strength=USUAL)
    backbone = load_backbone(name, side=side).freeze().requires_grad_(False)
    rows = np.flatnonzero((study.test.boxes >= 0).all(1))[: study.plan.asked]
    found = {"slope": [], "activation map": [], "named": []}
    for images in as_tensor(study.test.images[rows]).split(32):
        asked = images.clone().requires_grad_()
        maps = backbone.body.forward_features(backbone.prepare(asked))
        logits = probe(maps.mean((2, 3)))
        named = logits.argmax(1)
        (slope,) = torch.autograd.grad(logits.gather(1, named[:, None]).sum(), asked)
        slope = F.avg_pool2d(F.pad(slope.abs().amax(1, keepdim=True), (4,) * 4, mode="reflect"), 9, stride=1)
        added = torch.einsum("nd,ndhw->nhw", (probe.weight / probe.std)[named], maps.detach())[:, None]
        added = F.interpolate(added, (SIDE, SIDE), mode="bicubic", align_corners=False)
        for kind, values in (("slope", slope), ("activation map", added)):
            found[kind] += [divmod(int(place), SIDE)[::-1] for place in values.flatten(1).argmax(1)]
        found["named"] += named.tolist()
    return {"rows": rows.tolist(), **found}


# --- shown --------------------------------------------------------------------------------------------------


def percent(share: float, count: int = 0) -> str:
    """0.6 as "60.0 %"; of `count` images, with its 95 % interval."""
    low, high = wilson_interval(share, count)
    return f"{100 * share:.1f} %" + (f" (95 % interval {100 * low:.1f} to {100 * high:.1f})" if count else "")


def title_of(look: Look) -> str:
    """A look in words."""
    return f"EfficientNet-Lite{look[0][-1]} at {look[1]} pixels"


def show_enlarging(study: TinyStudy) -> list[dict]:
    """Own answers and probes for every number of pixels."""
    own, fitted = study.kept("own_answers", own_answers), study.kept("probes", probes)
    classes, count = len(study.train.classes), len(study.test.labels)
    say(
        "### Does enlarging help?\n\nEnlarged, a picture of 64 pixels holds nothing new; but its parts get the size",
        "that the filters of a network know. *Own answers* are those of its own last layer, of whose 1,000 classes",
        f"we keep these {classes}: nothing is learned here. A *probe* is a logistic regression on the network's",
        "features that begins at that layer and is pulled back to it; how strongly was chosen on a quarter of the",
        "training images. All features are means of an image's and its mirror image's. Top-5: the right class is",
        f"among five answers. Guessing gets {percent(1 / classes)} and {percent(min(1, 5 / classes))}.",
    )
    tables = [
        pd.DataFrame(
            {
                (row["look"][0], row["look"][1]): {f"{what} top-{n}, %": 100 * row[f"top{n}"] for n in (1, 5)}
                for row in rows
            }
        ).T
        for what, rows in (("own", own["rows"]), ("probe", fitted["rows"]))
    ]
    table = (
        pd.concat(tables, axis=1)
        .rename_axis(["network", "pixels"])
        .rename(index=lambda name: str(name).replace("efficientnet_lite", "EfficientNet-Lite"))
    )
    display(table.round(1).astype(object).fillna("–"))
    first, best = own["rows"][0], max(own["rows"], key=lambda row: row["top1"])
    test, names = fitted["test"], " and ".join(title_of(look) for look in fitted["chosen"])
    say(
        f"Own answers: {title_of(first['look'])} is right on {percent(first['top1'])}, the best is",
        f"{title_of(best['look'])} with {percent(best['top1'])}. Of the probes, {names}",
        f"{'averaged ' if len(fitted['chosen']) > 1 else ''}did best on training images kept apart. On the {count:,}",
        f"test images: **top-1 {percent(test['top1'], count)}, top-5 {percent(test['top5'], count)}**. Report 003",
        "has 60.05 and 84.16 % for an InceptionV3 that was trained on all of its training images, 500 of a class,",
        "and measured on other images than these.",
    )
    note = f"probe on {names}, {len(study.labels):,} training images"
    rows = {f"{classes} classes, top-{n}": test[f"top{n}"] for n in (1, 5)}
    return [results.metric(name, share, unit="%", note=note) for name, share in rows.items()]


def show_confusions(study: TinyStudy) -> list[dict]:
    """The best and the worst classes, and the pairs that are taken for each other most, with pictures."""
    names, labels = np.array(study.train.classes), study.train.labels
    said = np.array(study.kept("probes", probes)["answers"])
    right = pd.Series(said == labels).groupby(names[labels]).mean().sort_values(kind="stable")
    say(
        "### Which classes are easy, and which are taken for each other?\n\nJudged are the training images,",
        f"{np.bincount(labels).max()} of a class, each by a probe that was fitted without its quarter.",
    )
    figure, axes = plots.new_figure(1, 2, height=3.3)
    for ax, part, title in ((axes[0], right.tail(10), "best"), (axes[1], right.head(10)[::-1], "worst")):
        ax.barh(part.index, 100 * part, color=plots.BLUE)
        ax.set(xlim=(0, 100), xlabel="right, %")
        ax.set_title(f"The {len(part)} {title}")
    alt = f"Share named rightly of the ten best classes, from {right.index[-1]}, and the worst, to {right.index[0]}."
    display(show_figure(figure, "tiny_classes", study.run, "Which classes are easy?", alt))
    table = (
        pd.crosstab(labels, said, normalize="index")
        .reindex(columns=range(len(names)), fill_value=0)
        .to_numpy()
    )
    mutual = np.triu(table + table.T, k=1)
    worst = [
        np.unravel_index(place, mutual.shape) for place in np.argsort(-mutual, axis=None, kind="stable")[:6]
    ]
    shown = [(names[a], names[b], 100 * table[a, b], 100 * table[b, a]) for a, b in worst]
    heads = ["one class", "the other", "one taken for the other, %", "the other for the one, %"]
    display(pd.DataFrame(shown, columns=heads).set_index("one class").round(1))
    rows = np.concatenate(
        [np.flatnonzero((labels == a) & (said == b))[:4] for pair in worst for a, b in (pair, pair[::-1])]
    )
    if len(rows):
        words = [f"{shorten(names[labels[row]], 15)}\nas {shorten(names[said[row]], 15)}" for row in rows]
        figure = plots.tile_figure(study.train.images[rows], columns=8, captions=words)
        alt = "Images of the most confused pairs of classes; below each, its class and what it was taken for."
        display(
            show_figure(
                figure, "tiny_confused", study.run, "Which pictures are taken for the other class?", alt
            )
        )
    say(
        f"Taken for each other most often: {names[worst[0][0]]} and {names[worst[0][1]]}. Least often right:",
        f"{right.index[0]}, {percent(right.iloc[0])}; most often: {right.index[-1]}, {percent(right.iloc[-1])}.",
    )
    return []


def show_variants(study: TinyStudy) -> list[dict]:
    """Whether cropped copies in the training help with whole images, and whether sigmoids do."""
    found = study.kept("variants", variants)
    scores = found["scores"]
    say(
        "### Two changes of report 003: cropped copies, and sigmoids\n\nEach training image comes with a box around",
        "the thing. The report added copies cut out by the box and padded to a square; test images stay whole. And",
        "it changed the output from *softmax*, one answer out of all classes, to a *sigmoid* for each class, yes or",
        f"no. It saw gains from both. Here a probe ({title_of(found['look'])}) is fitted in each way on",
        f"{len(scores['softmax'])} random halves of the training images; the table has the means.",
    )
    few = study.train.rows(np.arange(min(8, len(study.labels))))
    figure = plots.tile_figure(
        np.concatenate([few.images, cropped(few.images, few.boxes)]), columns=len(few.images)
    )
    alt = "Training images, and below each the part inside its box, padded to a square and enlarged."
    display(show_figure(figure, "tiny_crops", study.run, "What is in the box?", alt))
    means = {
        name: pd.DataFrame(scores[name]).mean() for name in ("softmax", "with cropped copies", "sigmoids")
    }
    display((100 * pd.DataFrame(means).T).round(1).rename(columns={"top1": "top-1, %", "top5": "top-5, %"}))
    rows, words = [], []
    for name in ("with cropped copies", "sigmoids"):
        pairs = list(zip(scores["softmax"], scores[name], strict=True))
        for part, what in (("top1", "top-1"), ("top5", "top-5")):
            gaps = [new[part] - old[part] for old, new in pairs]
            low, high = 100 * min(gaps), 100 * max(gaps)
            verdict = (
                "a gain in every half"
                if low > 0
                else "a loss in every half"
                if high < 0
                else "no clear difference"
            )
            words.append(
                f"{name}, {what}: {100 * np.mean(gaps):+.1f} points ({low:+.1f} to {high:+.1f}), {verdict}"
            )
            rows.append(results.metric(f"{name}: change of {what}", gaps, unit="%"))
    say("Against whole images and softmax,", "; ".join(words) + ".")
    return rows


def show_saliency(study: TinyStudy) -> list[dict]:
    """Whether the maximum of a map lies in the box."""
    found = study.kept("saliency", saliency)
    rows = np.array(found["rows"])
    left, upper, right, lower = (study.test.boxes[rows] + [0, 0, 1, 1]).T  # the ends now lie outside
    correct = np.array(found["named"]) == study.test.labels[rows]
    points = {name: np.array(found[name]).T for name in ("slope", "activation map")}
    points["the middle"] = np.full((2, len(rows)), SIDE // 2)
    hits = {name: (left <= x) & (x < right) & (upper <= y) & (y < lower) for name, (x, y) in points.items()}
    hits["a random point"] = (right - left) * (lower - upper) / SIDE**2
    say(
        "### Does it look at the thing?\n\nThe box can also test an explanation. A map says which pixels mattered",
        "for the named class; does its highest point lie in the box? Two maps: the *slope* of the class's logit at",
        "each pixel, smoothed (the report drew such ones), and what each place of the network's last layer *adds* to",
        "the logit (a [class activation map](https://arxiv.org/abs/1512.04150)). Most things are large, so compare",
        "with a random point, and with the middle of the picture, which needs no network.",
    )
    parts = {"in the box, %": correct | True, "when right, %": correct, "when wrong, %": ~correct}
    display(
        pd.DataFrame(
            {
                head: {name: 100 * hit[part].mean() for name, hit in hits.items()}
                for head, part in parts.items()
            }
        ).round(1)
    )
    figure, axes = plots.new_figure(1, 8, height=1.5)
    for number, ax in enumerate(axes[: len(rows)]):
        ax.imshow(study.test.images[rows[number]], interpolation="nearest")
        size = right[number] - left[number] - 1, lower[number] - upper[number] - 1
        ax.add_patch(
            Rectangle((left[number], upper[number]), *size, fill=False, edgecolor="white", linewidth=1.5)
        )
        for name, colour in (("slope", plots.VERMILION), ("activation map", plots.LINE_COLOURS[5])):
            ax.plot(*points[name][:, number], "o", color=colour, markeredgecolor="white", label=name)
        ax.set_axis_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    alt = "Eight test images with the box around the thing and two dots, the highest points of two maps."
    display(show_figure(figure, "tiny_saliency", study.run, "Does it look at the thing?", alt))
    share = {name: float(np.mean(hit)) for name, hit in hits.items()}
    best = max(("slope", "activation map"), key=share.get)
    verdict = "more than" if share[best] > share["the middle"] else "no more than"
    say(
        f"The better map, the {best}, points into the box in {percent(share[best], len(rows))} of {len(rows):,}",
        f"images; a random point does in {percent(share['a random point'])}, the middle in",
        f"{percent(share['the middle'])}. Of where the thing is, it tells {verdict} the words 'in the middle'.",
    )
    return [results.metric(f"highest point in the box: {name}", share[name], unit="%") for name in share]


def show_hardening(study: TinyStudy) -> list[dict]:
    """Attacked copies in training: on clean and on attacked test images."""
    found = study.kept("attacks", attacks)
    scores, (single, many) = found["scores"], found["speed"]
    say(
        "### Do attacked copies in training help?\n\nFGSM moves every value of a picture by the same small step,",
        "here two of 255, each in the direction that makes the loss grow. The report added such copies to its",
        f"training images. Here a probe on EfficientNet-Lite0 at {found['side']} pixels learns from",
        f"{found['images']:,} images, without and with an attacked copy of each, and is asked about",
        f"{found['tests']:,} test images, clean and attacked through itself. One at a time {single:.0f} copies a",
        f"second were made, 64 at a time {many:.0f}.",
    )
    display(
        (100 * pd.DataFrame(scores).T)
        .round(1)
        .rename(index=lambda name: f"{name} attacked copies")
        .add_suffix(", %")
    )
    gap = {what: 100 * (scores["with"][what] - scores["without"][what]) for what in ("clean", "attacked")}
    say(
        f"The copies change the top-1 by {gap['clean']:+.1f} points on clean and by {gap['attacked']:+.1f} on",
        "attacked images. Only the last layer learned from them: the features that the attack goes through stay as",
        "they are.",
    )
    return [
        results.metric(f"{what}, {name} attacked copies", share, unit="%")
        for name, row in scores.items()
        for what, share in row.items()
    ]


def show_tuning(study: TinyStudy) -> list[dict]:
    """A frozen network against one that is trained on."""
    found = study.kept("tuning", tuning)
    right = {name: np.array(values, float) for name, values in found["right"].items()}
    gap, count = right["fine-tuned"] - right["frozen"], len(right["frozen"])
    low, high = (100 * (gap.mean() + side * 1.96 * gap.std() / np.sqrt(count)) for side in (-1, 1))
    say(
        "### Frozen, or trained on?\n\nThe report says that training the whole network is worth it.",
        f"{found['classes']} classes, {found['learned']} images, {title_of(found['look'])}, asked about {count}",
        f"other training images: frozen with logistic regression, {percent(right['frozen'].mean(), count)} are",
        f"right; after {found['epochs']} epochs of training all weights,",
        f"{percent(right['fine-tuned'].mean(), count)}. The difference is {100 * gap.mean():+.1f} points, 95 %",
        f"interval {low:+.1f} to {high:+.1f}.",
    )
    return [
        results.metric(f"{found['classes']} classes, {name}", part.mean(), unit="%")
        for name, part in right.items()
    ]


PARTS = (show_enlarging, show_confusions, show_variants, show_saliency, show_hardening, show_tuning)


def show(run: Run) -> None:
    """The study of all classes, at the end of notebook 02; its numbers join the results of that notebook."""
    study = study_of(run)
    classes, each = len(study.train.classes), np.bincount(study.train.labels).max()
    say(
        f"## All {classes} classes of Tiny ImageNet\n\nHere are all {classes} classes, as in report 003, with {each}",
        f"training images of each and {len(study.test.labels):,} test images (the data set calls them validation",
        f"images).\n\n{SEEN}",
    )
    rows = [row | {"name": f"Tiny ImageNet: {row['name']}"} for part in PARTS for row in part(study)]
    table = pd.DataFrame(rows)[["name", "mean", "n", "note"]]
    store.save(run.dir, "tiny_imagenet.csv", table, asdict(study.plan))
    results.add_metrics(run.dir, "02", rows)

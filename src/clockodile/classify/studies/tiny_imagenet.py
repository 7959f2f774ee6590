"""All 200 classes of Tiny ImageNet: frozen networks, enlarging, boxes, attacked copies, two losses, where one looks."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from IPython.display import display
from matplotlib.patches import Rectangle
from PIL import Image
from sklearn.metrics import confusion_matrix
from timm.data import ImageNetInfo

from clockodile.classify.candidates import backbone_features, timed_rows
from clockodile.classify.figures import show_figure
from clockodile.classify.studies import kept, percent, say
from clockodile.core import results, store
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

Look = tuple[str, int]  # a network of learn.backbones, and the pixels a side that photographs are enlarged to
SMALL, LARGE = "efficientnet_lite0", "efficientnet_lite2"
TUNED: Look = (SMALL, 96)  # all of whose weights are trained
BLOCK = 1000  # photographs whose features make one file
STRENGTHS = (30.0, 100.0, 300.0, 1000.0)  # of the pull back to the network's own layer, see fit_probe_from
USUAL = 300.0  # where choosing one is not worth the time
QUARTERS = 4
WAYS = ("softmax", "with cropped copies", "sigmoids")  # to fit a probe
STEP = 2 / 255  # largest change of a value in the attacked copies


@dataclass(frozen=True)
class TinyPlan:
    """How much a profile computes; the second look is used where a quick one will do."""

    per_class: int  # training images of each class; a fifth of them get an attacked copy
    tests: int  # test images of each class
    sides: tuple[int, ...]  # pixels a side at which networks give their own answers
    looks: tuple[Look, ...]  # that a probe is fitted on
    halves: int  # random halves of the training images on which differences are measured


QUICK = TinyPlan(10, 10, (64, 128), ((SMALL, 64), (SMALL, 128)), 3)
FULL = TinyPlan(100, 50, (64, 128, 192, 224), ((SMALL, 64), (SMALL, 128), (LARGE, 192)), 5)


class TinyStudy:
    """What is studied. Training images: the first of every class, then the second of every class, and so on."""

    def __init__(self, run: Run, plan: TinyPlan, train: TinyImageNet, test: TinyImageNet):
        self.run, self.plan, self.train, self.test = run, plan, train, test
        self.asked = 20 * plan.per_class  # test images that are attacked, or whose saliency is compared with boxes
        self.labels = torch.from_numpy(train.labels)
        # four parts of the training images, each with a quarter of every class
        self.quarter = torch.from_numpy(place_in_class(train.labels) % QUARTERS)
        self.digest = hashlib.sha256(train.images.tobytes() + test.images.tobytes()).hexdigest()[:16]

    def found(self, make: Callable[["TinyStudy"], dict]) -> dict:
        """What `make(self)` returns, a JSON object, made once for these images and this plan."""
        return kept(self.run, {"images": self.digest, "plan": asdict(self.plan)}, make, self)

    def half(self, number: int) -> torch.Tensor:
        """A random half of the training images, the same share of each class: row numbers."""
        order = np.random.default_rng((self.run.seed, number)).permutation(len(self.labels))
        place = place_in_class(self.train.labels[order])
        return torch.from_numpy(order[place < (place.max() + 1) // 2])


def study_of(run: Run) -> TinyStudy:
    """The photographs and the plan for a run; less effort means fewer images."""
    plan = FULL if run.profile.slow_candidates else QUICK
    plan = replace(plan, per_class=max(4, min(plan.per_class, run.profile.scaled(plan.per_class))))
    whole = load_tiny_imagenet(run.data_dir)
    return TinyStudy(run, plan, round_robin(whole, TRAIN, plan.per_class), round_robin(whole, TEST, plan.tests))


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


def features(images: np.ndarray, look: Look) -> torch.Tensor:
    """Features (N, D) of uint8 images (N, S, S, 3) by a frozen network, the mean of each and its mirror image.

    They are kept in the cache folder for other runs, a block at a time, in half precision.
    """
    name, side = look
    parts = []
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK]

        def make(block: np.ndarray = block) -> dict[str, np.ndarray]:
            found = timed_rows(partial(backbone_features, name=name, side=side), block)
            return found | {"rows": found["rows"].astype(np.float16)}

        config = {"network": name, "side": side, "images": hashlib.sha256(block.tobytes()).hexdigest()[:16]}
        found = store.cached(cache_dir(), f"features/{name}-{side}-{config['images']}.npz", config, make)
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


# --- the parts: what is computed, a JSON object, and how it is shown -----------------------------------------


def title_of(look: Look) -> str:
    """A look in words."""
    return f"EfficientNet-Lite{look[0][-1]} at {look[1]} pixels"


def probes(study: TinyStudy) -> dict:
    """What networks say without having learned anything from these images, and a probe for every look.

    "test": shares of the best look, or of the two best averaged, whichever is better on images kept apart.
    "answers" are out of fold: each quarter of the training images is judged by probes fitted without it.
    """
    labels, quarter, rows, fitted = study.labels, study.quarter, [], []
    for name in dict.fromkeys(name for name, _ in study.plan.looks):
        layer = own_layer(name, study.train.wnids)
        for look in ((name, side) for side in study.plan.sides):
            asked = features(study.test.images, look)
            rows.append({"look": look, "own": top_shares(F.linear(asked, **layer), study.test.labels)})
            if look not in study.plan.looks:
                continue
            known, fit = features(study.train.images, look), partial(fit_probe_from, **layer)
            strength = best_strength(known, labels, quarter == 0, fit)
            apart = torch.zeros(len(labels), len(study.train.classes))
            for here in (quarter == number for number in range(QUARTERS)):
                apart[here] = fit(known[~here], labels[~here], strength=strength)(known[here])
            tests = fit(known, labels, strength=strength)(asked)
            rows[-1]["probe"] = top_shares(tests, study.test.labels)
            fitted.append((look, apart.log_softmax(1), tests.log_softmax(1)))
    fitted.sort(key=lambda one: -top_shares(one[1], labels)["top1"])
    ways = [(sum(apart for _, apart, _ in fitted[:count]), fitted[:count]) for count in (1, 2)]
    apart, chosen = max(ways, key=lambda way: top_shares(way[0], labels)["top1"])
    return {
        "rows": rows,
        "chosen": [look for look, *_ in chosen],
        "test": top_shares(sum(tests for *_, tests in chosen), study.test.labels),
        "answers": apart.argmax(1).tolist(),
    }


def show_enlarging(study: TinyStudy) -> list[dict]:
    """Own answers and probes for every number of pixels."""
    found, classes, count = study.found(probes), len(study.train.classes), len(study.test.labels)
    say(
        "### Does enlarging help?\n\nEnlarged, a picture holds nothing new; but its parts get the size that a",
        f"network's filters know. *Own*: answers of its last layer, of whose 1,000 classes we keep these {classes}.",
        "*Probe*: a logistic regression on its features that begins at that layer and is pulled back to it. Top-5:",
        "the right class is among five answers. Guessing gets",
        f"{percent(1 / classes)} and {percent(min(1, 5 / classes))}.",
    )
    table = {
        title_of(row["look"]): {
            f"{what} top-{n}, %": f"{100 * row[what][f'top{n}']:.1f}" if what in row else "–"
            for what in ("own", "probe")
            for n in (1, 5)
        }
        for row in found["rows"]
    }
    display(pd.DataFrame(table).T)
    test, names = found["test"], " and ".join(map(title_of, found["chosen"]))
    say(
        f"Of the probes, {names} {'averaged ' if len(found['chosen']) > 1 else ''}did best on training images kept",
        f"apart. On the {count:,} test images: **top-1 {percent(test['top1'], count)}, top-5",
        f"{percent(test['top5'], count)}**. Report 003 has 60.05 and 84.16 % for an InceptionV3 trained on 500 images",
        "of a class, and measured on other images.",
    )
    note = f"probe on {names}, {len(study.labels):,} training images"
    rows = {f"{classes} classes, top-{n}": test[f"top{n}"] for n in (1, 5)}
    return [results.metric(name, share, unit="%", note=note) for name, share in rows.items()]


def show_confusions(study: TinyStudy) -> list[dict]:
    """The best and the worst classes, and the pairs that are taken for each other most, with pictures."""
    names, labels = np.array(study.train.classes), study.train.labels
    said = np.array(study.found(probes)["answers"])
    right = pd.Series(said == labels).groupby(names[labels]).mean().sort_values(kind="stable")
    say(
        "### Which classes are easy, and which are taken for each other?\n\nJudged are the training images,",
        f"{np.bincount(labels).max()} of a class, each by a probe that was fitted without its quarter.",
    )
    ends = {"the best": right.tail(10)[::-1], "the worst": right.head(10)}
    words = {name: [f"{one} {percent(share)}" for one, share in part.items()] for name, part in ends.items()}
    display(pd.DataFrame(words))
    table = confusion_matrix(labels, said, labels=range(len(names)), normalize="true")
    mutual = np.triu(table + table.T, k=1)
    worst = [divmod(int(place), len(names)) for place in np.argsort(-mutual, axis=None, kind="stable")[:6]]
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
        title = "Which pictures are taken for the other class?"
        display(show_figure(figure, "tiny_confused", study.run, title, alt))
    return []


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
    for name in WAYS:
        fit = partial(fit_probe_from, **layer, one_vs_rest=name == "sigmoids")
        strength, scores[name] = best_strength(known, labels, study.quarter == 0, fit), []
        for half in map(study.half, range(study.plan.halves)):
            parts = [known[half], copies[half]] if name == "with cropped copies" else [known[half]]
            truth = labels[half].repeat(len(parts))  # of twice as many rows the loss is twice as large
            probe = fit(torch.cat(parts), truth, strength=strength * len(parts))
            scores[name].append(top_shares(probe(asked), study.test.labels))
    return scores


def show_variants(study: TinyStudy) -> list[dict]:
    """Whether cropped copies in the training help with whole images, and whether sigmoids do."""
    found = study.found(variants)
    scores = {name: 100 * pd.DataFrame(found[name]) for name in WAYS}
    say(
        "### Two changes of report 003: cropped copies, and sigmoids\n\nThe report gained from copies of the training",
        "images cut out by the box around the thing and padded to a square, and from a *sigmoid* for each class, yes",
        f"or no, in place of a *softmax*. Here a probe ({title_of(study.plan.looks[1])}) is fitted in each way on",
        f"{study.plan.halves} random halves of the training images; the table has the means.",
    )
    few = study.train.rows(np.arange(min(8, len(study.labels))))
    pictures = np.concatenate([few.images, cropped(few.images, few.boxes)])
    figure = plots.tile_figure(pictures, columns=len(few.images))
    alt = "Training images, and below each the part inside its box, padded to a square and enlarged."
    display(show_figure(figure, "tiny_crops", study.run, "What is in the box?", alt))
    means = pd.DataFrame({name: table.mean() for name, table in scores.items()}).T
    display(means.round(1).rename(columns={"top1": "top-1, %", "top5": "top-5, %"}))
    rows, words = [], []
    for name, n in product(WAYS[1:], (1, 5)):
        gaps = scores[name][f"top{n}"] - scores["softmax"][f"top{n}"]
        words.append(f"{name}, top-{n}: {gaps.mean():+.1f} points ({gaps.min():+.1f} to {gaps.max():+.1f})")
        rows.append(results.metric(f"{name}: change of top-{n}", gaps / 100, unit="%"))
    say(f"Against whole images and softmax, mean and range of the halves: {'; '.join(words)}.")
    return rows


def saliency(study: TinyStudy) -> dict:
    """Column and row (M, 2) where two maps of what speaks for the named class have their maximum, for test images.

    "slope": the largest slope of its logit at each pixel, smoothed. "activation map": what each place of the last
    layer adds to that logit (Zhou et al., 2016), enlarged.
    """
    name, side = study.plan.looks[1]
    known, layer = features(study.train.images, (name, side)), own_layer(name, study.train.wnids)
    probe = fit_probe_from(known, study.labels, **layer, strength=USUAL)
    backbone = load_backbone(name, side=side).freeze().requires_grad_(False)
    rows = np.flatnonzero((study.test.boxes >= 0).all(1))[: study.asked]
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


def show_saliency(study: TinyStudy) -> list[dict]:
    """Whether the maximum of a map lies in the box."""
    found = study.found(saliency)
    rows = np.array(found["rows"])
    left, upper, right, lower = (study.test.boxes[rows] + [0, 0, 1, 1]).T  # the ends now lie outside
    correct = np.array(found["named"]) == study.test.labels[rows]
    points = {name: np.array(found[name]).T for name in ("slope", "activation map")}
    points["the middle"] = np.full((2, len(rows)), SIDE // 2)
    hits = {name: (left <= x) & (x < right) & (upper <= y) & (y < lower) for name, (x, y) in points.items()}
    hits = pd.DataFrame(hits | {"a random point": (right - left) * (lower - upper) / SIDE**2})
    say(
        "### Does it look at the thing?\n\nDoes the highest point of a map lie in the box? Two maps: the *slope* of",
        "the named class's logit at each pixel, smoothed (the report drew such ones), and what each place of the",
        "network's last layer *adds* to the logit (a [class activation map](https://arxiv.org/abs/1512.04150)). Most",
        "things are large, so compare with a random point and with the middle of the picture.",
    )
    parts = {"in the box, %": correct | True, "when right, %": correct, "when wrong, %": ~correct}
    display(pd.DataFrame({head: 100 * hits[part].mean() for head, part in parts.items()}).round(1))
    figure, axes = plots.new_figure(1, 8, height=1.5)
    for number, ax in enumerate(axes[: len(rows)]):
        ax.imshow(study.test.images[rows[number]], interpolation="nearest")
        size = right[number] - left[number] - 1, lower[number] - upper[number] - 1
        corner = left[number], upper[number]
        ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor="white", linewidth=1.5))
        for name, colour in (("slope", plots.VERMILION), ("activation map", plots.LINE_COLOURS[5])):
            ax.plot(*points[name][:, number], "o", color=colour, markeredgecolor="white", label=name)
        ax.set_axis_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    alt = "Eight test images with the box around the thing and two dots, the highest points of two maps."
    display(show_figure(figure, "tiny_saliency", study.run, "Does it look at the thing?", alt))
    share = hits.mean()
    best = share[["slope", "activation map"]].idxmax()
    say(
        f"The better map, the {best}, points into the box in {percent(share[best], len(rows))} of {len(rows):,}",
        f"images; a random point does in {percent(share['a random point'])}, the middle in",
        f"{percent(share['the middle'])}.",
    )
    return [results.metric(f"highest point in the box: {name}", share[name], unit="%") for name in share.index]


def fgsm(net: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, *, batch: int = 64) -> torch.Tensor:
    """Images (N, 3, S, S) in [0, 1] with every value moved by STEP so that the loss grows (Goodfellow, 2015)."""
    moved = []
    for part, truth in zip(images.split(batch), labels.split(batch), strict=True):
        asked = part.clone().requires_grad_()
        (slope,) = torch.autograd.grad(F.cross_entropy(net(asked), truth, reduction="sum"), asked)
        moved.append((part + STEP * slope.sign()).clamp(0, 1))
    return torch.cat(moved)


def attacks(study: TinyStudy) -> dict:
    """A probe trained without and one with attacked copies: on clean and on attacked test images."""
    few = place_in_class(study.train.labels) < max(4, study.plan.per_class // 5)
    images, labels = as_tensor(study.train.images[few]), study.labels[few]
    tests = as_tensor(study.test.images[: study.asked])
    truth = torch.from_numpy(study.test.labels[: study.asked])
    backbone = load_backbone(SMALL, side=study.plan.looks[0][1]).freeze().requires_grad_(False)
    known = extract_features(backbone, images)
    fit = partial(fit_probe_from, **own_layer(SMALL, study.train.wnids))
    plain = ProbedBackbone(backbone, fit(known, labels, strength=USUAL)).eval()
    speed = [len(images[:64]) / timed(fgsm, plain, images[:64], labels[:64], batch=n)[1] for n in (1, 64)]
    both = torch.cat([known, extract_features(backbone, fgsm(plain, images, labels))])
    hardened = ProbedBackbone(backbone, fit(both, labels.repeat(2), strength=2 * USUAL)).eval()
    scores = {
        name: {
            "clean": top_shares(predict(net, tests), truth)["top1"],
            "attacked": top_shares(predict(net, fgsm(net, tests, truth)), truth)["top1"],
        }
        for name, net in (("without", plain), ("with", hardened))
    }
    return {"scores": scores, "images": len(images), "tests": len(tests), "speed": speed}


def show_hardening(study: TinyStudy) -> list[dict]:
    """Attacked copies in training: on clean and on attacked test images."""
    found = study.found(attacks)
    scores, (single, many) = pd.DataFrame(found["scores"]), found["speed"]
    say(
        "### Do attacked copies in training help?\n\nFGSM moves every value of a picture by two of 255, in the",
        f"direction that makes the loss grow. A probe on {title_of(study.plan.looks[0])} learns from",
        f"{found['images']:,} images, without and with an attacked copy of each, and is asked about",
        f"{found['tests']:,} test images, clean and attacked through itself. One at a time {single:.0f} copies a",
        f"second were made, 64 at a time {many:.0f}.",
    )
    display((100 * scores.T).round(1).rename(index="{} attacked copies".format).add_suffix(", %"))
    gap = 100 * (scores["with"] - scores["without"])
    say(
        f"The copies change the top-1 by {gap['clean']:+.1f} points on clean and by {gap['attacked']:+.1f} on",
        "attacked images. Only the last layer learned from them.",
    )
    return [
        results.metric(f"{what}, {name} attacked copies", share, unit="%")
        for name, row in scores.items()
        for what, share in row.items()
    ]


def tuning(study: TinyStudy) -> dict:
    """Ten classes: a network as it is with logistic regression, and all of it trained on; on images kept apart."""
    names = [name for name in study.run.recipe.classes if name in study.train.classes] or study.train.classes
    chosen = np.sort([study.train.classes.index(name) for name in names[:10]])
    here = np.isin(study.train.labels, chosen)
    images, labels = study.train.images[here], np.searchsorted(chosen, study.train.labels[here])
    learned = torch.from_numpy(place_in_class(labels) % 2 == 0)
    rows, pictures, truth = features(images, TUNED), as_tensor(images), torch.from_numpy(labels)
    given = {"classes": len(chosen), "seed": study.run.seed, "epochs": study.run.profile.scaled(6)}
    probe = fit_probe(rows[learned], truth[learned], classes=len(chosen))
    make = partial(load_backbone, TUNED[0])
    net = fine_tune(make, pictures[learned], truth[learned], **given, side=TUNED[1])
    said = {"frozen": probe(rows[~learned]), "fine-tuned": predict(net, pictures[~learned], mirrored=True)}
    right = {name: (logits.argmax(1) == truth[~learned]).tolist() for name, logits in said.items()}
    return {"right": right, "learned": int(learned.sum()), **given}


def show_tuning(study: TinyStudy) -> list[dict]:
    """A frozen network against one that is trained on."""
    found = study.found(tuning)
    right = {name: np.array(values, float) for name, values in found["right"].items()}
    gap, count = right["fine-tuned"] - right["frozen"], len(right["frozen"])
    low, high = (100 * (gap.mean() + side * 1.96 * gap.std() / np.sqrt(count)) for side in (-1, 1))
    say(
        "### Frozen, or trained on?\n\nThe report says that training the whole network is worth it.",
        f"{found['classes']} classes, {found['learned']} images, {title_of(TUNED)}, asked about",
        f"{count} other training images: frozen with logistic regression, {percent(right['frozen'].mean(), count)}",
        f"are right; after {found['epochs']} epochs of training all weights,",
        f"{percent(right['fine-tuned'].mean(), count)}. The difference is {100 * gap.mean():+.1f} points, 95 %",
        f"interval {low:+.1f} to {high:+.1f}.",
    )
    return [
        results.metric(f"{found['classes']} classes, {name}", part.mean(), unit="%") for name, part in right.items()
    ]


PARTS = (show_enlarging, show_confusions, show_variants, show_saliency, show_hardening, show_tuning)


def show(run: Run) -> None:
    """The study of all classes, at the end of notebook 02; its numbers join the results of that notebook."""
    study = study_of(run)
    classes, each = len(study.train.classes), np.bincount(study.train.labels).max()
    say(
        f"## All {classes} classes of Tiny ImageNet\n\nAs in report 003; with {each} training images of each and",
        f"{len(study.test.labels):,} test images (the data set calls them validation images).\n\nThe networks below",
        "have learned from ImageNet, of which Tiny ImageNet is a part, made small: they have seen these very",
        "photographs, perhaps some of the test images, in full size. So the figures flatter.",
    )
    rows = [row | {"name": f"Tiny ImageNet: {row['name']}"} for part in PARTS for row in part(study)]
    results.add_metrics(run.dir, "02", rows)

"""The flow on the data of a run: the package's own, or that one trained further on a user's classes."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F

from clockodile.ambiguous.background import background_pictures
from clockodile.core import store
from clockodile.core.errors import UserError
from clockodile.core.recipes import Profile
from clockodile.core.workspace import Run, pick_device
from clockodile.data.cifar import resized
from clockodile.data.dataset import Dataset
from clockodile.hybrids.generators.flow import (
    BATCH,
    GUIDANCE_SCALE,
    STEPS,
    adams_bashforth2,
    composed_velocity,
    losses_told,
    noise_of,
    to_unit,
)
from clockodile.hybrids.generators.flow_training import FlowConfig, Photographs, Training
from clockodile.hybrids.generators.layouts import island, shrunk
from clockodile.hybrids.generators.unet import Layout, UNet

LOG = logging.getLogger("clockodile").info
NAME = "generators/flow"
HELD_OUT = 0  # the fold that no generator sees: it tells copies from inventions and measures realism
SIDE = 32  # pixels a side of what the package's flow learned from
SEEN = "seen"  # in the file: hashes of the photographs that were learned from
ISLAND = 0.55  # side of a clock that is set into a crocodile, half-way from one class to the other
INSIDE = 0.5  # guidance scale of the island, as a share of that around it
CORNER = 0.4  # how far its centre lies from the picture's, to the right and down
DISC = 0.4  # side of a clock that is set into a drawn crocodile, half-way from one class to the other
ASIDE = 0.55  # how far its centre lies from the picture's, sideways and up or down
PLACES = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)]  # where it may stand, of ASIDE
STRONG = 8.0  # guidance scale where what is drawn has to be recognised beside something else
SEARCH = 0.6  # time at which a class of the net is sought that is like a user's
FEW = 8  # photographs by which it is sought


@dataclass(frozen=True)
class Flow:
    """A trained flow and what its labels mean."""

    net: UNet  # in evaluation mode
    classes: tuple[str, ...]  # name of each label; the null class comes after them
    pair: tuple[int, int]  # labels of the two classes that are mixed
    image_size: int  # pixels a side
    kept: dict[tuple, torch.Tensor] = field(default_factory=dict, compare=False, repr=False)  # what `one` has drawn

    @torch.no_grad()
    def sample(
        self,
        layouts: Sequence[Layout],
        weights: Sequence[float | torch.Tensor],
        seeds: Sequence[int],
        *,
        steps: int = STEPS,
    ) -> torch.Tensor:
        """Pictures (N, 3, S, S) in [0, 1], one a seed, by `flow.composed_velocity`; layouts for one picture or N."""
        device = pick_device()
        self.net.to(device)
        weights = [weight.to(device) if torch.is_tensor(weight) else weight for weight in weights]
        found = []
        for start in range(0, len(seeds), BATCH):
            part = seeds[start : start + BATCH]
            here = [layout.rows(start, len(part)).to(device) for layout in layouts]
            noise = noise_of(part, self.image_size).to(device)
            drawn = adams_bashforth2(composed_velocity(self.net, here, weights), noise, steps=steps)
            found.append(to_unit(drawn).cpu())
        return torch.cat(found) if found else torch.zeros(0, 3, self.image_size, self.image_size)

    def one(
        self, label: int, seeds: Sequence[int], *, guidance: float = GUIDANCE_SCALE, steps: int = STEPS
    ) -> torch.Tensor:
        """New pictures of one class; each is drawn once, for joined drawings share them with other mixes."""
        asked = label, tuple(seeds), guidance, steps
        if asked not in self.kept:
            self.kept[asked] = self.sample([plain(label)], [guidance], seeds, steps=steps)
        return self.kept[asked].clone()

    def both(self, seeds: Sequence[int], *, mix: float = 0.5, guidance: float = GUIDANCE_SCALE) -> torch.Tensor:
        """One walk that heads for both classes everywhere; mix: 0 = only the first, 1 = only the second."""
        weights = [guidance * min(1.0, 2 * (1 - mix)), guidance * min(1.0, 2 * mix)]
        return self.sample([plain(label) for label in self.pair], weights, seeds)

    def placed(self, seeds: Sequence[int], *, mix: float = 0.5, guidance: float = GUIDANCE_SCALE) -> torch.Tensor:
        """The first class, small, set into the second; mix: 0 = it fills the picture, 1 = it is gone."""
        if mix in (0, 1):
            return self.one(self.pair[mix == 1], seeds, guidance=guidance)
        scale = 2 * ISLAND * (1 - mix)
        reach = min(CORNER, max(0.0, 1 - scale))  # it stays inside the picture
        first, second = self.pair
        layout = island(self.image_size, second, first, scale=min(scale, 1.0), x=reach, y=reach)
        # the island is asked for less: what is small and clear turns white under more
        weight = guidance * (1 - (1 - INSIDE) * layout.masks[:, 1:])
        return self.sample([layout], [weight], seeds)

    def joined(self, seeds: Sequence[int], *, mix: float = 0.5, guidance: float = STRONG) -> torch.Tensor:
        """Each class drawn alone, and the first then, shrunk into a disc, set into the second by `set_into`.

        mix: 0 = the first fills the picture, 1 = it is gone.
        """
        if mix in (0, 1):
            return self.one(self.pair[mix == 1], seeds, guidance=guidance)
        first, second = (self.one(label, seeds, guidance=guidance) for label in self.pair)
        return set_into(second, first, float(np.interp(mix, (0, 0.5, 1), (1, DISC, 0))))


def detail(pictures: torch.Tensor) -> torch.Tensor:
    """How much the grey value changes to the right and downwards, squared: (N, S, S). pictures: (N, 3, S, S)."""
    grey = pictures.mean(1)
    right, down = grey.diff(dim=2).square(), grey.diff(dim=1).square()
    return F.pad(right, (0, 1)) + F.pad(down, (0, 0, 0, 1))


def set_into(second: torch.Tensor, first: torch.Tensor, scale: float = DISC) -> torch.Tensor:
    """Pictures `first`, shrunk into discs, in pictures `second`, each where that has least `detail`.

    Eight places around the middle are tried: where little is to be seen, little is lost. second, first: (N, 3, S, S) in
    [0, 1]; scale: side of the shrunk picture, canvas = 1.
    """
    reach = min(ASIDE, 1 - scale)  # it stays inside the picture
    change, found, lost = detail(second), [], []
    for x, y in PLACES:
        small, disc = shrunk(first, scale=scale, x=reach * x, y=reach * y)
        found.append(torch.lerp(second, small, disc))
        lost.append((change * disc[:, 0]).sum((1, 2)))
    return torch.stack(found)[torch.stack(lost).argmin(0), torch.arange(len(second))]


def plain(label: int) -> Layout:
    """One class, everywhere."""
    return Layout(torch.tensor([[label]]))


def image_hashes(photographs: np.ndarray) -> np.ndarray:
    """A number for each photograph, int64 (N,), shared only by its copies of the same size, uint8 (N, S, S, 3)."""
    marks = [hashlib.blake2b(photograph.tobytes(), digest_size=8).digest() for photograph in photographs]
    return np.frombuffer(bytearray(b"".join(marks)), np.int64)


def as_generators_see(data: Dataset) -> Dataset:
    """The data set with pictures shrunk to SIDE pixels a side; the same when they are no larger. data: all splits."""
    if data.images.shape[1] <= SIDE:
        return data
    images, train = resized(data.images, SIDE), data.split == "train"
    card = data.card | {"fingerprint": store.fingerprint(images[train], data.labels[train])}
    return replace(data, images=images, card=card)


def known_photographs(data: Dataset) -> Dataset:
    """The training photographs outside the held-out fold: all that a generator may learn from. data: all splits."""
    train = data.part("train")
    return train.rows(train.fold != HELD_OUT)


def package_flow() -> store.Checkpoint:
    """The flow that comes with the package. Raises UserError when its file is missing or damaged."""
    return store.read_checkpoint(store.shipped_weights() / "flow.safetensors", "shipped")


def config_of(profile: Profile) -> FlowConfig:
    """How a user's classes are learned: few pictures, the learning rate falling to nothing."""
    pictures = profile.finetune_steps * profile.flow_batch
    return FlowConfig(pictures, profile.flow_batch, 1e-3, warm_up=pictures // 20, finish=pictures, focus=0.8)


def fit_flow(run: Run, data: Dataset, *, retrain: bool = False) -> Flow:
    """The flow for a run: the package's where it learned from just these photographs, else trained further from it.

    data: all splits. Where some of the held-out photographs are among those that the package's flow learned from, a
    line says so: how new its pictures are cannot be measured then.
    """
    known, package = known_photographs(data), package_flow()
    learned = {"net": "flow", "known": store.fingerprint(known.images, known.labels)}
    plan = config_of(run.profile)

    def fit() -> tuple[dict, dict]:
        background = background_pictures(data, seed=run.seed)
        images = np.concatenate([known.images, background.images])
        others = len(data.classes)
        labels = np.concatenate([known.labels, np.full(len(background.images), others)])
        device = pick_device()
        net = flow_net(package)
        starts = [net.null_class] * (others + 1)
        # those that are drawn begin as what the net knows that is most like them
        for label in run.recipe.pair:
            starts[label] = closest_class(net, known.rows(known.labels == label).tensor()[:FEW])
        net = with_classes(net, starts)
        training = Training(net, plan, device, seed=run.seed)
        photographs = Photographs(images, labels, tuple(range(others)), device)
        while training.seen < plan.pictures:
            training.step(photographs)
        state = {name: part.cpu().half() for name, part in training.net.state_dict().items()}
        state[SEEN] = torch.from_numpy(image_hashes(images))
        return state, {"classes": [*data.classes, "other things"], "image_size": int(images.shape[1])}

    fitted = store.fit_or_load(
        NAME,
        learned | {"seed": run.seed, "plan": asdict(plan), "start": package.config, "pair": list(run.recipe.pair)},
        data.fingerprint,
        fit,
        run_dir=run.dir,
        retrain=retrain,
        accept_shipped_if=learned,
    )
    held_out = data.part("train")
    held_out = held_out.images[held_out.fold == HELD_OUT]
    if np.isin(image_hashes(held_out), package.state[SEEN].numpy()).any():
        LOG("NOTE: the flow has learned from photographs that are held out here: how new its pictures are is unknown")
    names = [data.classes[label] for label in run.recipe.pair]
    return flow_from(fitted, names)


def closest_class(net: UNet, pictures: torch.Tensor) -> int:
    """The label that explains pictures best: told it, the net's loss is lowest (Li et al., 2023).

    pictures: (N, 3, S, S) in [0, 1].
    """
    labels = [plain(label) for label in range(net.null_class)]
    return int(losses_told(net, pictures, labels, times=[SEARCH]).mean(1).argmin())


def with_classes(net: UNet, starts: Sequence[int]) -> UNet:
    """A net that has yet to learn its classes: each begins as the class of `net` that `starts` names for it.

    The null class means "anything", and stays.
    """
    new, state = UNet(classes=len(starts)), net.state_dict()
    embedded = state["class_embed.weight"]
    new.load_state_dict(state | {"class_embed.weight": embedded[[*starts, net.null_class]]})
    return new


def flow_net(fitted: store.Checkpoint) -> UNet:
    """The net in a stored file, in evaluation mode."""
    net = UNet(classes=len(fitted.metrics["classes"]))
    net.load_state_dict({name: part.float() for name, part in fitted.state.items() if name != SEEN})
    return net.to(memory_format=torch.channels_last).eval()


def flow_from(fitted: store.Checkpoint, names: Sequence[str]) -> Flow:
    """The flow in a stored file, for two of its classes. Raises UserError for a class that it does not know."""
    classes = tuple(fitted.metrics["classes"])
    for name in names:
        if name not in classes:
            raise UserError(f"the flow does not know '{name}'; it knows {', '.join(classes[:3])} ...")
    pair = tuple(map(classes.index, names))
    return Flow(flow_net(fitted), classes, pair, fitted.metrics["image_size"])

"""What to run on (a Recipe for each data set) and how long to take over it (a Profile).

Everything else in the package takes its numbers from here; nothing else knows which data set or profile is in use.
"""

import difflib
from dataclasses import dataclass, fields, replace

from clockodile.core.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """A data set and the question asked of it. Written for any number of classes C >= 2."""

    name: str  # what `--recipe` and the run folder call it
    title: str  # headline of the report
    sources: tuple[str, ...]  # tried in this order by source="auto"; names are keys of data.sources.SOURCES
    classes: tuple[str, ...] = ()  # class folders in label order; () = every folder found, sorted by name
    pair: tuple[int, int] = (0, 1)  # labels of the two classes that notebooks 03 and 04 compare
    background: tuple[str, ...] = ("background", "neither", "cifar100_other")  # folders of "neither" images
    # pixels a side; larger photos are cropped to a centred square and scaled down; 0: as suits them (data.sources)
    image_size: int = 32
    min_per_class: int = 20  # images; with fewer, five folds leave under four to test on
    per_class: int = 0  # images of each class that the notebooks work on, drawn at random; 0 for all
    study: str = ""  # module in classify.studies whose `show` says what else notebook 02 does with these data


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much to compute. Quick is for reading along and for tests, full for the committed figures."""

    name: str  # what `--profile` calls it
    folds: int = 5  # of cross-validation, each kept whole by near-duplicate group
    seeds: int  # repetitions of the 500/250/250 experiment, for a mean and a standard deviation
    oof_seeds: int  # nets a fold whose out-of-fold predictions are averaged
    own_net_epochs: int  # how often our own net sees each image
    own_net_views: int  # about how many images it sees in all; of many images each is seen less often
    small_net_epochs: int = 20  # the same of the net that notebook 02 trains while one watches
    slow_candidates: bool  # whether notebook 02 compares nets that take minutes too
    classifier_epochs: int = 100  # full-batch Adam steps of report 000's net; as many as its author used
    autoencoder_epochs: int  # full-batch Adam steps of report 000's autoencoder
    judge_halvings: int = 3  # ways to halve the images for two judges that should agree
    label_plantings: int  # how often labels are exchanged to be found again
    n_hybrids: int  # pictures made and measured by each method of notebook 04
    n_per_class: int  # new pictures of each class alone
    flow_batch: int  # pictures a step when the package's flow learns classes of its user
    finetune_steps: int  # batches of that
    effort: float = 1.0  # share of the usual training of every net; less is quicker and worse

    def scaled(self, usual: int) -> int:
        """So many epochs or steps as the effort allows, at least one."""
        return max(1, round(usual * self.effort))

    def with_effort(self, effort: float) -> "Profile":
        """The same, every training as much longer or shorter. effort: > 0, 1 for the usual."""
        asked = replace(self, effort=effort)
        trainings = [field.name for field in fields(self) if field.name.endswith(("_epochs", "_steps", "_views"))]
        return replace(asked, **{name: asked.scaled(getattr(self, name)) for name in trainings})


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="clocks_crocodiles",
            title="Clocks or crocodiles?",
            sources=("folder", "cifar100", "stand_in"),
            classes=("clock", "crocodile"),
        ),
        Recipe(name="folder", title="Your own photographs", sources=("folder",), image_size=0),
        Recipe(
            name="faces",
            title="Whose face is it?",
            sources=("faces",),
            background=("background", "neither"),  # other people, if anything
            image_size=64,
            min_per_class=15,  # of twenty photographs of a person a few may show no face
            study="faces",
        ),
        Recipe(
            name="animals_vehicles",
            title="Animals or vehicles?",
            sources=("cifar10",),
            classes=("animal", "vehicle"),
            per_class=250,
            study="animals_vehicles",
        ),
        Recipe(
            name="tiny_imagenet",
            title="Ten of the 200 classes of Tiny ImageNet",
            sources=("tiny_imagenet",),
            classes=tuple(
                "bullfrog,tailed frog,Egyptian cat,tabby,golden retriever,Labrador retriever,"
                "school bus,trolleybus,convertible,sports car".split(",")
            ),
            per_class=60,
            study="tiny_imagenet",
        ),
    )
}

DEFAULT_RECIPE = next(iter(RECIPES))  # what the notebooks' text is about

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            name="quick",
            seeds=2,
            oof_seeds=1,
            own_net_epochs=24,
            own_net_views=4_000,
            slow_candidates=False,
            autoencoder_epochs=200,
            label_plantings=2,
            n_hybrids=32,
            n_per_class=32,
            flow_batch=32,
            finetune_steps=50,
        ),
        Profile(
            name="full",
            seeds=10,
            oof_seeds=3,
            own_net_epochs=80,
            own_net_views=1_000_000,
            slow_candidates=True,
            autoencoder_epochs=600,
            label_plantings=5,
            n_hybrids=64,
            n_per_class=1000,
            flow_batch=64,
            finetune_steps=1200,
        ),
    )
}

CELL_TIMEOUT = 7200  # seconds; the longest cell of the full profile takes well under an hour on two cores


def pick(kind: str, name: str, choices: dict):
    """Look `name` up among `choices`; a UserError names the nearest known one. `kind` is the word for the message."""
    if name in choices:
        return choices[name]
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(choices)}"
    raise UserError(f"unknown {kind} '{name}'; {hint}")


def get_recipe(name: str) -> Recipe:
    """The Recipe called `name`. Raises UserError with the nearest name for an unknown one."""
    return pick("recipe", name, RECIPES)


def get_profile(name: str) -> Profile:
    """The Profile called `name`. Raises UserError with the nearest name for an unknown one."""
    return pick("profile", name, PROFILES)

"""What another judge would have said: one with other counter-examples, or fitted on half of the pictures."""

import numpy as np

from clockodile.ambiguous.evidence import fit_judge
from clockodile.ambiguous.judge import JudgeResult
from clockodile.core import store
from clockodile.core.workspace import Run
from clockodile.data.dataset import Dataset


def halves_of_the_judge(run: Run, judged: JudgeResult, train: Dataset, *, deals: int) -> np.ndarray:
    """Two judges that share no picture, dealt several times: evidence of each for all images, (deals, 2, N, C).

    train: the images that were judged. Near-duplicates are in one half. As always, an image is judged by a probe that
    did not see its fold.
    """

    def make() -> dict[str, np.ndarray]:
        maps, found = judged.maps, []
        for deal in range(deals):
            for rows in halves(judged, train, seed=run.seed + deal):
                some = [seen[rows] for seen in maps]
                options = {"classes": len(train.classes), "one_vs_rest": bool(judged.background.note)}
                judge = fit_judge(some, judged.labels[rows], judged.fold[rows], **options)
                found.append(judge.evidence([seen[: len(train)] for seen in maps], train.fold))
        return {"rows": np.concatenate(found)}

    config = {"scores": store.key_of({"": judged.scores.tolist()}), "deals": deals, "seed": run.seed}
    rows = store.cached(run.dir, "judge/halves.npz", config, make)["rows"]
    return rows.reshape(deals, 2, *judged.evidence.shape)


def halves(judged: JudgeResult, train: Dataset, *, seed: int) -> list[np.ndarray]:
    """All that a judge is fitted on, dealt into two halves, bool (N + M,) each: a group of near-duplicates in one."""
    rng = np.random.default_rng(seed)
    half = (rng.permutation(train.group.max() + 1) % 2 == 0)[train.group]
    others, origin = rng.random(len(judged.fold_background)) < 0.5, judged.background.origin
    first = np.concatenate([half, np.where(origin >= 0, half[origin], others)])
    return [first, ~first]

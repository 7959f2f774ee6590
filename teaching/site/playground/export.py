"""What the playground loads: our nets as ONNX files, made pictures, and the runtime of onnxruntime-web.

Weights are stored in 16 bits and computed with in single precision. No photograph is among
the pictures: our nets made them, or our own code drew them.
"""

import gzip
import hashlib
import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from clockodile.ambiguous.describe import quadrant_name
from clockodile.ambiguous.judge import NAME as JUDGE
from clockodile.ambiguous.judge import frozen_backbone, judge_from, maps_of
from clockodile.classify.predictor import Predictor, load_predictor
from clockodile.core.recipes import DEFAULT_RECIPE, get_recipe
from clockodile.core.source_code import source_key
from clockodile.core.store import read_checkpoint, shipped_weights
from clockodile.data.dataset import as_images
from clockodile.data.stand_in import draw
from clockodile.hybrids import page04
from clockodile.hybrids.generators.flow_of_run import Flow, flow_from, package_flow
from clockodile.hybrids.generators.unet import Layout
from clockodile.hybrids.quiz import make_quiz
from clockodile.learn.models import CompactResNet, Stage, scaled

HERE = Path(__file__).parent
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")  # of onnxruntime-web's folder `dist`
OPSET = 20
LARGE = 8192  # numbers; what has fewer stays as it is
A_QUIZ = 6  # pictures of each source
QUIZ_SEED, EXAMPLE_SEED = 500, 900  # of the first picture made for each
# source of the quiz -> row of what viewers said of other pictures that were made in that way
VIEWERS = {
    "new clocks": "new pictures of FIRST",
    "new crocodiles": "new pictures of SECOND",
    "new, both everywhere": "flow, both everywhere",
    "new, one inside the other": "flow, told where",
}


# --- what the graphs compute ----------------------------------------------------------------------------------


class Together(nn.Module):
    """A predictor's calibrated probabilities (N, C) of images (N, 3, S, S) in [0, 1]: `Predictor.probabilities`."""

    def __init__(self, predictor: Predictor):
        super().__init__()
        self.nets, self.temperature = nn.ModuleList(predictor.models), predictor.temperature

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        views = torch.cat([images, images.flip(3)])
        logs = torch.stack([torch.log_softmax(net(views), 1) for net in self.nets])
        logs = torch.cat(logs.chunk(2, 1))  # (2 nets, N, C)
        return torch.softmax(torch.logsumexp(logs, 0) / self.temperature, 1)


class WithSlope(nn.Module):
    """One net's logits (N, 2) of `images`, and how its log-odds of the first class change with each value of `at`.

    images: (N, 3, S, S) in [0, 1]; at: (1, 3, S, S), as the slope. ONNX has no derivatives, so the way back through
    the net is written out. For the loss of the cross-entropy the slope has the same signs, or all of them reversed.
    """

    def __init__(self, net: CompactResNet):
        super().__init__()
        self.net = net

    def forward(self, images: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.net(images), self.slope(at)

    def slope(self, at: torch.Tensor) -> torch.Tensor:
        """(1, 3, S, S), by the chain rule from the last layer to the first."""
        stem = self.net.stem(scaled(at))
        maps, kept = torch.relu(stem), []
        for stage in self.net.stages:
            maps, states = self.forth(stage, maps)
            kept.append((stage, states))
        strongest = (maps == maps.amax((2, 3), keepdim=True)).float()
        pull = (self.net.out.weight[0] - self.net.out.weight[1]).view(1, -1, 1, 1)
        pull = pull * strongest / strongest.sum((2, 3), keepdim=True)  # equal ones share it
        for stage, states in reversed(kept):
            pull = self.back(stage, states, pull)
        pull = F.conv_transpose2d(pull * (stem > 0), self.net.stem.weight, padding=1)
        return 4 * pull  # of `scaled`

    def forth(self, stage: Stage, maps: torch.Tensor) -> tuple[torch.Tensor, tuple]:
        """What a stage makes of its input, and what the way back needs to know."""
        wide = stage.first(maps)
        middle = stage.first_norm(F.max_pool2d(wide, 2))
        inside = torch.relu(middle)
        last = stage.second_norm(stage.second(inside))
        return inside + torch.relu(last), (wide, middle, last)

    def back(self, stage: Stage, states: tuple, pull: torch.Tensor) -> torch.Tensor:
        """The slope for a stage's input from that for its output."""
        wide, middle, last = states
        through = pull * (last > 0) * strength(stage.second_norm)
        pull = pull + F.conv_transpose2d(through, stage.second.weight, padding=1)
        pull = unpooled(wide, pull * (middle > 0) * strength(stage.first_norm))
        return F.conv_transpose2d(pull, stage.first.weight, padding=1)


def strength(norm: nn.BatchNorm2d) -> torch.Tensor:
    """What a batch norm multiplies each map by, in evaluation mode: (1, C, 1, 1)."""
    return (norm.weight / torch.sqrt(norm.running_var + norm.eps)).view(1, -1, 1, 1)


def unpooled(wide: torch.Tensor, pull: torch.Tensor) -> torch.Tensor:
    """The slope for what was pooled: each 2 x 2 hands it to the first of its largest, a last odd row gets none."""
    count, maps, height, width = wide.shape
    half = height // 2, width // 2
    blocks = wide[:, :, : 2 * half[0], : 2 * half[1]].reshape(count, maps, half[0], 2, half[1], 2)
    blocks = blocks.permute(0, 1, 2, 4, 3, 5).reshape(count, maps, *half, 4)
    first = F.one_hot(blocks.argmax(4), 4).float() * pull.unsqueeze(4)
    spread = first.reshape(count, maps, *half, 2, 2).permute(0, 1, 2, 4, 3, 5)
    spread = spread.reshape(count, maps, 2 * half[0], 2 * half[1])
    return F.pad(spread, (0, width % 2, 0, height % 2))


class Asked(nn.Module):
    """The judge of new pictures (N, 3, S, S) in [0, 1]: its evidence and log-odds, (N, C) each."""

    def __init__(self):
        super().__init__()
        fitted = read_checkpoint(shipped_weights() / f"{JUDGE}.safetensors")
        judge = judge_from(fitted)
        looks = fitted.config["judge"], fitted.config["sides"]
        self.eyes = nn.ModuleList([frozen_backbone(looks[0], side) for side in looks[1]])
        for eye in self.eyes:  # the same network at several sizes: one copy of its weights in the file
            eye.body = self.eyes[0].body
        self.register_buffer("weight", torch.from_numpy(judge.weight).float())  # (K, C, sizes * D)
        self.register_buffer("bias", torch.from_numpy(judge.bias).float())
        self.register_buffer("others", torch.from_numpy(judge.background).float())

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        odds = self.bias
        for eye, weight in zip(self.eyes, self.weight.chunk(len(self.eyes), 2), strict=True):
            places = F.conv2d(eye.maps(images), weight.flatten(0, 1)[:, :, None, None])  # (N, K * C, H, W)
            odds = odds + places.amax((2, 3)).unflatten(1, self.bias.shape)
        odds = odds.mean(1)
        below = (odds[:, None] > self.others).float() + (odds[:, None] >= self.others).float()
        return below.mean(1) / 2, odds


class Guess(nn.Module):
    """The flow's velocity (N, 3, S, S) at x, told labels (N, 2), masks and coords (N, 2, S, S) of `unet.Layout`."""

    def __init__(self, flow: Flow):
        super().__init__()
        self.net = flow.net

    def forward(self, x, time, labels, masks, coords) -> torch.Tensor:
        return self.net(x, time, Layout(labels, masks, coords))


# --- files ----------------------------------------------------------------------------------------------------


def save_graph(path: Path, module: nn.Module, inputs: Mapping[str, tuple], outputs: Sequence[str]) -> None:
    """Write a module as ONNX. inputs: name -> (example, whether its first side, the number of pictures, may vary)."""
    count = torch.export.Dim("count", min=1, max=256)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two inputs whose number of pictures is the same
        program = torch.onnx.export(
            module.eval(),
            tuple(example for example, _ in inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=[{0: count} if varies else None for _, varies in inputs.values()],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    pack(model.graph)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def pack(graph: onnx.GraphProto) -> None:
    """Store large weights in 16 bits; the first nodes of the graph make them float32 again.

    In half precision where that is exact, as for what the package stores so; else as whole numbers, a scale a row.
    """
    unpacking, weights = [], list(graph.initializer)
    del graph.initializer[:]
    for weight in weights:
        values, name = onnx.numpy_helper.to_array(weight), weight.name
        if values.dtype != np.float32 or values.ndim < 2 or values.size < LARGE:
            graph.initializer.append(weight)
            continue
        small, scale = values.astype(np.float16), None
        if not np.array_equal(small, values):
            scale = np.abs(values).max(tuple(range(1, values.ndim)), keepdims=True) / 32767
            small = np.round(values / np.maximum(scale, 1e-30)).astype(np.int16)
        graph.initializer.append(onnx.numpy_helper.from_array(small, f"{name}.small"))
        whole = name if scale is None else f"{name}.whole"
        cast = onnx.helper.make_node("Cast", [f"{name}.small"], [whole], to=onnx.TensorProto.FLOAT)
        unpacking.append(cast)
        if scale is not None:
            graph.initializer.append(onnx.numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
            unpacking.append(onnx.helper.make_node("Mul", [whole, f"{name}.scale"], [name]))
    nodes = [*unpacking, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def save_graphs(folder: Path, flow: Flow, predictor: Predictor) -> None:
    """classifier.onnx, attack.onnx, judge.onnx and flow.onnx."""
    size = predictor.image_size
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    several, one = (images, True), (images[:1], False)
    save_graph(folder / "classifier.onnx", Together(predictor), {"images": one}, ["probabilities"])
    attack = WithSlope(predictor.models[0])
    save_graph(folder / "attack.onnx", attack, {"images": several, "at": one}, ["logits", "slope"])
    save_graph(folder / "judge.onnx", Asked(), {"images": one}, ["evidence", "odds"])
    told = {
        "time": (torch.rand(2), True),
        "labels": (torch.zeros(2, 2, dtype=torch.int64), True),
        "masks": (torch.rand(2, 2, size, size), True),
        "coords": (torch.rand(2, 2, size, size), True),
    }
    save_graph(folder / "flow.onnx", Guess(flow), {"x": several} | told, ["velocity"])


def make_pictures(flow: Flow) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """For the quiz and as examples: source -> uint8 (N, S, S, 3), made by the flow or drawn by our code."""
    size, seeds = flow.image_size, range(QUIZ_SEED, QUIZ_SEED + A_QUIZ)
    first, second = flow.pair
    made = {
        "new clocks": flow.one(first, seeds),
        "new crocodiles": flow.one(second, seeds),
        "new, both everywhere": flow.both(seeds),
        "new, one inside the other": flow.placed(seeds),
    }
    quiz = {name: as_images(pictures) for name, pictures in made.items()}
    subjects = ("clock", "crocodile", "hybrid") * (A_QUIZ // 3)
    quiz["drawings"] = np.stack([draw(name, (QUIZ_SEED, n), size) for n, name in enumerate(subjects)])
    two = range(EXAMPLE_SEED, EXAMPLE_SEED + 2)
    examples = {f"a drawn {name}": draw(name, (EXAMPLE_SEED,), size)[None] for name in ("clock", "crocodile")}
    examples |= {f"a new {flow.classes[label]}": as_images(flow.one(label, two)) for label in flow.pair}
    examples["asked for both"] = as_images(flow.both(two[:1]))
    examples["something else, drawn"] = draw("background", (EXAMPLE_SEED,), size)[None]
    return quiz, examples


def save_pictures(folder: Path, flow: Flow, words: Sequence[str]) -> None:
    """pictures.png, all in a column, and pictures.json, which says what they are and what the judge says of them."""
    groups, examples = make_pictures(flow)
    sources = np.repeat(list(groups), [len(images) for images in groups.values()])
    images = np.concatenate(list(groups.values()))
    asked = make_quiz(images, sources, tuple(words), count=len(images))
    shown = np.concatenate([asked.images, *examples.values()])
    Image.fromarray(np.concatenate(list(shown))).save(folder / "pictures.png", optimize=True)
    judge = judge_from(read_checkpoint(shipped_weights() / f"{JUDGE}.safetensors"))
    evidence = judge.evidence(maps_of(asked.images))
    said = [quadrant_name(row, tuple(words), (0, 1)) for row in evidence]
    about = {
        "classes": list(words),
        "labels": [flow.classes.index(word) for word in words] + [flow.net.null_class],
        "size": flow.image_size,
        "quiz": [
            {"picture": name, "source": str(source), "judge": word, "evidence": row.round(4).tolist()}
            for name, source, word, row in zip(asked.pictures, asked.sources, said, evidence, strict=True)
        ],
        "examples": [name for name, pictures in examples.items() for _ in pictures],
        "viewers": viewers(),
    }
    (folder / "pictures.json").write_text(json.dumps(about, indent=1), "utf-8")


def viewers() -> dict[str, list[float]]:
    """Shares of outside viewers' answers: first class, second, both, neither, for each source that they were shown."""
    said = page04.answers().query("asked == 'fresh'").groupby("source")[["shown", *page04.WORDS]].sum()
    shares = said[list(page04.WORDS)].div(said["shown"], axis=0).round(4)
    return {source: shares.loc[name].tolist() for source, name in VIEWERS.items()}


def key(runtime: Path) -> str:
    """Changes with the weights, with the code that they are read and asked by, with this file and with the runtime."""
    code = source_key(Flow, Predictor, CompactResNet, judge_from, maps_of, draw, make_quiz)
    files = [*sorted(shipped_weights().iterdir()), Path(str(page04.ANSWERS)), Path(__file__), runtime / "package.json"]
    parts = [code.encode(), *(hashlib.sha256(path.read_bytes()).digest() for path in files)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def prepare(runtime: Path, folder: Path) -> Path:
    """Write all of it into `folder`, unless it is there already, and return the folder.

    runtime: the folder of onnxruntime-web, as npm unpacks it.
    """
    mark, current = folder / "key", key(runtime)
    if mark.is_file() and mark.read_text() == current:
        return folder
    print("preparing the nets of the playground: once, about a minute", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "nets").mkdir(parents=True)
    words = get_recipe(DEFAULT_RECIPE).classes
    flow = flow_from(package_flow(), words)
    save_graphs(folder / "nets", flow, load_predictor(shipped_weights() / "predictor-compact.safetensors"))
    save_pictures(folder, flow, words)
    script, wasm = (runtime / "dist" / name for name in RUNTIME)
    shutil.copyfile(script, folder / "ort.mjs")
    # compressed here, for not every server does it: a third of the bytes
    (folder / "ort.wasm.gz").write_bytes(gzip.compress(wasm.read_bytes(), mtime=0))
    mark.write_text(current)  # last, so that what was interrupted is made again
    return folder

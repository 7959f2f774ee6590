"""A Tiny ImageNet of four classes in the genuine layout: a bright square on tiles; each class has a colour."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = {"n02123045": "tabby", "n01641577": "bullfrog", "n01644900": "tailed frog", "n04146614": "school bus"}
COLOURS = ((230, 120, 20), (20, 160, 40), (20, 60, 220), (240, 220, 10))
TEST_IMAGES = 4  # of each class


def picture(label: int, number: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """uint8 (64, 64, 3) and the box of the thing."""
    rng = np.random.default_rng((label, number))
    # tiles of its own in each picture, or they would be taken for copies of one another
    image = np.kron(rng.integers(40, 140, (4, 4, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
    left, top, side = rng.integers(0, 20), rng.integers(0, 20), rng.integers(24, 40)
    image[top : top + side, left : left + side] = COLOURS[label]
    return image, (left, top, left + side - 1, top + side - 1)


def jpeg(image: np.ndarray, *, grey: bool = False) -> bytes:
    """A file's content."""
    Image.fromarray(image).convert("L" if grey else "RGB").save(buffer := io.BytesIO(), "jpeg", quality=95)
    return buffer.getvalue()


def files(each: int = 24) -> dict[str, bytes]:
    """Path -> content: `each` training images a class; the first tabby is grey."""
    words = [f"{wnid}\t{name}, something else" for wnid, name in CLASSES.items()]
    found = {"wnids.txt": "\n".join(CLASSES).encode(), "words.txt": "\n".join(words).encode()}
    answers = []
    for label, wnid in enumerate(CLASSES):
        boxes = []
        for number in range(each):
            image, box = picture(label, number)
            name = f"{wnid}_{number}.JPEG"
            found[f"train/{wnid}/images/{name}"] = jpeg(image, grey=(label, number) == (0, 0))
            boxes.append("\t".join(map(str, (name, *box))))
        found[f"train/{wnid}/{wnid}_boxes.txt"] = "\n".join(boxes).encode()
        for number in range(TEST_IMAGES):
            image, box = picture(label, 1000 + number)
            name = f"val_{TEST_IMAGES * label + number}.JPEG"
            found[f"val/images/{name}"] = jpeg(image)
            answers.append("\t".join(map(str, (name, wnid, *box))))
    return found | {"val/val_annotations.txt": "\n".join(answers).encode()}


def write_data_set(folder: Path, kind: str, content: dict[str, bytes] | None = None) -> Path:
    """Into `folder`, as "tar", "zip" or "folder"; returns the data folder."""
    content = files() if content is None else content
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "folder":
        for name, data in content.items():
            (folder / "tiny-imagenet-200" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "tiny-imagenet-200" / name).write_bytes(data)
    elif kind == "zip":
        with zipfile.ZipFile(folder / "tiny-imagenet-200.zip", "w") as archive:
            for name, data in content.items():
                archive.writestr(f"tiny-imagenet-200/{name}", data)
    else:
        with tarfile.open(folder / "tiny-imagenet-200-part.tar.gz", "w:gz") as archive:
            for name, data in content.items():
                entry = tarfile.TarInfo(f"tiny-imagenet-200/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return folder

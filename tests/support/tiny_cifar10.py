"""A CIFAR-10 of a few pictures, each kind a shade of its own with grain: as a folder, an archive, and torchvision's."""

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from tiny_cifar import tar_gz
from torchvision.datasets import CIFAR10

from clockodile.data.cifar10 import KINDS

NAMES = [kind for kinds in KINDS.values() for kind in kinds]


def picture(kind, number):
    """uint8 (32, 32, 3)."""
    grain = np.random.default_rng((NAMES.index(kind), number)).normal(0, 25, (32, 32, 3))
    return (grain + 30 + 20 * NAMES.index(kind)).clip(0, 255).astype(np.uint8)


def write_folder(root, *, each=6, tests=2):
    """`cifar10/{train,test}/<kind>/NNNN.jpg` in a folder, which is returned."""
    for part, count in {"train": each, "test": tests}.items():
        for kind in NAMES:
            place = Path(root, "cifar10", part, kind)
            place.mkdir(parents=True)
            for number in range(count):
                image = picture(kind, number + 1000 * (part == "test"))
                Image.fromarray(image).save(place / f"{number:04d}.jpg", quality=95)
    return Path(root)


def write_archive(root, **counts):
    """The same as `cifar10.tar.gz`."""
    write_folder(Path(root, "unpacked"), **counts)
    with tarfile.open(Path(root, "cifar10.tar.gz"), "w:gz") as tar:
        tar.add(Path(root, "unpacked", "cifar10"), "cifar10")
    return Path(root)


def python_archive(*, each=2, tests=1):
    """(bytes of the tar.gz that torchvision would download, a CIFAR10 that carries its checksums).

    Labels are the alphabetical order of the kinds; rows of one kind lie ten apart.
    """
    names = sorted(NAMES)

    def batch(count, first):
        pictures = [picture(name, first + number) for number in range(count) for name in names]
        rows = np.stack(pictures).transpose(0, 3, 1, 2).reshape(-1, 3072)
        return pickle.dumps({"data": rows, "labels": list(range(10)) * count}, protocol=2)

    files = {"data_batch_1": batch(each, 0), "test_batch": batch(tests, 1000)}
    files["batches.meta"] = pickle.dumps({"label_names": names}, protocol=2)
    archive = tar_gz(CIFAR10.base_folder, files)
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}

    class Small(CIFAR10):
        tgz_md5 = hashlib.md5(archive).hexdigest()
        train_list = [["data_batch_1", md5["data_batch_1"]]]
        test_list = [["test_batch", md5["test_batch"]]]
        meta = {**CIFAR10.meta, "md5": md5["batches.meta"]}

    return archive, Small

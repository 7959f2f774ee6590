"""A CIFAR-100 of 112 images in the genuine format, with the class that knows its checksums."""

import gzip
import hashlib
import io
import pickle
import tarfile

import numpy as np
from torchvision.datasets import CIFAR100

NAMES = ["apple", "clock", "crocodile", "worm"]  # fine labels in alphabetical order, as in the real one
ROUND = {"train": 100, "test": 12}  # images; label of image i is i % 4


def batch(split):
    """The pickled content of `train` or `test`: rows of 3,072 bytes, red, green, blue planes."""
    count = ROUND[split]
    data = np.random.default_rng(count).integers(0, 256, (count, 3072), dtype=np.uint8)
    labels = [i % len(NAMES) for i in range(count)]
    names = [f"{NAMES[label]}_s_{i:06d}.png" for i, label in enumerate(labels)]
    return {
        "filenames": names,
        "batch_label": f"{split}ing batch 1 of 1",
        "fine_labels": labels,
        "coarse_labels": [label % 2 for label in labels],
        "data": data,
    }


def pixels(split, index):
    """uint8 (32, 32, 3) of one image, worked out by hand."""
    return batch(split)["data"][index].reshape(3, 32, 32).transpose(1, 2, 0)


def tar_gz(folder, files):
    """Bytes of a tar.gz with these files, name -> content, in one folder: the same in every process."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


def make_archive(extra=()):
    """(bytes of the tar.gz, a CIFAR100 that carries its checksums)."""
    files = {
        "train": pickle.dumps(batch("train"), protocol=2),
        "test": pickle.dumps(batch("test"), protocol=2),
        "meta": pickle.dumps({"fine_label_names": NAMES, "coarse_label_names": ["a", "b"]}, protocol=2),
        **dict(extra),
    }
    archive = tar_gz("cifar-100-python", files)
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}

    class Small(CIFAR100):
        tgz_md5 = hashlib.md5(archive).hexdigest()
        train_list = [["train", md5["train"]]]
        test_list = [["test", md5["test"]]]
        meta = {**CIFAR100.meta, "md5": md5["meta"]}

    return archive, Small


ARCHIVE, SMALL = make_archive()

import torch
import torch.nn.functional as F

from clockodile.hybrids.quality import sharpness, undecided


def test_blurring_lowers_sharpness(data):
    images = data.tensor()
    soft = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    assert (sharpness(soft) < sharpness(images)).all()
    assert sharpness(torch.full((1, 3, 8, 8), 0.4)).item() == 0


def test_undecided_means_near_one_half():
    assert undecided(torch.tensor([0.1, 0.26, 0.5, 0.74, 0.9])).tolist() == [False, True, True, True, False]

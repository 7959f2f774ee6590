import numpy as np

from clockodile.ambiguous.pairs import nearest_of_others


def directions(degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], 1)


def test_partners_are_of_the_other_class_and_most_alike():
    features = directions([0, 90, 180, 270, 10, 100, 190, 280])
    found = nearest_of_others(features, np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    assert found["row"].tolist() == list(range(8))
    assert found["partner"].tolist() == [4, 5, 6, 7, 0, 1, 2, 3]
    assert (found["similarity"] > 0.95).all()


def test_one_image_may_be_the_nearest_of_many_but_only_the_allowed():
    features, labels = directions([0, 4, 180, 5, 200]), np.array([0, 0, 0, 1, 1])
    assert nearest_of_others(features, labels)["partner"].tolist() == [3, 3, 4, 1, 2]
    allowed = np.array([True, True, True, True, False])
    assert nearest_of_others(features, labels, allowed=allowed)["partner"].tolist() == [3, 3, 3, 1, 2]
    nobody = nearest_of_others(features, np.zeros(5, int))
    assert nobody["partner"].tolist() == [-1] * 5 and nobody["similarity"].isna().all()

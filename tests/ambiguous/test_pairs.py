import numpy as np

from clockodile.ambiguous.pairs import most_alike, nearest_of_others


def directions(degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], 1)


def test_partners_are_of_the_other_class_and_most_alike():
    features = directions([0, 90, 180, 270, 10, 100, 190, 280])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    pairs = most_alike(features, labels, np.array([2, 0]))
    assert pairs["row"].tolist() == [2, 0] and pairs["partner"].tolist() == [6, 4]
    assert (pairs["similarity"] > 0.95).all()


def test_nobody_is_given_twice_and_who_is_closest_chooses_first():
    features = directions([0, 4, 180, 5, 200])
    labels = np.array([0, 0, 0, 1, 1])
    pairs = most_alike(features, labels, np.array([0, 1])).set_index("row")["partner"]
    assert pairs[1] == 3 and pairs[0] == 4


def test_only_the_allowed_are_partners_and_there_may_be_none():
    features, labels = directions([0, 120, 240]), np.array([0, 1, 1])
    assert most_alike(features, labels, np.array([0]), allowed=np.array([True, False, True]))[
        "partner"
    ].tolist() == [2]
    assert most_alike(features, labels, np.array([0]), allowed=np.array([True, False, False])).empty


def test_the_nearest_of_another_class_may_serve_many():
    features, labels = directions([0, 4, 180, 5, 200]), np.array([0, 0, 0, 1, 1])
    found = nearest_of_others(features, labels)
    assert found["row"].tolist() == [0, 1, 2, 3, 4] and found["partner"].tolist() == [3, 3, 4, 1, 2]
    for line in found.itertuples():
        (alone,) = most_alike(features, labels, np.array([line.row])).itertuples()
        assert alone.partner == line.partner and np.isclose(alone.similarity, line.similarity)
    allowed = np.array([True, True, True, True, False])
    assert nearest_of_others(features, labels, allowed=allowed)["partner"].tolist() == [3, 3, 3, 1, 2]
    nobody = nearest_of_others(features, np.zeros(5, int))
    assert nobody["partner"].tolist() == [-1] * 5 and nobody["similarity"].isna().all()

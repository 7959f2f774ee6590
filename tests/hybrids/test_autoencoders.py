import torch

from clockodile.hybrids.autoencoders import DenseAutoencoder, class_mean_blend, code_blend, train_autoencoder


def test_it_learns_to_redraw_sixteen_images(data):
    images = data.tensor()[:16]
    model, losses = train_autoencoder(images, seed=0, epochs=150)
    assert losses[-1] < losses[0] / 4
    assert model(images).shape == images.shape


def test_the_same_seed_gives_the_same_model(data):
    models = [train_autoencoder(data.tensor(), seed=1, epochs=2)[0] for _ in range(2)]
    assert torch.equal(models[0].encoder[1].weight, models[1].encoder[1].weight)


def test_pictures_stay_pictures(data):
    model, images = DenseAutoencoder(), data.tensor()[:4]
    assert 0 <= model(images).min() and model(images).max() <= 1


def test_blending_codes_is_symmetric_and_ends_at_the_copies(data):
    model, first, second = DenseAutoencoder(), data.tensor()[:4], data.tensor()[60:64]
    there, back = code_blend(model, first, second, mix=0.3), code_blend(model, second, first, mix=0.7)
    assert torch.allclose(there, back, atol=1e-5)
    assert torch.allclose(code_blend(model, first, second, mix=0.0), model(first), atol=1e-6)


def test_a_class_of_one_image_has_that_image_as_its_mean(data):
    model, first, second = DenseAutoencoder(), data.tensor()[:1], data.tensor()[60:61]
    assert torch.allclose(class_mean_blend(model, first, second), code_blend(model, first, second), atol=1e-6)

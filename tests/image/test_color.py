import torch

from imgrestore.image.color import extend_under_transparency


def test_visible_pixels_are_untouched_and_hidden_ones_take_their_colour() -> None:
    rgba = torch.zeros(4, 40, 60)
    rgba[:, :, :20] = torch.tensor([0.8, 0.5, 0.2, 1.0])[:, None, None]
    rgba[3, :, 20] = 0.25
    rgba[:3, :, 20] = torch.tensor([0.7, 0.6, 0.1])[:, None]
    extended = extend_under_transparency(rgba)
    assert torch.equal(extended[3], rgba[3])
    assert torch.equal(extended[:, :, :21], rgba[:, :, :21])
    assert torch.allclose(extended[:3, 20, 30], torch.tensor([0.8, 0.5, 0.2]), atol=0.06)
    assert torch.equal(extended[:3, :, 55:], rgba[:3, :, 55:]), "beyond its reach nothing changes"


def test_opaque_images_pass_through() -> None:
    rgba = torch.rand(4, 5, 5).clamp_min(0.1)
    assert extend_under_transparency(rgba) is rgba

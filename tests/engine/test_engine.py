import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conftest import EXACT_VARIANTS, MODEL_VARIANTS, random_model
from imgrestore.engine.restorer import Restorer
from imgrestore.errors import ComputeError, UsageError
from imgrestore.image import Image
from imgrestore.image.color import luma
from imgrestore.image.regions import Region
from imgrestore.image.resampling import resize
from imgrestore.image.rows import mirrored_places
from imgrestore.models.contract import RestorationModel
from imgrestore.parts.registry import find_model

SIZES = [(1, 1), (1, 37), (23, 2), (5, 90), (17, 23), (45, 61)]

TRUNKS = ("resnet-deblur", "resnet-denoise", "resnet-sr")
NETWORKS = [variant for variant in EXACT_VARIANTS if random_model(*variant.values).resampler is None]


def image(height: int, width: int, channels: int = 3) -> Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(height * 1000 + width))


@pytest.mark.parametrize(("name", "scale"), EXACT_VARIANTS)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_tiles_equal_the_whole_bit_for_bit(name: str, scale: int, size: tuple[int, int]) -> None:
    model = random_model(name, scale, **({"blocks": 2} if name in TRUNKS else {}))
    lq = image(*size)
    whole = Restorer(model, tile=10_000, precision="fp32").restore_tensor(lq)
    if all(side % model.multiple_of == 0 for side in size):
        columns, rows = (mirrored_places(range(-model.edge, side + model.edge), side) for side in size[::-1])
        beyond = scale * model.edge
        with torch.inference_mode():
            bare = model(lq[None, :, rows][..., columns])[0, :, beyond:, beyond:]
        assert torch.allclose(bare[:, : scale * size[0], : scale * size[1]], whole, atol=1e-4)
    for tile in (9, 16, 40):
        restored = Restorer(model, tile=tile, precision="fp32").restore_tensor(lq)
        assert torch.equal(restored, whole), f"tile {tile}: off by {(restored - whole).abs().max():.2e}"


@pytest.mark.parametrize(("name", "scale"), NETWORKS)
def test_pixels_do_not_depend_on_the_width_of_their_tile(name: str, scale: int) -> None:
    """oneDNN may choose a kernel by the width. One block of a trunk tells as much as all: their layers are alike."""
    model = random_model(name, scale, **({"blocks": 1} if name in TRUNKS else {}))
    lq = image(5, 120 + model.halo)
    widest = Restorer(model, tile=10_000, precision="fp32").restore_tensor(lq)
    for width in range(17 + model.halo, 117 + model.halo, 5):
        restored = Restorer(model, tile=10_000, precision="fp32").restore_tensor(lq[..., :width])
        square = model.multiple_of
        kept = scale * square * ((width // square * square - model.halo) // square)
        assert torch.equal(restored[..., :kept], widest[..., :kept]), f"{width} pixels wide"


@pytest.mark.parametrize("scale", [2, 4])
def test_tiles_equal_the_bare_network_on_a_photo_sized_image(scale: int) -> None:
    model = random_model("resnet-sr", scale)
    lq = image(101, 143)
    with torch.inference_mode():
        whole = model.to(memory_format=torch.channels_last)(lq[None].to(memory_format=torch.channels_last))[0]
    for tile in (33, 64, 100):
        assert torch.equal(Restorer(model, tile=tile, precision="fp32", edge=0).restore_tensor(lq), whole)


@pytest.mark.parametrize(("name", "scale"), EXACT_VARIANTS)
def test_gradient_reaches_no_further_than_the_halo(name: str, scale: int) -> None:
    model = random_model(name, scale)
    side = 2 * (model.halo + 10) + model.multiple_of
    side -= side % model.multiple_of
    lq = image(side, side)[None].requires_grad_()
    middle = side // 2
    restored = model(lq)
    restored[..., middle * scale : (middle + 1) * scale, middle * scale : (middle + 1) * scale].sum().backward()
    touched = lq.grad.abs().sum(dim=(0, 1)) > 0
    rows, columns = touched.nonzero(as_tuple=True)
    reach = max((rows - middle).abs().max(), (columns - middle).abs().max())
    assert reach <= model.halo + model.multiple_of - 1


@pytest.mark.parametrize(("name", "scale"), MODEL_VARIANTS)
def test_output_size_type_and_repeatability(name: str, scale: int) -> None:
    restorer = Restorer(random_model(name, scale))
    source = Image((image(19, 13).permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    first, second = restorer.restore(source), restorer.restore(source)
    assert first.pixels.shape == (19 * scale, 13 * scale, 3)
    assert first.pixels.dtype == np.uint8
    assert np.array_equal(first.pixels, second.pixels)


class Even(RestorationModel):
    """Needs even sides: averages each 2x2 square, so a tile off the grid would show."""

    scale, halo, multiple_of = 2, 3, 2

    def forward(self, lq: Tensor) -> Tensor:
        assert lq.shape[-1] % 2 == 0 and lq.shape[-2] % 2 == 0
        blurred = nn.functional.avg_pool2d(lq, 5, stride=1, padding=2, count_include_pad=False)
        squares = nn.functional.avg_pool2d(blurred, 2)
        return squares.repeat_interleave(4, -1).repeat_interleave(4, -2)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_stay_on_the_grid_of_a_strided_model(size: tuple[int, int]) -> None:
    lq = image(*size)
    whole = Restorer(Even(), tile=1000).restore_tensor(lq)
    assert whole.shape == (3, 2 * size[0], 2 * size[1])
    for tile in (5, 8, 31):
        assert torch.equal(Restorer(Even(), tile=tile).restore_tensor(lq), whole)


class Fixed(RestorationModel):
    """An identity that takes blocks of one size only."""

    def __init__(self, scale: int = 1, native_size: int = 18) -> None:
        super().__init__()
        self.scale, self.native_size = scale, native_size
        self.blocks: set[bytes] = set()

    def forward(self, lq: Tensor) -> Tensor:
        assert lq.shape[-2:] == (self.native_size, self.native_size)
        self.blocks |= {block.contiguous().numpy().tobytes() for block in lq}
        return lq.repeat_interleave(int(self.scale), -1).repeat_interleave(int(self.scale), -2)


def test_a_network_without_colours_is_given_luma_and_gives_grey() -> None:
    class Grey(RestorationModel):
        channels = 1

        def forward(self, lq: Tensor) -> Tensor:
            assert lq.shape[1] == 1
            return lq

    lq = image(9, 7)
    restored = Restorer(Grey()).restore_tensor(lq)
    expected = (lq * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=0)
    assert restored.shape == lq.shape and all(torch.allclose(channel, expected) for channel in restored)


@pytest.mark.parametrize("size", [*SIZES, (18, 18), (19, 300)])
@pytest.mark.parametrize(
    ("scale", "native", "overlap"), [(1, 18, 4), (1, 18, 0), (2, 16, 11), (4, 8, 7), (1, 18, None)]
)
def test_blocks_of_a_fixed_size_model_merge_to_the_identity(
    size: tuple[int, int], scale: int, native: int, overlap: int | None
) -> None:
    lq = image(*size)
    restored = Restorer(Fixed(scale, native), overlap=overlap).restore_tensor(lq)
    expected = lq.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    assert restored.shape == expected.shape
    assert (restored - expected).abs().max() < 1e-6


@pytest.mark.parametrize(("name", "scale"), MODEL_VARIANTS)
def test_the_registry_knows_what_takes_one_size_only(name: str, scale: int) -> None:
    assert find_model(name).fixed_size == (random_model(name, scale).native_size is not None)


def test_block_count_of_paper_001() -> None:
    model = Fixed()
    Restorer(model, overlap=random_model("block-ae", 1).overlap).restore_tensor(image(256, 256))
    assert len(model.blocks) == 324


def test_a_pattern_that_a_network_repeats_from_block_to_block_averages_out() -> None:
    class Patterned(Fixed):
        def forward(self, lq: Tensor) -> Tensor:
            return lq + torch.linspace(0, 1, 16)

    lq = torch.zeros(3, 80, 80)
    beside = Restorer(Patterned(native_size=16), overlap=0).restore_tensor(lq)
    averaged = Restorer(Patterned(native_size=16)).restore_tensor(lq)[:, 16:64, 16:64]
    assert beside.std() > 0.3 and averaged.std() < 0.1 * beside.std()
    assert averaged.mean() == pytest.approx(0.5, abs=0.01)


BLOCK_MODELS = ["block-ae", "block-resnet-ae", "block-vae", "block-resnet-vae"]


@pytest.mark.parametrize("name", BLOCK_MODELS)
def test_a_block_does_not_depend_on_those_computed_beside_it(name: str) -> None:
    """Whether alone, in a crop or in the whole image, and whatever the memory; with decoders for three clusters."""
    model = random_model(name, 1, clusters=3)
    side, lq = model.native_size, image(71, 95)
    blocks = torch.stack([lq[:, y : y + side, x : x + side] for y in range(0, 50, 8) for x in range(0, 70, 8)])
    model.cluster([blocks])
    model.enter("per-cluster")
    assert len(set(model.cluster_of(model.eval().outputs(blocks)["code"]).tolist())) > 1, "several decoders are needed"
    whole = Restorer(model).restore_tensor(lq)
    assert torch.equal(Restorer(model, memory=2**20, tile=5).restore_tensor(lq), whole)
    corner = Restorer(model).restore_tensor(lq[:, :side, :side])
    inner = side - side * 3 // 4
    assert torch.equal(corner[:, :inner, :inner], whole[:, :inner, :inner])
    control = Restorer(model.control()).restore_tensor(lq)
    assert not torch.equal(control, whole), "the control has a decoder of its own"
    model.enter("joint")
    assert torch.equal(Restorer(model).restore_tensor(lq), control), "that of the first stage"


class Forgetful(Fixed):
    """An identity that fails in low precision on blocks that are bright."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, lq: Tensor) -> Tensor:
        bright = lq.mean(dim=(1, 2, 3), keepdim=True) > 0.5
        low = 0.25 if self.weight.dtype != torch.float32 else 1.0
        return torch.where(bright & (low < 1), torch.nan, low * lq)


def test_only_blocks_that_overflow_are_computed_again() -> None:
    lq = torch.cat([torch.full((3, 18, 28), 0.9), torch.full((3, 18, 40), 0.1)], dim=2)
    restorer = Restorer(Forgetful(), precision="bf16")
    restored = restorer.restore_tensor(lq)
    assert torch.allclose(restored[..., :14], torch.tensor(0.9)) and torch.allclose(
        restored[..., -14:], torch.tensor(0.025)
    )
    assert len(restorer.notices) == 1 and "computed again in float32" in restorer.notices[0]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    ("name", "scale"), [each for each in MODEL_VARIANTS if each.values[0] in ("bicubic", "resnet-sr")]
)
def test_depth_channels_and_mean_colour_survive(name: str, scale: int, channels: int, dtype: str) -> None:
    peak = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    flat = np.empty((40, 30, channels), dtype=dtype)
    flat[...] = (np.array([0.2, 0.6, 0.4, 1.0])[:channels] if channels > 2 else np.array([0.6, 1.0])[:channels]) * peak
    model = random_model(name, scale)
    if model.resampler is None:
        nn.init.zeros_(model.tail.weight)
        nn.init.zeros_(model.tail.bias)
    restored = Restorer(model).restore(Image(flat)).pixels
    assert restored.dtype == flat.dtype and restored.shape == (40 * scale, 30 * scale, channels)
    assert np.abs(restored.astype(float) - flat[0, 0].astype(float)).max() <= 1.01e-5 * peak + (peak > 1)


def test_alpha_leaves_no_fringe() -> None:
    """White on hidden black: no grey may appear where the result is visible."""
    pixels = np.zeros((40, 40, 4), dtype=np.uint8)
    pixels[10:30, 10:30] = 255
    restored = Restorer(random_model("bicubic", 4)).restore(Image(pixels)).pixels
    visible = restored[..., 3] > 0
    assert restored[..., :3][visible].min() >= 254
    assert (restored[..., 3] > 0).any() and (restored[..., 3] == 0).any()


def test_alpha_does_not_depend_on_tiles() -> None:
    source = Image((image(110, 41, 4).permute(1, 2, 0).numpy() * 65535).astype(np.uint16))
    source.pixels[20:90, 10:35, 3] = 0
    model = random_model("resnet-sr", 2)
    results = [Restorer(model, tile=tile).restore(source).pixels for tile in (17, 64, 500)]
    assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2])


def test_strength_blends_with_bicubic() -> None:
    model, lq = random_model("resnet-sr", 2), image(50, 70)
    base = resize(lq, (100, 140))
    full = Restorer(model).restore_tensor(lq)
    assert torch.equal(Restorer(model, strength=0.0).restore_tensor(lq), base)
    half = Restorer(model, strength=0.5, tile=16).restore_tensor(lq)
    assert torch.allclose(half, (full + base) / 2, atol=1e-5)
    with pytest.raises(UsageError, match="between 0 and 1"):
        Restorer(model, strength=1.5)
    nearest = find_model("nearest").load()(2)
    assert torch.equal(Restorer(nearest, strength=0.0).restore_tensor(lq), base)


@pytest.mark.parametrize("name", ["resnet-sr", "unet-denoise", "block-ae", "bicubic"])
@pytest.mark.parametrize(("wrap", "times"), [("x", (1, 3)), ("y", (3, 1)), ("both", (3, 3))])
def test_a_texture_is_the_middle_of_its_repetition(name: str, wrap: str, times: tuple[int, int]) -> None:
    model = find_model(name).load()(2) if name == "bicubic" else random_model(name, 2 if name == "resnet-sr" else 1)
    pixels = (image(150, 136, 4).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    size = (205, 226)
    many = Image(np.tile(pixels, (*times, 1)))
    middle = Region(times[1] // 2 * size[0], times[0] // 2 * size[1], *size)
    expected = Restorer(model, tile=64).restore(many, (times[1] * size[0], times[0] * size[1]), middle)
    restorer = Restorer(model, wrap=wrap, tile=64)
    restored = restorer.restore(Image(pixels), size)
    assert restored.pixels.shape == (*size[::-1], 4)
    assert np.array_equal(restored.pixels, expected.pixels)
    assert not np.array_equal(restored.pixels, Restorer(model, tile=64).restore(Image(pixels), size).pixels)
    part = restorer.restore(Image(pixels), size, Region(190, 7, 15, 30))
    assert np.array_equal(part.pixels, restored.pixels[7:37, 190:])


def test_a_texture_smaller_than_what_a_network_sees_is_repeated_until_it_sees_nothing_else() -> None:
    model, pixels = random_model("resnet-denoise", 1), (image(9, 6).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    restored = Restorer(model, wrap="both").restore(Image(pixels)).pixels
    many = Restorer(model).restore(Image(np.tile(pixels, (19, 31, 1)))).pixels
    assert np.array_equal(restored, many[81:90, 90:96])


@pytest.mark.parametrize("scale", [1, 2])
def test_brightness_and_colour_are_restored_apart(scale: int) -> None:
    model, lq = random_model("resnet-sr" if scale > 1 else "resnet-denoise", scale), image(50, 70)
    base = resize(lq, (scale * 50, scale * 70)) if scale > 1 else lq
    full = Restorer(model).restore_tensor(lq)
    bright, colour = (Restorer(model, only=what, tile=16).restore_tensor(lq) for what in ("brightness", "colour"))
    assert torch.allclose(luma(bright), luma(full), atol=1e-5)
    assert torch.allclose(luma(colour), luma(base), atol=1e-5)
    assert torch.allclose(bright - base + colour, full, atol=1e-5)
    assert (bright - full).abs().max() > 1e-3 and (colour - full).abs().max() > 1e-3
    assert (colour - base).abs().max() > 1e-3
    less = Restorer(model, only="colour", strength=0.25).restore_tensor(lq)
    assert torch.allclose(less - base, (colour - base) / 4, atol=1e-5)


def test_other_sizes_are_resampled_from_the_network_result() -> None:
    model, lq = random_model("resnet-sr", 4), image(31, 45)
    expected = resize(Restorer(model).restore_tensor(lq), (93, 135))
    assert torch.equal(Restorer(model, 3, tile=13).restore_tensor(lq), expected)


class Faulty(RestorationModel):
    """Identity that gives NaN in low precision, or always."""

    def __init__(self, always: bool) -> None:
        super().__init__()
        self.always = always
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, lq: Tensor) -> Tensor:
        bad = self.always or self.weight.dtype != torch.float32
        return lq * self.weight.float() * (torch.nan if bad else 1)


def test_bad_tiles_are_computed_again_in_float32() -> None:
    lq = image(20, 20)
    restorer = Restorer(Faulty(always=False), precision="bf16", tile=8)
    assert torch.equal(restorer.restore_tensor(lq), lq)
    assert len(restorer.notices) == 1 and "computed again in float32" in restorer.notices[0]
    with pytest.raises(ComputeError, match="not numbers"):
        Restorer(Faulty(always=True), precision="bf16").restore_tensor(lq)


@pytest.mark.parametrize("sample", [torch.nan, torch.inf])
def test_samples_that_are_no_numbers_are_told_as_such(sample: float) -> None:
    lq = image(20, 20)
    lq[0, 3, 4] = sample
    restorer = Restorer(Faulty(always=False), precision="bf16", tile=8)
    with pytest.raises(ComputeError, match="some of its samples are not numbers"):
        restorer.restore_tensor(lq)
    assert restorer.notices == []


class Greedy(RestorationModel):
    """Identity that runs out of memory on large tiles."""

    halo = 2

    def forward(self, lq: Tensor) -> Tensor:
        if lq.shape[-1] * lq.shape[-2] > 900:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1 bytes")
        return lq


def test_out_of_memory_halves_the_tile_and_goes_on() -> None:
    restorer, lq = Restorer(Greedy(), tile=128), image(200, 150)
    assert torch.equal(restorer.restore_tensor(lq), lq)
    assert restorer.notices == [
        "out of memory: tiles halved to 64x64 pixels",
        "out of memory: tiles halved to 32x32 pixels",
        "out of memory: tiles halved to 16x16 pixels",
    ]

    class Hopeless(Greedy):
        def forward(self, lq: Tensor) -> Tensor:
            raise RuntimeError("can't allocate memory")

    with pytest.raises(ComputeError, match="out of memory"):
        Restorer(Hopeless()).restore_tensor(lq)


def test_tile_follows_from_the_budget() -> None:
    model = random_model("resnet-sr", 2)
    tiles = [Restorer(model, memory=budget).choose_tile(4000) for budget in (50 * 2**20, 150 * 2**20, 2**31)]
    areas = [rows * columns for rows, columns in tiles]
    assert areas == sorted(areas) and areas[0] < areas[-1] == 256 * 1024
    assert Restorer(model, tile=77).choose_tile(4000) == (77, 77)
    with pytest.raises(UsageError, match=r"budget of 1M is too small.*4000"):
        Restorer(model, memory=2**20).choose_tile(4000)


def test_bfloat16_is_close_to_float32() -> None:
    model, lq = random_model("resnet-sr", 2), image(40, 40)
    for parameter in model.tail.parameters():
        nn.init.normal_(parameter, std=1e-3)
    exact = Restorer(model, precision="fp32").restore_tensor(lq)
    fast = Restorer(model, precision="bf16").restore_tensor(lq)
    assert 0 < (exact - fast).abs().max() < 0.05


@pytest.mark.parametrize("place", [(0, 0, 30, 20), (37, 41, 50, 33), (90, 60, 38, 36), (64, 64, 1, 1)])
@pytest.mark.parametrize("size", [None, (128, 96), (200, 150)])
@pytest.mark.parametrize("name", ["resnet-sr", "block-ae", "block-vae", "bicubic"])
def test_a_crop_has_the_pixels_of_the_whole(name: str, size: tuple[int, int] | None, place: tuple[int, ...]) -> None:
    model = random_model(name, 1 if name.startswith("block") else 2)
    restorer = Restorer(model, tile=16, precision="fp32")
    source = Image((image(48, 64, 4).permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    across, down = size or restorer.output_size(64, 48)
    crop = Region(*place)
    if not crop.within(across, down):
        with pytest.raises(UsageError, match="does not lie inside"):
            restorer.stream(source.stream(), size, crop)
        return
    whole = restorer.restore(source, size).pixels
    part = restorer.stream(source.stream(), size, crop).read().pixels
    left, top, width, height = place
    assert np.array_equal(part, whole[top : top + height, left : left + width])


def test_a_crop_computes_only_its_tiles() -> None:
    model = Fixed()
    pixels = (image(200, 200).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    Restorer(model, overlap=4).stream(Image(pixels).stream(), None, Region(100, 100, 10, 10)).read()
    assert 0 < len(model.blocks) <= 9


def test_streams_of_one_restorer_do_not_disturb_each_other() -> None:
    restorer = Restorer(random_model("resnet-sr", 2), tile=16, precision="fp32")
    source = Image((image(150, 40).permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    whole = restorer.restore(source).pixels
    bands = restorer.stream(source.stream()).bands
    first = next(bands)
    restorer.stream(source.stream(), None, Region(0, 0, 4, 4)).read()
    assert np.array_equal(np.concatenate([first, *bands]), whole)

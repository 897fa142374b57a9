"""Paper 001: encoders, decoders and what joins them, against the numbers of the paper."""

import pytest
import torch
from torch import nn

from imgrestore.errors import RecipeError
from imgrestore.models.block_ae import block_ae, block_resnet_ae
from imgrestore.models.block_vae import block_resnet_vae, block_vae, block_vgg_vae
from imgrestore.models.multi_filter import MultiFilter


def keras_count(module: nn.Module) -> int:
    """Count parameters as Keras prints them, moving statistics of batch normalisations included."""
    return sum(tensor.numel() for name, tensor in module.state_dict().items() if "num_batches" not in name)


@pytest.mark.parametrize(
    ("model", "encoder", "decoder"),
    [
        (block_ae(), 446_836, 378_155),
        (block_resnet_ae(), 265_916, 378_155),
        (block_vae(), 36_244, 59_331),
        (block_resnet_vae(), 44_020, 59_331),
    ],
    ids=["block-ae", "block-resnet-ae", "block-vae", "block-resnet-vae"],
)
def test_parameters_of_paper_001(model: MultiFilter, encoder: int, decoder: int) -> None:
    assert (keras_count(model.encoder), keras_count(model.decoder)) == (encoder, decoder)


def test_trainable_parameters_of_the_block_encoder() -> None:
    assert sum(parameter.numel() for parameter in block_ae().encoder.parameters()) == 446_580


def test_sides_of_blocks_on_their_way() -> None:
    model = block_ae()
    sides: list[int] = []
    for layer in (*model.encoder, *model.decoder):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda _, __, result: sides.append(result.shape[-1]))
    model(torch.rand(2, 3, 18, 18))
    assert sides == [18, 9, 9, 5, 5, 3, 6, 6, 18, 18, 18]
    digits = block_vae(block=14, channels=1)
    assert digits(torch.rand(2, 1, 14, 14)).shape == (2, 1, 14, 14) and digits.encoder.trunk[3].in_channels == 32


def test_vgg16_takes_blocks_of_32() -> None:
    model = block_vgg_vae()
    convolutions = [layer for layer in model.encoder.trunk if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 13 and sum(keras_count(layer) for layer in convolutions) == 14_714_688
    code = model.eval().outputs(torch.rand(8, 3, 32, 32))["code"]
    assert code.std(dim=0).min() > 1e-3, "the signal reaches the code"
    with pytest.raises(RecipeError, match="multiple of 32, got 16"):
        block_vgg_vae(block=16)


def test_a_variational_code_is_drawn_in_training_and_its_mean_in_evaluation() -> None:
    model, blocks = block_vae(), torch.rand(4, 3, 16, 16)
    outputs = [model.eval().outputs(blocks) for _ in range(2)]
    assert torch.equal(outputs[0]["code"], outputs[0]["mean"]) and torch.equal(outputs[0]["code"], outputs[1]["code"])
    model.train()
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(model.outputs(blocks)["code"])
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    many = model.outputs(torch.zeros(4000, 3, 16, 16))
    spread = (many["code"] - many["mean"]).std(dim=0)
    assert torch.allclose(spread, (many["logvar"][0] / 2).exp(), rtol=0.1)
    nn.init.constant_(model.encoder.logvar.bias, 1e6)
    assert bool(model.outputs(blocks)["restored"].isfinite().all())


@pytest.mark.parametrize(("head", "trained"), [("trainable", True), ("frozen", False)])
def test_the_head_routes_and_is_trained_if_asked(head: str, trained: bool) -> None:
    model, blocks = block_ae(clusters=2, head=head), torch.rand(6, 3, 18, 18)
    assert model.stages == ("joint", "per-cluster")
    outputs = model.outputs(blocks)
    assert torch.allclose(outputs["assignment"].sum(dim=1), torch.ones(6))
    model.enter("joint")
    assert all(parameter.requires_grad == trained for parameter in model.head.parameters())
    model.enter("per-cluster")
    assert not any(parameter.requires_grad for parameter in (*model.head.parameters(), *model.encoder.parameters()))
    with torch.no_grad():
        for cluster in (0, 1):
            model.head[0].bias.copy_(torch.eye(2)[cluster] * 100)
            code = model.eval().encoder(blocks)
            assert model.cluster_of(code).tolist() == [cluster] * 6
            assert torch.allclose(model(blocks), model.decoders[cluster](code))


def test_a_head_needs_clusters_and_blocks_their_size() -> None:
    with pytest.raises(RecipeError, match="tells clusters apart"):
        block_ae(head="trainable")
    with pytest.raises(RecipeError, match="multiple of 6, got 16"):
        block_resnet_ae(block=16)


@pytest.mark.parametrize("copied", [True, False])
def test_decoders_begin_afresh_or_as_copies_of_the_control(copied: bool) -> None:
    model, blocks = block_ae(clusters=2, init_from_stage1=copied), torch.rand(3, 3, 18, 18)
    model.enter("joint")
    nn.init.normal_(model.decoder[0].weight)
    model.cluster([torch.rand(20, 3, 18, 18)])
    model.enter("per-cluster")
    model.eval()
    assert torch.equal(model(blocks), model.control()(blocks)) == copied
    nn.init.zeros_(model.decoders[0][0].weight)
    model.enter("per-cluster")
    assert not model.decoders[0][0].weight.any(), "a run that is resumed keeps what its decoders have learned"
    assert sum(p.numel() for p in model.control().parameters()) == 446_580 + 378_155

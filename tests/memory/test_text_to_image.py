"""Txt2Img-MHN: what its parts must do whatever their weights are, cached sampling, bad input."""

import math
import runpy
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from neurarium.memory import (
    VQVAE,
    AxialPositionalEmbedding,
    GreyLevels,
    HopfieldLayer,
    HopfieldSelfAssociation,
    PrototypeBlock,
    PrototypeLayer,
    TextToImageTransformer,
    Txt2ImgMHN,
    collect_words,
)
from neurarium.memory.txt2img_generation import SequenceMemory, filter_logits
from neurarium.memory.txt2img_words import encode_words
from neurarium.memory.vqvae import relaxed_choice

VOCABULARY, LENGTH = 9, 4


def tokenizer(**changes):
    settings = {"image_size": 8, "num_layers": 1, "num_blocks": 1, "hidden_channels": 4}
    return VQVAE(1, 7, 3, **{**settings, **changes})


def model_of(kind=Txt2ImgMHN, codes=None, spread=3.0, **changes):
    """A model in float64 whose weights are far from their beginning, so that all parts count."""
    torch.manual_seed(0)
    settings = {
        "text_length": LENGTH,
        "embed_dim": 12,
        "num_layers": 2,
        "num_heads": 2,
        "head_dim": 5,
        "num_prototypes": 11,
        "dtype": torch.float64,
    }
    codes = tokenizer().double() if codes is None else codes
    model = kind(codes, VOCABULARY, **{**settings, **changes})
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.startswith("tokenizer."):
                parameter.mul_(spread).add_(torch.randn_like(parameter), alpha=0.3)
    return model.eval()


MODELS = {
    "mhn": lambda **changes: model_of(**changes),
    "dalle": lambda **changes: model_of(TextToImageTransformer, **changes),
    "mixed": lambda **changes: model_of(
        TextToImageTransformer,
        mixing="prototypes",
        association="hopfield",
        head="mhn",
        hidden_features=13,
        **changes,
    ),
}
each_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


def example(model, batch=3):
    text = torch.randint(1, VOCABULARY, (batch, LENGTH))
    text[0, 2:] = 0
    return text, torch.randint(model.num_codes, (batch, model.num_image))


@each_model
def test_later_elements_change_nothing_before(build):
    model = build()
    text, ids = example(model)
    logits, rows = model(text, ids), LENGTH + model.num_image
    for place in range(rows - 1):  # element place + 1 of <bos>, text, image
        changed = text.clone(), ids.clone()
        if place < LENGTH:
            changed[0][:, place] = changed[0][:, place] % (VOCABULARY - 1) + 1
        else:
            changed[1][:, place - LENGTH] = (changed[1][:, place - LENGTH] + 1) % model.num_codes
        found = model(*changed)
        assert torch.equal(found[:, : place + 1], logits[:, : place + 1])
        assert not torch.allclose(found[:, place + 1], logits[:, place + 1])


@each_model
def test_no_gradient_comes_from_later_rows(build):
    model = build()
    x = torch.randn(1, 9, 12, dtype=torch.float64, requires_grad=True)
    y = x
    for block in model.blocks:
        y = block(y)
    (gradient,) = torch.autograd.grad(y[:, 4].square().sum(), x)
    assert (gradient[:, 5:] == 0).all()
    assert (gradient[:, :5] != 0).all()


@each_model
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_remembered_rows_have_the_logits_of_whole_sequences(build, dtype):
    model = build(spread=1.0).to(dtype)
    text, ids = example(model)
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    with torch.no_grad():
        rows = SequenceMemory(model, text, 2)
        ids = ids.repeat_interleave(2, 0)
        whole = model(text.repeat_interleave(2, 0), ids)[:, LENGTH:, model.num_text :]
        for count in range(model.num_image):
            found = rows.logits(ids[:, :count])
            assert_close(found, whole[:, count], rtol=tolerance, atol=tolerance)


@each_model
@pytest.mark.parametrize("settings", [{"top_k_filter": 0.5}, {"greedy": True}, {"guidance": 2.5}])
def test_sampling_from_memory_gives_the_tokens_of_recomputing(build, settings):
    model = build(text_dropout=0.1)
    text, _ = example(model)
    found = [
        model.generate(
            text,
            num_images=2,
            return_ids=True,
            use_cache=use_cache,
            generator=torch.Generator().manual_seed(3),
            **settings,
        )
        for use_cache in (True, False)
    ]
    (images, ids), (others, same) = found
    assert torch.equal(ids, same)
    assert torch.equal(images, others)
    assert ids.shape == (3, 2, model.num_image)
    assert images.shape == (3, 2, 1, 8, 8)
    if "top_k_filter" in settings:
        assert not torch.equal(ids[:, 0], ids[:, 1])


def test_256_tokens_sampled_from_memory_are_those_of_recomputing():
    model = model_of(codes=GreyLevels(7, 16, patch_size=1), spread=1.0)
    text, _ = example(model, batch=1)
    (_, ids), (_, same) = (
        model.generate(
            text,
            return_ids=True,
            use_cache=use_cache,
            generator=torch.Generator().manual_seed(0),
        )
        for use_cache in (True, False)
    )
    assert ids.shape == (1, 1, 256)
    assert torch.equal(ids, same)
    assert len(ids.unique()) > 2


def test_samples_follow_the_model():
    """First tokens against the softmax of their logits: χ² of 4000 draws."""
    model = model_of(spread=1.0)
    text, _ = example(model, batch=1)
    with torch.no_grad():
        expected = model(text)[0, -1, model.num_text :].softmax(-1)
    _, ids = model.generate(
        text,
        num_images=4_000,
        top_k_filter=0.0,
        return_ids=True,
        generator=torch.Generator().manual_seed(1),
    )
    counts = ids[0, :, 0].bincount(minlength=model.num_codes)
    chi2 = ((counts - 4_000 * expected).square() / (4_000 * expected)).sum()
    assert chi2 < 22.5  # 99.9 % point of 6 degrees of freedom


def test_guidance_is_the_published_formula():
    model = model_of(text_dropout=0.2)
    text, _ = example(model)
    with torch.no_grad():
        given, without = (
            model(words)[:, -1, model.num_text :] for words in (text, torch.zeros_like(text))
        )
    expected = (without + 3.0 * (given - without)).argmax(-1)
    _, ids = model.generate(text, guidance=3.0, greedy=True, return_ids=True)
    assert torch.equal(ids[:, 0, 0], expected)


@each_model
def test_rows_predict_their_own_type(build):
    model = build()
    text, ids = example(model)
    found = model(text, ids).softmax(-1)
    assert (found[:, :LENGTH, model.num_text :] == 0).all()
    assert (found[:, LENGTH:, : model.num_text] == 0).all()


def test_output_rows_are_normalised_over_all_logits():
    model = model_of()
    model.head.norm.reset_parameters()
    text, ids = example(model)
    raw = model.head(model.stream(text, ids))
    assert_close(raw.mean(-1), torch.zeros_like(raw[..., 0]), rtol=0, atol=1e-12)
    assert_close(raw.var(-1, correction=0), torch.ones_like(raw[..., 0]), rtol=1e-2, atol=0)
    masked = model(text, ids)
    assert torch.equal(masked[:, :LENGTH, : model.num_text], raw[:, :LENGTH, : model.num_text])


@each_model
def test_loss_is_the_cross_entropy_of_image_rows(build):
    model = build()
    text, ids = example(model)
    logits = model(text, ids).detach().requires_grad_()
    rows = logits[:, LENGTH:].log_softmax(-1)
    expected = -rows.gather(2, ids[..., None] + model.num_text).mean()
    assert_close(model.loss(text, ids), expected, rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(expected, logits)
    assert (gradient[:, :LENGTH] == 0).all()
    each = model.loss(text, ids, reduction="none")
    assert each.shape == ids.shape
    assert_close(each.mean(), expected, rtol=1e-12, atol=0)


def test_text_is_dropped_in_training_alone():
    model = model_of(text_dropout=0.999999, dropout=0.0)
    text, ids = example(model)
    nothing = model.loss(torch.zeros_like(text), ids)
    assert not torch.isclose(model.loss(text, ids), nothing)
    assert torch.equal(model.train().loss(text, ids), nothing)


def test_every_padding_has_an_embedding_of_its_own():
    model = model_of()
    text = torch.zeros(1, LENGTH, dtype=torch.int64)
    table = model.text_embedding.weight
    told = model.embed(text, text.new_empty(1, 0))[0, 1:] - model.text_positions.weight[1:]
    assert_close(told, table[VOCABULARY:], rtol=1e-12, atol=1e-12)
    first = model.embed(text, text.new_empty(1, 0))[0, 0]
    assert_close(first, table[0] + model.text_positions.weight[0], rtol=1e-12, atol=1e-12)
    left, right = torch.tensor([[3, 4, 0, 0]]), torch.tensor([[0, 3, 4, 0]])
    assert not torch.allclose(model(left)[:, -1], model(right)[:, -1])
    assert (text == 0).all()


def test_one_prototype_is_a_constant_and_their_order_does_not_matter():
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    single = PrototypeLayer(12, 1, dtype=torch.float64).eval()
    assert_close(single(x), single.content[0].expand_as(x))
    layer = PrototypeLayer(12, 30, dtype=torch.float64).eval()
    expected, order = layer(x), torch.randperm(30)
    layer.lookup.data, layer.content.data = layer.lookup[order].data, layer.content[order].data
    assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


def test_cold_prototypes_are_nearest_neighbours():
    rows = F.normalize(torch.randn(40, 12, dtype=torch.float64), dim=1)
    layer = PrototypeLayer(12, 40, out_features=3, beta=1e5, dtype=torch.float64).eval()
    layer.lookup.data = rows
    order = torch.randperm(40)
    assert_close(layer(rows[order][None])[0], layer.content[order])


def test_prototypes_are_a_hopfield_layer_without_projections():
    layer = PrototypeLayer(12, 30, out_features=7, dtype=torch.float64).eval()
    plain = dict.fromkeys(("norm_state", "norm_stored", "norm_values"))
    off = dict.fromkeys(
        ("project_state", "project_stored", "project_values", "out_projection"), False
    )
    memory = HopfieldLayer(
        12, 30, learn_values=True, vdim=7, beta=12**-0.5, dtype=torch.float64, **plain, **off
    )
    memory.store(layer.lookup.detach(), layer.content.detach())
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    out, weights = layer(x, return_attention=True)
    expected, attention = memory(x, return_attention=True)
    assert_close(out, expected, rtol=1e-12, atol=1e-12)
    assert_close(weights, attention[:, 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("causal", [True, False])
def test_association_is_attention_whose_values_are_the_keys(causal):
    layer = HopfieldSelfAssociation(12, 3, head_dim=5, causal=causal, dtype=torch.float64).eval()
    x = torch.randn(2, 6, 12, dtype=torch.float64)
    query, key = layer.query_stored(x).unflatten(-1, (2, 3, 5)).permute(2, 0, 3, 1, 4)
    scores = query @ key.mT / math.sqrt(5)
    if causal:
        scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
    heads = scores.softmax(-1) @ key
    assert_close(layer(x), layer.out(heads.transpose(1, 2).flatten(2)), rtol=1e-12, atol=1e-12)
    names = {name for name, _ in layer.named_parameters()}
    assert names == {"query_stored.weight", "out.weight", "out.bias"}  # nothing makes values


def test_a_block_of_scale_zero_is_the_identity_and_deep_ones_start_small():
    block = PrototypeBlock(12, 2, head_dim=5, num_prototypes=11).eval()
    x = torch.randn(2, 6, 12)
    assert not torch.allclose(block(x), x)
    for branch in (block.prototypes, block.association):
        assert (branch.scale == 0.1).all()
        branch.scale.data.zero_()
    assert torch.equal(block(x), x)
    for depth, scale in ((18, 0.1), (19, 1e-5), (24, 1e-5), (25, 1e-6)):
        deep = PrototypeBlock(12, 2, head_dim=5, num_prototypes=11, depth=depth)
        assert (deep.association.scale == scale).all()


def test_prototypes_come_before_the_association():
    block = PrototypeBlock(12, 2, head_dim=5, num_prototypes=11, dtype=torch.float64).eval()
    x = torch.randn(2, 6, 12, dtype=torch.float64)
    middle = x + 0.1 * block.prototypes.layer(F.layer_norm(x, (12,)))
    expected = middle + 0.1 * block.association.layer(F.layer_norm(middle, (12,)))
    assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


def test_positions_are_sums_of_rows_and_columns():
    positions = AxialPositionalEmbedding(5, (3, 4))
    table = positions(torch.zeros(1, 12, 5))[0].unflatten(0, (3, 4))
    assert_close(table, positions.rows[:, None] + positions.columns[None])
    assert torch.equal(positions(torch.zeros(1, 2, 5), start=6)[0], table.flatten(0, 1)[6:8])


@pytest.mark.parametrize(
    ("share", "total", "kept"), [(0.7, None, 6), (0.5, None, 10), (0.9, 80, 7)]
)
def test_the_filter_keeps_a_share_of_all_logits(share, total, kept):
    logits = torch.randn(3, 20)
    found = filter_logits(logits, share, total)
    assert kept == max(int((1 - share) * (total or 20)), 1)
    assert ((found > -torch.inf).sum(1) == kept).all()
    assert torch.equal(found.max(1).values, logits.max(1).values)
    assert (filter_logits(logits, 0.99) > -torch.inf).sum() == 3
    assert torch.equal(filter_logits(logits, 0.0), logits)


def test_the_filter_of_image_ids_rules_out_what_a_filter_of_all_ids_would():
    logits = torch.randn(3, 30)
    masked = logits.masked_fill(torch.arange(30) < 20, torch.finfo(torch.float32).min)
    for share in (0.5, 0.9):
        every = filter_logits(masked, share).softmax(-1)[:, 20:]
        assert_close(filter_logits(logits[:, 20:], share, 30).softmax(-1), every)


def test_vqvae_decodes_rows_of_its_codebook_and_hardens_with_the_cold():
    model = tokenizer(num_layers=2).double().eval()
    ids = torch.randint(7, (3, 4))
    grid = model.codebook.weight[ids].reshape(3, 2, 2, 3).permute(0, 3, 1, 2)
    assert_close(model.decode(ids), (0.5 * model.decoder(grid) + 0.5).clamp(0, 1))
    images = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    logits = model.code_logits(images)
    assert torch.equal(model.encode(images), logits.argmax(1).flatten(1))
    cold = relaxed_choice(logits, 1e-9, torch.Generator().manual_seed(0))
    warm = relaxed_choice(logits, 1e9, torch.Generator().manual_seed(0))
    assert_close(cold.amax(1), torch.ones_like(cold[:, 0]))
    assert_close(warm, torch.full_like(warm, 1 / 7), rtol=1e-6, atol=1e-7)
    assert_close(cold.sum(1), torch.ones_like(cold[:, 0]))
    with torch.no_grad():
        model.encoder[-1].weight.mul_(1e6)  # noise no longer counts
        soft = model.train()(images, temperature=1e-6)
        assert_close(soft, model.eval()(images), rtol=1e-9, atol=1e-9)


def test_gumbel_choices_follow_the_softmax():
    logits = torch.tensor([0.0, 1.0, 2.0]).reshape(1, 3, 1, 1).expand(20_000, 3, 1, 1)
    drawn = relaxed_choice(logits, 0.1, torch.Generator().manual_seed(0)).argmax(1)
    shares = drawn.flatten().bincount(minlength=3) / 20_000
    assert_close(shares, torch.tensor([0.0, 1.0, 2.0]).softmax(0), rtol=0, atol=0.012)


def test_vqvae_learns_by_the_error_of_normalised_images():
    model = tokenizer().double().train()
    images = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    found = model(images, temperature=0.7, generator=generators[0])
    loss = model.loss(images, temperature=0.7, generator=generators[1])
    assert_close(loss, ((2 * images - 1) - (2 * found - 1)).square().mean())
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_a_model_learns_to_obey_its_caption():
    """Bright and dark images: sampled ones are as bright as their caption says."""
    torch.manual_seed(0)
    captions = ["a bright image", "a dark image"]
    model = Txt2ImgMHN(
        GreyLevels(4, 4),
        words=collect_words(captions),
        text_length=4,
        embed_dim=16,
        num_layers=2,
        num_heads=2,
        head_dim=8,
        num_prototypes=20,
        dropout=0.0,
    )
    text = model.encode_text(captions).repeat(16, 1)
    levels = torch.tensor([[0.8], [0.2]]).repeat(16, 1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(100):
        images = (levels[:, :, None, None] + 0.2 * torch.rand(32, 1, 4, 4) - 0.1).clamp(0, 1)
        optimizer.zero_grad()
        model.loss(text, images).backward()
        optimizer.step()
    drawn = model.eval().generate(captions, num_images=20)
    bright, dark = drawn.flatten(1).mean(1)
    assert bright > 0.6
    assert dark < 0.4


def test_a_model_freezes_its_tokenizer_and_leaves_it_alone():
    codes = tokenizer()
    before = {name: value.clone() for name, value in codes.state_dict().items()}
    model = Txt2ImgMHN(codes, VOCABULARY, text_length=LENGTH, embed_dim=8, num_layers=1).train()
    model.reset_parameters()
    assert not codes.training
    assert not any(p.requires_grad for p in codes.parameters())
    assert all(torch.equal(before[name], value) for name, value in codes.state_dict().items())
    text, _ = example(model)
    codes.train()
    with pytest.raises(RuntimeError, match="tokenizer must be frozen"):
        model.loss(text, torch.rand(3, 1, 8, 8))
    model.eval()
    codes.train()
    with pytest.raises(RuntimeError, match="tokenizer must be frozen"):
        model.generate(text)
    codes.eval().requires_grad_(True)
    with pytest.raises(RuntimeError, match="tokenizer must be frozen"):
        model(text, torch.rand(3, 1, 8, 8))


def test_reset_draws_everything_but_the_tokenizer_anew():
    model = model_of()
    for parameter in model.parameters():
        parameter.data.fill_(3.0)
    model.reset_parameters()
    for name, parameter in model.named_parameters():
        assert (parameter == 3.0).all() == name.startswith("tokenizer."), name


def test_lookups_are_those_of_the_forward_pass():
    model = model_of()
    text, ids = example(model)
    *blocks, last = model.lookups(text, ids)
    assert len(blocks) == 2
    assert all(weights.shape == (3, LENGTH + model.num_image, 11) for weights in (*blocks, last))
    raw = model.head.norm(last @ model.head.prototypes.content)
    assert_close(model.masked(raw), model(text, ids), rtol=1e-12, atol=1e-12)
    x = model.embed(text, ids)
    branch = model.blocks[0].prototypes
    assert_close(
        branch(x), x + branch.scale * (blocks[0] @ branch.layer.content), rtol=1e-12, atol=1e-12
    )


def test_a_saved_model_generates_the_same_from_words(tmp_path):
    model = Txt2ImgMHN(
        tokenizer(), words=["a", "dark", "image"], text_length=4, embed_dim=8, num_layers=1
    ).eval()
    model.save_pretrained(tmp_path)
    twin = Txt2ImgMHN.from_pretrained(tmp_path).eval()
    drawn = [
        m.generate("A dark image!", num_images=2, generator=torch.Generator().manual_seed(0))
        for m in (model, twin)
    ]
    assert torch.equal(*drawn)


def test_a_tokenizer_of_ones_own_works_but_is_not_saved(tmp_path):
    class Signs(torch.nn.Module):
        num_codes, grid_size = 2, (2, 2)

        def encode(self, images):
            return (images > 0.5).long().flatten(1)

        def decode(self, ids):
            return ids.unflatten(1, (1, 2, 2)).float()

    model = Txt2ImgMHN(Signs(), 3, text_length=2, embed_dim=8, num_layers=1).eval()
    assert model.generate(torch.tensor([[1, 0]])).shape == (1, 1, 1, 2, 2)
    with pytest.raises(TypeError, match="not JSON serializable"):
        model.save_pretrained(tmp_path)


def test_captions_that_cannot_be_read():
    words = ["a", "river", "bridge"]
    with pytest.raises(ValueError, match="at most 2 words: got 3 in 'a river bridge'; set trunc"):
        encode_words(["a river bridge"], words, 2)
    assert encode_words(["a river bridge"], words, 2, truncate=True).tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="must not be empty: got ' '"):
        encode_words([" "], words, 2)
    with pytest.raises(ValueError, match="got 'rivers'; did you mean 'river'"):
        encode_words(["a rivers"], words, 2)
    with pytest.raises(RuntimeError, match="must know its vocabulary"):
        model_of().generate("a river")
    with pytest.raises(TypeError, match="several texts: got 'a river'; put one into a list"):
        collect_words("a river")
    with pytest.raises(TypeError, match="captions must be texts: got 1"):
        encode_words([1], words, 2)


def test_captions_that_are_too_long_are_cut_off_on_demand():
    model = model_of(words=["a", "river", "bridge"])
    long, short = "a river a bridge a river", "a river a bridge"
    with pytest.raises(ValueError, match="at most 4 words: got 6"):
        model.generate(long)
    with pytest.raises(ValueError, match=r"text must have the shape \(batch, 4\): got \[1, 6\]"):
        model.generate(torch.tensor([[1, 2, 1, 3, 1, 2]]))
    expected = model.generate(short, greedy=True)
    for text in (long, torch.tensor([[1, 2, 1, 3, 1, 2]])):
        assert torch.equal(model.generate(text, truncate=True, greedy=True), expected)


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ("abc", TypeError, "words must be a list of texts: got 'abc'"),
        ([1], TypeError, "words must be a list of texts"),
        (["a", "a"], ValueError, "words must differ from each other: got 'a' twice"),
        (["River"], ValueError, "words must be single lower-case words: got 'River'"),
        (["a river"], ValueError, "words must be single lower-case words: got 'a river'"),
    ],
)
def test_vocabularies_that_no_caption_fits(words, kind, message):
    with pytest.raises(kind, match=message):
        model_of(words=words)


def test_bad_input_is_one_sentence():
    model = model_of()
    text, ids = example(model)
    cases = [
        (IndexError, "text must hold ids from 0 to 8: got 9", (text + 1, ids)),
        (ValueError, r"text must have the shape \(batch, 4\)", (text[:, 1:], ids)),
        (ValueError, r"image must have the shape \(batch, at most 16\)", (text, ids.repeat(1, 2))),
        (IndexError, "image must hold ids from 0 to 6: got 7", (text, ids + 1)),
        (ValueError, "a row for each text: got 2 and 3", (text, ids[:2])),
        (TypeError, "image must be integer ids or pixels", (text, ids.double())),
        (TypeError, "text must be integer ids", (text.double(), ids)),
        (TypeError, "image must be integer ids", (text, ids > 2)),
        (ValueError, r"image must have the shape \(batch, at most 16\)", (text, ids[:, 0])),
    ]
    text[0, 0], ids[0, 0] = 8, 6
    for kind, message, inputs in cases:
        with pytest.raises(kind, match=message):
            model(*((x + 0) if x is text else x for x in inputs))
    pixels = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]: got values from"):
        model(text, pixels + 1)
    with pytest.raises(ValueError, match="got values from nan to nan"):
        model(text, pixels * math.nan)
    with pytest.raises(TypeError, match=r"floating point: got torch.uint8; divide by 255"):
        model.tokenizer.encode((pixels * 255).to(torch.uint8))
    with pytest.raises(TypeError, match=r"got torch.uint8 of 4; divide by 255"):
        model(text, (pixels * 255).to(torch.uint8))
    with pytest.raises(TypeError, match=r"dtype of the weights, torch.float64: got torch.float32"):
        model(text, pixels.float())
    with pytest.raises(ValueError, match=r"\(batch, 1, 8, 8\): got \[3, 1, 8, 4\]"):
        model(text, pixels[..., :4])
    with pytest.raises(ValueError, match="all 16 ids: got 3"):
        model.loss(text, ids[:, :3])
    with pytest.raises(ValueError, match=r"divisible by 2 \*\* num_layers: got 6 and 2"):
        tokenizer(image_size=6, num_layers=2)
    for changes, message in (
        ({"guidance": 2.0}, "guidance must be 1 for a model trained with every text"),
        ({"top_k_filter": 1.0}, r"top_k_filter must lie in \[0, 1\)"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"temperature": math.inf}, "temperature must be positive and finite"),
        ({"guidance": math.nan}, "guidance must be finite"),
        ({"num_images": 0}, "num_images must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            model.generate(text, **changes)
    with pytest.raises(RuntimeError, match=r"call eval\(\) first"):
        model.train().generate(text)
    with pytest.raises(ValueError, match="beta must be positive and finite: got inf"):
        PrototypeLayer(4, 3, beta=math.inf)
    for grid in (3, (1, 2, 3)):
        with pytest.raises(ValueError, match=r"grid_size must be \(rows, columns\)"):
            AxialPositionalEmbedding(4, grid)
    layer = HopfieldSelfAssociation(4, 1, head_dim=2, causal=False)
    with pytest.raises(RuntimeError, match="causal must be True for remember"):
        layer.remember(torch.zeros(1, 1, 4), layer.init_memory(1, 2), 0)
    positions = AxialPositionalEmbedding(4, (2, 3))
    for start in (-1, 5):
        with pytest.raises(
            ValueError, match=f"at most 6 elements from start >= 0 on: got 2 from {start}"
        ):
            positions(torch.zeros(1, 2, 4), start=start)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_ids_of_every_integer_kind_mean_the_same(dtype):
    model = model_of()
    text, ids = example(model)
    kinds = text.to(dtype), ids.to(dtype)
    assert torch.equal(model(*kinds), model(text, ids))
    assert torch.equal(model(kinds[0]), model(text))
    assert torch.equal(model.loss(*kinds), model.loss(text, ids))
    assert torch.equal(model.tokenizer.decode(kinds[1]), model.tokenizer.decode(ids))
    drawn = [model.generate(t, greedy=True) for t in (text, kinds[0])]
    assert torch.equal(*drawn)


def test_the_example_draws_zeros_hollow_and_ones_filled(capsys):
    path = Path(__file__).parents[2] / "examples" / "images_from_captions.py"
    drawn = runpy.run_path(str(path))["main"](60)
    assert "#" in capsys.readouterr().out
    zeros, ones = drawn[:, :, 0, 3:5, 3:5].mean((1, 2, 3))
    assert ones > zeros + 0.3

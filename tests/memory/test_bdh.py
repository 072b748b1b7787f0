"""BDH: three equal forms, causality, symmetries, sparsity, generation, bad input."""

import copy

import pytest
import torch
from torch.testing import assert_close

from neurarium.baselines.positional import apply_rotary, rotary_angles
from neurarium.memory import BDH

EXACT = {"rtol": 1e-10, "atol": 1e-10}
RESIDUALS = pytest.mark.parametrize("residual", ["stream", "neuron"])


def build(seed=0, *, std=0.3, **overrides):
    """Activations of order 1 in float64."""
    sizes = {"vocab_size": 13, "embed_dim": 8, "num_heads": 2, "neuron_ratio": 4, "num_layers": 3}
    model = BDH(**{**sizes, "dropout": 0.0, "dtype": torch.float64, **overrides}).eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        drawn = std * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = drawn.to(parameter.dtype)
    return model


def ids(batch=2, length=12, seed=0, vocab_size=13):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(vocab_size, (batch, length), generator=generator)


def stepped(model, tokens):
    """Logits by the recurrent form alone."""
    state, out = model.init_state(len(tokens)), []
    for token in tokens.T:
        logits, state = model.step(token, state)
        out.append(logits)
    return torch.stack(out, 1), state


def gradients(model, logits):
    weights = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad((logits * weights).sum(), list(parameters.values()))
    return dict(zip(parameters, found, strict=True))


def reference_logits(model, tokens):
    """The released forward, or the paper's with its residual in neurons, written out."""
    norm = torch.nn.functional.layer_norm
    width = (model.embed_dim,)
    v = norm(model.embed(tokens), width).unsqueeze(1)
    angles = rotary_angles(torch.arange(tokens.shape[1]), model.rotation.frequencies)
    x = 0
    for _ in range(model.num_layers):
        new = (v @ model.encoder).relu()
        x = x + new if model.residual == "neuron" else new
        q = apply_rotary(x, angles)
        a = (q @ q.mT).tril(-1) @ v
        y = (norm(a, width) @ model.encoder_v).relu() * x
        update = norm(y.transpose(1, 2).flatten(2).unsqueeze(1) @ model.decoder, width)
        v = update if model.residual == "neuron" else norm(v + update, width)
    return v.squeeze(1) @ model.lm_head


@RESIDUALS
@pytest.mark.parametrize("form", [1, 3, 12, None, "recurrent"])
def test_every_form_has_the_logits_and_gradients_of_the_definition(residual, form):
    model, tokens = build(residual=residual), ids()
    expected = reference_logits(model, tokens)
    if form == "recurrent":
        found, _ = stepped(model, tokens)
    else:
        model.chunk_size = form
        found = model(tokens)
    assert_close(found, expected, **EXACT)
    theirs, ours = gradients(model, expected), gradients(model, found)
    for name in theirs:
        assert_close(ours[name], theirs[name], **EXACT, msg=lambda m, n=name: f"{n}: {m}")


@RESIDUALS
@pytest.mark.parametrize("split", [1, 2, 7, 11])
@pytest.mark.parametrize("batch", [1, 3])
def test_parallel_prefill_then_steps_or_another_piece(residual, split, batch):
    model, tokens = build(residual=residual, chunk_size=4), ids(batch)
    whole, last = model(tokens, return_state=True)
    first, state = model(tokens[:, :split], return_state=True)
    assert_close(first, whole[:, :split], **EXACT)
    rest, carried = model(tokens[:, split:], state=state, return_state=True)
    assert_close(rest, whole[:, split:], **EXACT)
    assert_close(carried.weights, last.weights, **EXACT)
    assert carried.position == last.position == 12
    kept = state.weights.clone()
    for index in range(split, 12):
        logits, state = model.step(tokens[:, index], state)
        assert_close(logits, whole[:, index], **EXACT)
    assert_close(state.weights, last.weights, **EXACT)
    assert not torch.equal(state.weights, kept)


def test_a_step_leaves_the_state_that_it_was_given():
    model = build()
    _, state = model(ids(), return_state=True)
    kept = state.weights.clone()
    with torch.no_grad():
        model.step(torch.tensor([1, 2]), state)
        model.generate(ids(), max_new_tokens=3, greedy=True)
    assert torch.equal(state.weights, kept)


def test_the_state_is_the_sum_of_outer_products_and_of_constant_size():
    model = build()
    for length in (1, 5, 40):
        tokens = ids(length=length)
        _, state = model(tokens, return_state=True)
        assert state.weights.shape == (3, 2, 2, 16, 8)
        angles = rotary_angles(torch.arange(length), model.rotation.frequencies)
        value = torch.nn.functional.layer_norm(model.embed(tokens), (8,))
        for index, layer in enumerate(model.layers(tokens)):
            q = apply_rotary(layer.code, angles)
            assert_close(state.weights[index], q.mT @ value[:, None], **EXACT)
            value = layer.stream


@RESIDUALS
def test_causality(residual):
    model, tokens = build(residual=residual), ids(1)
    before = model(tokens)
    for place in (0, 4, 11):
        changed = tokens.clone()
        changed[0, place] = (changed[0, place] + 1) % 13
        after = model(changed)
        assert_close(after[:, :place], before[:, :place], rtol=0, atol=1e-12)
        assert (after[:, place:] != before[:, place:]).any()


@RESIDUALS
def test_neurons_are_positive_and_gated_by_the_code_and_the_first_token_reads_nothing(residual):
    model = build(residual=residual)
    for layer in model.layers(ids()):
        assert (layer.code >= 0).all()
        assert (layer.gated >= 0).all()
        assert not (layer.gated[layer.code == 0]).any()
        assert (layer.gated > 0).any()
        assert 0 < (layer.code > 0).double().mean() < 1
        assert not layer.read[:, :, 0].any()
        assert not layer.gated[:, :, 0].any()


def test_one_block_serves_all_layers_and_parameters_are_3nd_2vd():
    with torch.device("meta"):
        default = BDH()
    assert sum(p.numel() for p in default.parameters()) == 25_296_896
    assert default.num_neurons == 32_768
    for layers in (1, 5):
        model = build(num_layers=layers)
        assert sum(p.numel() for p in model.parameters()) == 3 * 32 * 8 + 2 * 13 * 8


def permuted(model, order, *, move_frequencies=True):
    """The neurons of every head in another order."""
    twin = copy.deepcopy(model)
    twin.encoder.data = model.encoder.data[..., order]
    twin.encoder_v.data = model.encoder_v.data[..., order]
    heads = model.decoder.data.unflatten(0, (model.num_heads, -1))
    twin.decoder.data = heads[:, order].flatten(0, 1)
    if move_frequencies:
        twin.rotation.frequencies = model.rotation.frequencies[:, order[::2] // 2]
    return twin


def test_pairs_may_change_places_with_their_frequencies_only():
    model, tokens = build(), ids()
    expected = model(tokens)
    pairs = torch.tensor([3, 0, 7, 1, 2, 6, 4, 5])
    order = torch.stack((2 * pairs, 2 * pairs + 1), 1).flatten()
    assert_close(permuted(model, order)(tokens), expected, **EXACT)
    wrong = permuted(model, order, move_frequencies=False)(tokens)
    assert (wrong - expected).abs().max() > 1e-3
    swapped = order.view(-1, 2).flip(1).flatten()
    assert (permuted(model, swapped)(tokens) - expected).abs().max() > 1e-3


def test_heads_may_change_places():
    model, tokens = build(), ids()
    twin = copy.deepcopy(model)
    for name in ("encoder", "encoder_v"):
        getattr(twin, name).data = getattr(model, name).data.flip(0)
    twin.decoder.data = model.decoder.data.unflatten(0, (2, -1)).flip(0).flatten(0, 1)
    assert_close(twin(tokens), model(tokens), **EXACT)


@pytest.mark.parametrize("name", ["encoder", "encoder_v", "decoder"])
@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_scales_of_the_maps_do_not_matter(name, factor):
    model, tokens = build(std=2.0), ids()
    expected = model(tokens)
    getattr(model, name).data *= factor
    assert (model(tokens) - expected).abs().max() < 1e-6 * expected.abs().max()


def test_gradcheck_of_a_small_model_in_chunks():
    model = build(embed_dim=4, num_layers=2, vocab_size=5)
    assert model.num_neurons == 16
    tokens = ids(1, 5, vocab_size=5)
    names, values = zip(*model.named_parameters(), strict=True)
    for chunk_size in (1, 2, 5):
        model.chunk_size = chunk_size

        def fn(*tensors):
            state = dict(zip(names, tensors, strict=True))
            return torch.func.functional_call(model, state, (tokens,))

        assert torch.autograd.gradcheck(fn, values)


def test_generation_from_the_state_is_that_from_the_whole_prefix():
    model, prompt = build(), ids(3, 5)
    expected = prompt
    for _ in range(6):
        expected = torch.cat((expected, model(expected)[:, -1].argmax(-1, keepdim=True)), 1)
    for use_state in (True, False):
        found = model.generate(prompt, max_new_tokens=6, greedy=True, use_state=use_state)
        assert torch.equal(found, expected)
    drawn = [
        model.generate(
            prompt,
            max_new_tokens=8,
            temperature=2.0,
            use_state=use_state,
            generator=torch.Generator().manual_seed(5),
        )
        for use_state in (True, False)
    ]
    assert torch.equal(*drawn)


def test_sampling_follows_temperature_and_top_k():
    model, prompt = build(vocab_size=4), torch.zeros(4000, 1, dtype=torch.int64)
    logits = model(prompt[:1])[0, -1]
    for temperature, top_k in ((0.5, None), (2.0, 2), (1.0, 99)):
        generator = torch.Generator().manual_seed(0)
        drawn = model.generate(
            prompt, max_new_tokens=1, temperature=temperature, top_k=top_k, generator=generator
        )[:, 1]
        expected = logits / temperature
        if top_k == 2:
            expected[logits.argsort()[:2]] = -torch.inf
        share = torch.bincount(drawn, minlength=4) / 4000
        assert_close(share.double(), expected.softmax(-1).detach(), rtol=0, atol=0.04)


def test_the_loss_is_the_cross_entropy():
    model, tokens, targets = build(), ids(), ids(seed=1)
    log_probabilities = model(tokens).log_softmax(-1)
    expected = -log_probabilities.gather(-1, targets[..., None]).mean()
    assert_close(model.loss(tokens, targets), expected, **EXACT)


def test_dropout_acts_in_training_only_and_states_refuse_it():
    model, tokens = build(dropout=0.5).train(), ids()
    torch.manual_seed(0)
    assert not torch.equal(model(tokens), model(tokens))
    with pytest.raises(RuntimeError, match=r"evaluation mode for generate: call eval\(\) first"):
        model.generate(tokens, max_new_tokens=1)
    with pytest.raises(RuntimeError, match="evaluation mode for step"):
        model.step(tokens[:, 0], model.init_state(2))
    assert torch.equal(model.eval()(tokens), model(tokens))
    plain = build()
    assert torch.equal(plain(tokens), model(tokens))
    state = model.train()(tokens[:, :4], return_state=True)[1]
    assert model(tokens[:, 4:], state=state).shape == (2, 8, 13)


def test_bfloat16_keeps_the_state_and_the_angles_exact():
    model = build(dtype=torch.float32)
    frequencies = model.rotation.frequencies.clone()
    half = copy.deepcopy(model).to(torch.bfloat16)
    assert torch.equal(half.rotation.frequencies, frequencies)
    assert torch.equal(half.float().rotation.frequencies, frequencies)
    half = copy.deepcopy(model).to(torch.bfloat16)
    logits, state = half(ids(), return_state=True)
    assert (logits.dtype, state.weights.dtype) == (torch.bfloat16, torch.float32)
    assert half.step(torch.tensor([1, 2]), state)[1].weights.dtype == torch.float32
    late, _ = model.double(), None
    state = late.init_state(2)._replace(position=10_000_000)
    angles = late.rotation(10_000_000, 1, torch.float64)
    exact = (10_000_000 * late.rotation.frequencies[:, :1] * 2 * torch.pi).cos()
    assert_close(angles.cos[:, 0, 0, :1], exact, rtol=0, atol=1e-8)
    assert late.step(torch.tensor([1, 2]), state)[0].isfinite().all()


def test_autocast_is_close_and_keeps_the_state_in_float32():
    model, tokens = build(dtype=torch.float32, chunk_size=5, std=0.2), ids()
    exact = gradients(model, model(tokens))
    with torch.autocast("cpu", torch.bfloat16):
        logits, state = model(tokens[:, :7], return_state=True)
        rest, state = model(tokens[:, 7:], state=state, return_state=True)
        whole = model(tokens)
        loss = model.loss(tokens, tokens)
        assert model.step(tokens[:, 0], state)[1].weights.dtype == torch.float32
    assert (state.weights.dtype, whole.dtype, loss.dtype) == (
        torch.float32,
        torch.bfloat16,
        torch.float32,
    )
    scale = model(tokens).abs().max()
    assert (torch.cat((logits, rest), 1) - model(tokens)).abs().max() < 0.05 * scale
    for name, gradient in gradients(model, whole.float()).items():
        assert (gradient - exact[name]).norm() < 0.1 * exact[name].norm(), name


def test_a_long_run_stays_finite_and_exact():
    """Nothing but the norm of the read-out keeps the sum of outer products small."""
    model = build(num_layers=1, embed_dim=4, neuron_ratio=2)
    tokens = ids(1, 20_000)
    whole, last = model(tokens, return_state=True)
    single = model.float()
    logits, state = single(tokens[:, :-1], return_state=True)
    found, state = single.step(tokens[:, -1], state)
    assert last.weights.abs().max() > 100
    assert state.weights.isfinite().all()
    assert_close(found.double(), whole[:, -1], rtol=1e-3, atol=1e-3)
    assert logits.isfinite().all()


def test_bad_sizes_name_both_numbers():
    with pytest.raises(ValueError, match=r"num_heads must divide .*: got 3 and 32"):
        build(num_heads=3)
    with pytest.raises(ValueError, match=r"must be even, .* pairs: got 32 / 32"):
        build(num_heads=32)
    with pytest.raises(ValueError, match="residual must be 'stream' or 'neuron': got 'x'"):
        build(residual="x")
    with pytest.raises(TypeError, match=r"neuron_ratio must be a whole number: got 1\.5"):
        build(neuron_ratio=1.5)


def test_bad_tokens_states_and_arguments():
    model, tokens = build(), ids()
    with pytest.raises(IndexError, match=r"tokens must lie in 0 … 12: got id 13"):
        model(torch.tensor([[1, 13]]))
    with pytest.raises(IndexError, match="got id -1"):
        model(torch.tensor([[1, -1]]))
    with pytest.raises(TypeError, match=r"tokens must be integer ids, .*: got torch\.float32"):
        model(tokens.float())
    for kind in (torch.uint8, torch.bool, torch.complex64):
        with pytest.raises(TypeError, match="tokens must be integer ids, int64 or int32"):
            model(tokens.to(kind))
        with pytest.raises(TypeError, match="targets must be integer ids, int64 or int32"):
            model.loss(tokens, tokens.to(kind))
    assert_close(model.loss(tokens.int(), tokens.int()), model.loss(tokens, tokens))
    for shape in ((3,), (0, 3), (2, 0)):
        with pytest.raises(ValueError, match="tokens must have the shape"):
            model(torch.zeros(shape, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"prompt .* with a token at least: got \[1, 0\]"):
        model.generate(tokens[:1, :0], max_new_tokens=1)
    with pytest.raises(ValueError, match=r"targets must have the shape of tokens, \[2, 12\]"):
        model.loss(tokens, tokens[:, 1:])
    for bad in ({"temperature": 0.0}, {"top_k": 0}, {"temperature": -1.0}, {"top_k": -3}):
        with pytest.raises(ValueError, match="greedy=True"):
            model.generate(tokens, max_new_tokens=1, **bad)
    with pytest.raises(TypeError, match=r"top_k must be a whole number: got 1\.5"):
        model.generate(tokens, max_new_tokens=1, top_k=1.5)
    with pytest.raises(TypeError, match="temperature must be a number: got '1'"):
        model.generate(tokens, max_new_tokens=1, temperature="1")
    with pytest.raises(ValueError, match="max_new_tokens must be at least 1"):
        model.generate(tokens, max_new_tokens=0)
    with pytest.raises(ValueError, match=r"state must have weights of shape .*\[3, 2, 2, 16, 8\]"):
        model(tokens, state=model.init_state(3))
    with pytest.raises(ValueError, match=r"state must have weights of shape"):
        model(tokens, state=build(num_layers=2).init_state(2))
    with pytest.raises(ValueError, match=r"state must have weights of torch\.float64"):
        model(tokens, state=build(dtype=torch.float32).init_state(2))
    with pytest.raises(TypeError, match="state must be a BDHState: got Tensor"):
        model.step(tokens[:, 0], model.init_state(2).weights)
    with pytest.raises(TypeError, match="state must be a BDHState: got NoneType"):
        model.step(tokens[:, 0], None)
    with pytest.raises(TypeError, match=r"whole number as its position: got 1\.5"):
        model(tokens, state=model.init_state(2)._replace(position=1.5))
    with pytest.raises(ValueError, match="position of at least 0: got -1"):
        model(tokens, state=model.init_state(2)._replace(position=-1))
    with pytest.raises(TypeError, match="token must be a tensor: got list"):
        model.step([1, 2], model.init_state(2))
    with pytest.raises(ValueError, match=r"token must have the shape \(batch,\)"):
        model.step(tokens, model.init_state(2))
    with pytest.raises(ValueError, match=r"float32 or bfloat16 on the CPU: got torch\.float16"):
        build().half()(tokens)
    single = build(dtype=torch.float32)
    with (
        torch.autocast("cpu", torch.float16),
        pytest.raises(ValueError, match="autocast on the CPU must be to bfloat16"),
    ):
        single(tokens)


def test_a_model_made_without_memory_gets_weights_and_frequencies():
    model = BDH(9, 8, num_heads=2, neuron_ratio=4, num_layers=2, theta=100.0, device="meta")
    model.to_empty(device="cpu")
    model.rotation.frequencies.zero_()
    model.reset_parameters()
    made = BDH(9, 8, num_heads=2, neuron_ratio=4, num_layers=2, theta=100.0)
    assert torch.equal(model.rotation.frequencies, made.rotation.frequencies)
    assert 0.015 < model.encoder.std().item() < 0.025

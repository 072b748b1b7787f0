"""Phasor memory and theta–gamma sequences: energy, symmetries, Kuramoto's theory, replay."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from neurarium.memory import PhasorMemory, Replay, ThetaGammaMemory, kuramoto_step, order_parameter


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def phasors(count, size, seed=0, dtype=torch.float64):
    phases = 2 * math.pi * torch.rand(count, size, generator=generator(seed), dtype=dtype)
    return torch.polar(torch.ones_like(phases), phases)


def memory_of(patterns, seed=0, **kwargs):
    memory = PhasorMemory(patterns.shape[1], generator=generator(seed), **kwargs)
    memory = memory.to(torch.float64 if patterns.dtype == torch.complex128 else torch.float32)
    memory.store(patterns)
    return memory


def weights_of(memory):
    return torch.complex(*memory.weights.chunk(2))


def orthogonal(count, size):
    """Rows of the Fourier matrix: patterns without crosstalk."""
    k, i = torch.arange(count)[:, None], torch.arange(size)
    return torch.polar(
        torch.ones(count, size, dtype=torch.float64), 2 * math.pi * (k * i % size).double() / size
    )


def test_weights_are_the_masked_hebbian_sum():
    patterns = phasors(3, 12)
    memory = memory_of(patterns, density=0.5)
    expected = torch.einsum("mi,mj->ij", patterns, patterns.conj()) * memory.mask / (0.5 * 12)
    assert_close(weights_of(memory), expected)
    assert_close(weights_of(memory), weights_of(memory).mH)
    assert torch.equal(memory.mask, memory.mask.T)
    assert not memory.mask.diagonal().any()


def test_a_random_mask_has_the_density_that_was_asked_for():
    for density in (0.05, 0.3, 1.0):
        mask = PhasorMemory(600, density=density, generator=generator(1)).mask
        pairs = 600 * 599 / 2
        spread = math.sqrt(density * (1 - density) / pairs)
        assert abs(mask.sum() / 2 / pairs - density) <= 4 * spread


def test_energy_is_the_quadratic_form_and_the_flow_its_gradient():
    patterns, state = phasors(4, 20), phasors(3, 20, seed=1)
    memory = memory_of(patterns, density=0.6, coupling=3.0)
    form = -torch.einsum("bi,ij,bj->b", state.conj(), weights_of(memory), state).real / 2
    assert_close(memory.energy(state), form)
    phases = state.angle().requires_grad_()
    energy = memory.energy(torch.polar(torch.ones_like(phases), phases)).sum()
    (slope,) = torch.autograd.grad(energy, phases)
    moved = memory.recall(state, num_steps=1, dt=1e-3).state
    assert_close((moved / state).angle() / 1e-3, -3.0 * slope)
    step = kuramoto_step(phases.detach(), None, weights_of(memory), coupling=3.0, dt=1e-3)
    assert_close(step, phases.detach() - 1e-3 * 3.0 * slope)


def test_kuramoto_step_is_the_sum_of_sines():
    phases, frequencies = phasors(2, 7).angle(), torch.linspace(-1, 1, 7, dtype=torch.float64)
    weights = torch.polar(torch.rand(7, 7, generator=generator(2)).double(), phasors(7, 7).angle())
    gap = phases[:, None, :] - phases[:, :, None] + weights.angle()
    drift = frequencies + 1.5 * (weights.abs() * gap.sin()).sum(-1)
    found = kuramoto_step(phases, frequencies, weights, coupling=1.5, dt=0.01)
    assert_close(found, phases + 0.01 * drift)
    mean = torch.full((7, 7), 1 / 7, dtype=torch.float64)
    assert_close(
        kuramoto_step(phases, coupling=1.5), kuramoto_step(phases, None, mean, coupling=1.5)
    )
    ours = phases.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda p, w: kuramoto_step(p, frequencies, w, coupling=1.5),
        (ours, weights.requires_grad_()),
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.sampled_from([0.1, 0.4, 1.0]))
def test_energy_never_rises(seed, density):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sparse mask of 24 units may isolate some
        memory = memory_of(phasors(3, 24, seed=seed), seed, density=density)
    state = phasors(4, 24, seed=seed + 1)
    energies = [memory.energy(state)]
    for _ in range(40):
        state = memory.recall(state, num_steps=5).state
        energies.append(memory.energy(state))
    assert torch.stack(energies).diff(dim=0).max() <= 1e-12


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), angle=st.floats(-3.0, 3.0))
def test_a_global_phase_changes_nothing_but_the_argument_of_the_overlap(seed, angle):
    patterns, state = phasors(3, 16, seed=seed), phasors(2, 16, seed=seed + 1)
    memory = memory_of(patterns, seed)
    turn = torch.polar(torch.ones((), dtype=torch.float64), torch.tensor(angle).double())
    assert_close(memory.energy(state * turn), memory.energy(state))
    plain, turned = memory.recall(state, num_steps=50), memory.recall(state * turn, num_steps=50)
    assert_close(turned.state, plain.state * turn, rtol=1e-7, atol=1e-7)
    assert_close(turned.overlaps, plain.overlaps * turn, rtol=1e-7, atol=1e-7)
    one_turned = memory_of(patterns * torch.stack([turn, turn**2, turn**3])[:, None], seed)
    assert_close(weights_of(one_turned), weights_of(memory))


def test_one_pattern_is_a_fixed_point_with_overlap_one():
    pattern = phasors(1, 50)
    recall = memory_of(pattern).recall(pattern, num_steps=20)
    assert_close(recall.state, pattern)
    assert_close(recall.overlaps, torch.ones(1, 1, dtype=torch.complex128))
    assert recall.converged.all()
    noisy = memory_of(pattern).recall(pattern, num_steps=20, noise=1.0, generator=generator())
    assert not noisy.converged.any()


def test_recall_has_the_computed_overlaps():
    """Means of three seeds over all patterns, cue jitter of 1 rad; N = 400, K = 8, 400 steps."""
    expected = {(1.0, 4): 0.991, (1.0, 8): 0.970, (0.2, 4): 0.982, (0.05, 4): 0.928}
    for (density, count), value in expected.items():
        found = []
        for seed in range(3):
            patterns = phasors(count, 400, seed=seed, dtype=torch.float32)
            memory = memory_of(patterns, seed, density=density)
            jitter = torch.randn(count, 400, generator=generator(seed))
            cue = patterns * torch.polar(torch.ones_like(jitter), jitter)
            assert_close(
                memory.overlaps(cue).abs().diagonal(),
                torch.full((count,), math.exp(-0.5)),
                rtol=0,
                atol=0.12,
            )
            found.append(memory.recall(cue).overlaps.abs().diagonal().mean())
        assert float(sum(found)) / 3 == pytest.approx(value, abs=0.025)


def test_recall_is_differentiable_in_the_cue():
    memory = memory_of(phasors(2, 6))
    phases = phasors(2, 6, seed=1).angle().requires_grad_()

    def overlaps(phases):
        state = torch.polar(torch.ones_like(phases), phases)
        return memory.recall(state, num_steps=3).overlaps

    assert torch.autograd.gradcheck(overlaps, (phases,))


def test_both_backends_recall_the_same_with_the_same_gradients():
    patterns, jitter = phasors(3, 60), torch.randn(2, 60, generator=generator(1)).double()
    found = []
    for backend in ("dense", "sparse"):
        memory = memory_of(patterns, density=0.3, backend=backend)
        phases = (patterns[:2].angle() + jitter).requires_grad_()
        recall = memory.recall(torch.polar(torch.ones_like(phases), phases), num_steps=30)
        recall.overlaps.abs().sum().backward()
        found.append((recall.state.detach(), recall.overlaps.detach(), phases.grad))
        sequence = ThetaGammaMemory(60, density=0.3, backend=backend, generator=generator())
        sequence.store([patterns])
        found[-1] += (sequence.replay(sequence.cue(0), generator=generator(2)).matches,)
    assert_close(found[0], found[1], rtol=1e-9, atol=1e-5)
    assert_close(found[0][:3], found[1][:3], rtol=1e-9, atol=1e-12)
    automatic = [PhasorMemory(300, density=c, generator=generator()) for c in (0.1, 0.5)]
    layouts = [memory._operator().layout for memory in automatic]
    assert layouts == [torch.sparse_csr, torch.strided]


@pytest.mark.parametrize("density", [1.0, 0.1])
def test_recall_is_captured_as_one_graph(density):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few units are isolated
        memory = memory_of(phasors(2, 6, dtype=torch.float32), density=density)
    state = phasors(3, 6, seed=1, dtype=torch.float32)
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captured = torch.compile(memory.recall, fullgraph=True, backend="aot_eager")
        assert_close(captured(state, num_steps=3).state, memory.recall(state, num_steps=3).state)


@pytest.mark.parametrize("coupling", [1.2, 1.5, 2.0, 4.0])
def test_lorentzian_frequencies_synchronise_as_kuramoto_says(coupling):
    size, width = 2000, 0.5
    share = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    frequencies = width * torch.tan(math.pi * (share - 0.5))
    phases = torch.zeros(size, dtype=torch.float64)
    synchrony = []
    for step in range(2000):
        phases = kuramoto_step(phases, frequencies, coupling=coupling, dt=0.02)
        if step >= 1200:
            synchrony.append(order_parameter(phases).abs())
    expected = math.sqrt(1 - 2 * width / coupling)
    assert torch.stack(synchrony).mean() == pytest.approx(expected, abs=0.03)


def test_below_the_critical_coupling_nothing_synchronises():
    size = 2000
    share = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    frequencies = 0.5 * torch.tan(math.pi * (share - 0.5))
    phases = phasors(1, size, seed=3).angle()[0]
    for _ in range(1500):
        phases = kuramoto_step(phases, frequencies, coupling=0.8)
    assert order_parameter(phases).abs() < 0.12


@settings(max_examples=10, deadline=None)
@given(ratio=st.floats(-0.95, 0.95), coupling=st.floats(0.5, 4.0))
def test_two_oscillators_lock_with_the_lag_arcsin(ratio, coupling):
    difference = ratio * coupling
    frequencies = torch.tensor([difference / 2, -difference / 2], dtype=torch.float64)
    phases = torch.tensor([0.3, 0.0], dtype=torch.float64)
    for _ in range(1200):
        phases = kuramoto_step(phases, frequencies, coupling=coupling, dt=0.05 / coupling)
    assert float(phases[0] - phases[1]) == pytest.approx(math.asin(ratio), abs=1e-6)


def test_two_oscillators_drift_beyond_the_coupling():
    phases = torch.zeros(2, dtype=torch.float64)
    frequencies = torch.tensor([0.55, -0.55], dtype=torch.float64)
    seconds = 400
    for _ in range(seconds * 50):
        phases = kuramoto_step(phases, frequencies, coupling=1.0)
    beat = math.sqrt(1.1**2 - 1.0)  # mean frequency of the difference
    assert float(phases[0] - phases[1]) / seconds == pytest.approx(beat, rel=0.03)


def test_noise_diffuses_phases_as_it_should():
    phases = torch.zeros(1, 20_000, dtype=torch.float64)
    drawn = generator(6)
    for _ in range(10):
        phases = kuramoto_step(phases, coupling=0.0, dt=0.1, noise=0.7, generator=drawn)
    assert float(phases.std()) == pytest.approx(0.7, rel=0.03)


def sequence_memory(sequences, *, density=1.0, seed=0, **kwargs):
    memory = ThetaGammaMemory(sequences[0].shape[1], density=density, generator=generator(seed))
    memory.to(torch.float64 if sequences[0].dtype == torch.complex128 else torch.float32)
    memory.store(sequences, **kwargs)
    return memory


@pytest.mark.parametrize("num_slots", [4, 7])
def test_one_transition_turns_the_phase_by_exactly_one_slot(num_slots):
    pair = orthogonal(2, 16)
    memory = ThetaGammaMemory(
        16, num_slots=num_slots, mask=torch.ones(16, 16, dtype=torch.bool), dtype=torch.float64
    )
    memory.mask.fill_(True)  # with the diagonal, so that nothing is missing from the product
    memory.store([pair])
    forward = memory.advance(pair[:1])
    turn = torch.polar(
        torch.ones(1, 1).double(), torch.tensor([[2 * math.pi / num_slots]]).double()
    )
    assert_close(memory.overlaps(forward)[:, 1:], turn)
    assert_close(memory.overlaps(forward)[:, :1].abs(), torch.zeros(1, 1).double())
    assert_close(memory.advance(forward, direction=-1), pair[:1])


@pytest.mark.parametrize("phase_offsets", [None, [0.5, 2.0]])
def test_backward_is_the_real_adjoint_of_forward(phase_offsets):
    sequences = [phasors(4, 10), phasors(3, 10, seed=1)]
    memory = sequence_memory(sequences, density=0.8, phase_offsets=phase_offsets)
    x, y = phasors(1, 10, seed=2), phasors(1, 10, seed=3)

    def drive(state, direction):
        total = memory._product(memory.transitions, state, direction)
        if phase_offsets:
            total = total + memory._conjugate_drive(state, direction)
        return total

    there, back = (drive(x, 1) * y.conj()).sum().real, (x * drive(y, -1).conj()).sum().real
    assert_close(there, back)


def test_tagged_transitions_are_taken_to_the_extent_that_the_phase_fits():
    pair = orthogonal(2, 16)
    memory = ThetaGammaMemory(16, mask=torch.ones(16, 16, dtype=torch.bool), dtype=torch.float64)
    memory.mask.fill_(True)
    memory.store([pair], phase_offsets=[1.0])
    slot = 2 * math.pi / 7
    for angle in (0.0, slot, 2.0, -2.5):
        state = pair[:1] * torch.polar(torch.ones(1, 1), torch.tensor([[angle]])).to(pair)
        drive = memory._product(memory.transitions, state, 1) + memory._conjugate_drive(state, 1)
        overlap = (drive @ pair.mH)[0, 1] / 16 * (16 / (16 * memory.density))
        expected = 2 * math.cos(angle - slot) / memory.density**2
        found = overlap / torch.polar(torch.ones(()), torch.tensor(2 * slot)).to(overlap)
        assert found.imag.abs() < 1e-6
        assert float(found.real) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("density", [1.0, 0.2])
@pytest.mark.parametrize("noise", [0.5, 1.5])
def test_seven_items_are_replayed_in_order_over_three_cycles(density, noise):
    later = []
    for seed in range(2):
        memory = sequence_memory([phasors(7, 400, seed, torch.float32)], density=density, seed=seed)
        drawn = generator(seed)
        replay = memory.replay(memory.cue(0), num_cycles=3, noise=noise, generator=drawn)
        assert (replay.items == torch.arange(7)).all()
        assert (replay.positions(7) == torch.arange(7)).double().mean() > 0.9
        once = memory.replay(memory.cue(0), num_cycles=3, noise=noise, reset=False, generator=drawn)
        assert (once.items[0, 0] == torch.arange(7)).all()
        later.append((once.items[0, 1:] == torch.arange(7)).double().mean())
    assert torch.stack(later).mean() < 0.4  # without the reset only the first cycle is right


def test_backward_replay_skipping_and_choice_of_a_sequence():
    sequences = [phasors(7, 400, seed, torch.float32) for seed in range(3)]
    memory = sequence_memory(sequences, density=0.3)
    back = memory.replay(memory.cue(1, 6), direction=-1, generator=generator())
    assert back.items[0, 0].tolist() == [13, 12, 11, 10, 9, 8, 7]
    assert back.positions(7)[0, 0].tolist() == [6, 5, 4, 3, 2, 1, 0]
    skipped = memory.replay(memory.cue(2, 3), generator=generator())
    assert skipped.items[0, 0, :4].tolist() == [17, 18, 19, 20]
    assert skipped.positions(7)[0, 0, :4].tolist() == [3, 4, 5, 6]
    cues = torch.cat([memory.cue(number) for number in range(3)])
    replay = memory.replay(cues, num_cycles=2, noise=0.5, generator=generator())
    assert (replay.items == memory.order[:, None]).all()


def test_an_item_that_two_sequences_share_is_ambiguous_unless_phases_are_tagged():
    share = {}
    for offsets in (None, (0.0, 2.0)):
        right = []
        for seed in range(3):
            first, second = (phasors(7, 400, s, torch.float32) for s in (seed, seed + 50))
            second[3] = first[3]
            memory = sequence_memory([first, second], density=0.5, seed=seed, phase_offsets=offsets)
            assert len(memory.patterns) == 13
            cues = torch.cat([memory.cue(0), memory.cue(1)])
            replay = memory.replay(cues, noise=0.5, generator=generator(seed))
            right.append((replay.items[:, 0] == memory.order)[:, 4:].double().mean())
        share[offsets] = float(torch.stack(right).mean())
    assert share[(0.0, 2.0)] == 1.0
    assert share[None] < 0.8


def test_a_unit_without_drive_keeps_its_phase():
    mask = torch.ones(6, 6, dtype=torch.bool)
    mask[0] = mask[:, 0] = False
    with pytest.warns(UserWarning, match="got 1 isolated units of 6"):
        memory = ThetaGammaMemory(6, mask=mask, dtype=torch.float64)
    memory.store([phasors(2, 6)])
    state = phasors(1, 6, seed=4)
    assert_close(memory.advance(state)[:, 0], state[:, 0])


def test_a_file_decides_how_much_is_stored():
    sequences = [phasors(3, 20), phasors(2, 20, seed=1)]
    memory = sequence_memory(sequences, density=0.7, phase_offsets=[0.0, 1.0])
    fresh = ThetaGammaMemory(20, density=0.7, dtype=torch.float64)
    fresh.load_state_dict(memory.state_dict())
    for cue in (memory.cue(1), phasors(2, 20, seed=3)):
        expected = memory.replay(cue, jitter=0.0)
        found = fresh.replay(cue, jitter=0.0)
        for name in ("items", "phases", "matches"):
            assert torch.equal(getattr(found, name), getattr(expected, name))
    assert torch.equal(fresh.cue(1), memory.cue(1))


def test_positions_are_read_off_the_phase_modulo_a_turn():
    phases = 2 * math.pi / 7 * torch.tensor([[[0.4, 1.0, -1.0, 6.9, -0.4]]])
    zeros = torch.zeros(1, 1, 5)
    assert Replay(zeros.long(), phases, zeros).positions(7).tolist() == [[[0, 1, 6, 0, 0]]]


def test_bad_arguments():
    memory = PhasorMemory(5, generator=generator())
    with pytest.raises(RuntimeError, match=r"call store\(patterns\)"):
        memory.recall(phasors(1, 5))
    with pytest.raises(ValueError, match="patterns must have modulus 1: got 2"):
        memory.store(2 * phasors(2, 5))
    with pytest.raises(ValueError, match="patterns must have modulus 1: got nan"):
        memory.store(phasors(2, 5) * math.nan)
    with pytest.raises(TypeError, match=r"patterns must be complex: got torch\.float32"):
        memory.store(torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"patterns must have shape \(K >= 1, 5\): got \[2, 4\]"):
        memory.store(phasors(2, 4))
    memory.store(phasors(2, 5))
    with pytest.raises(ValueError, match=r"state must have shape \(B >= 1, 5\)"):
        memory.energy(phasors(1, 6))
    with pytest.raises(ValueError, match="dt must be positive: got 0"):
        memory.recall(phasors(1, 5), dt=0)
    with pytest.raises(ValueError, match="noise must be at least 0"):
        memory.recall(phasors(1, 5), noise=-1.0)
    with pytest.raises(ValueError, match=r"frequencies must have shape \[5\]: got \[4\]"):
        memory.recall(phasors(1, 5), frequencies=torch.ones(4))
    with pytest.raises(TypeError, match="num_steps must be a whole number"):
        memory.recall(phasors(1, 5), num_steps=2.5)
    with pytest.warns(UserWarning, match="dt times coupling must be small: got 0.8"):
        memory.recall(phasors(1, 5), dt=0.1, num_steps=1)
    with pytest.warns(UserWarning, match=r"got \d+ isolated units of 40 at 0.01"):
        PhasorMemory(40, density=0.01, generator=generator())
    with pytest.raises(ValueError, match="backend must be one of auto, dense, sparse: got 'csr'"):
        PhasorMemory(5, backend="csr")
    one_way = torch.ones(5, 5, dtype=torch.bool).triu()
    with pytest.raises(ValueError, match=r"mask must be symmetric.*got 10 one-way connections"):
        PhasorMemory(5, mask=one_way)
    with pytest.warns(UserWarning, match="got 1 isolated"):
        assert PhasorMemory(5, mask=one_way, allow_asymmetric=True).mask.sum() == 10
    with pytest.raises(ValueError, match=r"mask must be bool of shape \[5, 5\]"):
        PhasorMemory(5, mask=torch.ones(5, 5))
    with pytest.raises(TypeError, match="phases must be real floating point"):
        order_parameter(phasors(1, 5))
    with pytest.raises(ValueError, match=r"weights must have shape \[5, 5\]: got \[4, 4\]"):
        kuramoto_step(torch.zeros(5), None, torch.ones(4, 4))


def test_bad_sequences():
    memory = ThetaGammaMemory(5, num_slots=3)
    for call in (memory.replay, lambda cue: memory.cue(0)):
        with pytest.raises(RuntimeError, match=r"call store\(sequences\)"):
            call(phasors(1, 5))
    with pytest.raises(ValueError, match="at most num_slots = 3 items: got 4"):
        memory.store([phasors(4, 5)])
    with pytest.raises(ValueError, match="sequences must hold at least one"):
        memory.store([])
    with pytest.raises(ValueError, match="phase_offsets must have one number a sequence: got 2"):
        memory.store([phasors(2, 5)], phase_offsets=[0.0, 1.0])
    with pytest.raises(ValueError, match="phase_offsets must be finite: got nan"):
        memory.store([phasors(2, 5)], phase_offsets=[math.nan])
    memory.store([phasors(2, 5)])
    with pytest.raises(ValueError, match="direction must be 1 or -1: got 0"):
        memory.replay(memory.cue(0), direction=0)
    with pytest.raises(IndexError, match="sequence must lie in 0 … 0: got 1"):
        memory.cue(1)
    with pytest.raises(IndexError, match="position must lie in 0 … 1: got 2"):
        memory.cue(0, 2)
    with pytest.raises(ValueError, match="jitter must be at least 0"):
        memory.replay(memory.cue(0), jitter=-0.1)
    with pytest.raises(ValueError, match="jitter must be at least 0: got nan"):
        memory.replay(memory.cue(0), jitter=math.nan)

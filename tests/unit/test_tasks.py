"""Generated tasks: what they promise, whatever the generator."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from deqlab.tasks import binary_digits, random_associations, running_parity

seeds = st.integers(0, 2**32 - 1)


@given(st.integers(1, 62), seeds)
def test_binary_digits_add_up_to_the_number(length, seed):
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(2**length, (20,), generator=generator)
    digits = binary_digits(numbers, length)
    assert torch.equal((digits << torch.arange(length)).sum(1), numbers)


@given(st.integers(1, 40), seeds)
def test_running_parity_is_a_recurrence_of_one_bit(length, seed):
    bits = torch.randint(2, (8, length), generator=torch.Generator().manual_seed(seed))
    parity = running_parity(bits)
    state = torch.zeros(8, dtype=torch.int64)
    for t in range(length):
        state = state ^ bits[:, t]
        assert torch.equal(parity[:, t], state)


@given(st.integers(1, 40), seeds)
def test_running_parity_depends_on_every_bit_so_far_and_on_no_other(length, seed):
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(2, (length,), generator=generator)
    t = int(torch.randint(length, (), generator=generator))
    flipped = bits.clone()
    flipped[t] ^= 1
    changed = running_parity(bits) != running_parity(flipped)
    assert torch.equal(changed, torch.arange(length) >= t)


@given(st.integers(1, 10), st.integers(2, 20), seeds, st.data())
def test_random_associations_have_different_keys_and_lawful_values(bits, values, seed, data):
    n = data.draw(st.integers(1, 2**bits))
    draw = [
        random_associations(n, bits, values, generator=torch.Generator().manual_seed(seed))
        for _ in range(2)
    ]
    keys, answers = draw[0]
    assert keys.shape == (n, bits)
    assert answers.shape == (n,)
    assert len(torch.unique(keys, dim=0)) == n
    assert bool((keys.abs() == 1).all())
    assert 0 <= int(answers.min()) <= int(answers.max()) < values
    assert all(torch.equal(a, b) for a, b in zip(*draw, strict=True))


def test_associations_hold_no_rule():
    """Every bit of the key and every value are independent: chi-squared of 16 bits x 8 values."""
    generator = torch.Generator().manual_seed(0)
    n = 16384
    keys, values = random_associations(n, 16, 8, generator=generator)
    one_hot = torch.nn.functional.one_hot(values, 8).float()
    counts = (keys > 0).float().T @ one_hot  # (bit, value)
    expected = n / 16
    z = (counts - expected) / expected**0.5
    assert float(z.abs().max()) < 5


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="3 bits make 8"):
        random_associations(9, 3, 2, generator=torch.Generator())
    with pytest.raises(ValueError, match="num_values"):
        random_associations(2, 3, 1, generator=torch.Generator())
    with pytest.raises(ValueError, match="zeros and ones"):
        running_parity(torch.tensor([1, -1]))
    with pytest.raises(ValueError, match="length"):
        binary_digits(torch.tensor([1]), 63)
    with pytest.raises(TypeError, match="integers"):
        binary_digits(torch.tensor([1.0]), 3)

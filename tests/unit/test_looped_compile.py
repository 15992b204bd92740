"""A compiled core under the one loop."""

from typing import Any

import torch
from torch import Tensor

from deqlab import RelativeResidual
from deqlab.looped import LoopedTransformer, LoopedTransformerConfig
from deqlab.looped.bucketing import BUCKETS, bucket


def test_buckets_hold_the_rows_and_are_few() -> None:
    for full in (1, 5, 8, 40, 100):
        sizes = [bucket(rows, full) for rows in range(1, full + 1)]
        assert all(rows <= size <= full for rows, size in enumerate(sizes, start=1))
        assert len(set(sizes)) <= BUCKETS
        assert sizes == sorted(sizes)


def test_a_compiled_loop_gives_the_same_answer_in_few_shapes() -> None:
    """Compaction takes out samples one by one; what is compiled sees at most eight batch sizes."""
    batches = []

    def backend(graph: Any, inputs: Any) -> Any:
        batches.append(next(x.shape[0] for x in inputs if isinstance(x, Tensor) and x.ndim == 3))
        return graph.forward

    torch.manual_seed(0)
    config = LoopedTransformerConfig(vocab_size=5, width=8, heads=2, hidden=8, loop_norm=True)
    model = LoopedTransformer(config).double().eval()
    names = list(model.state_dict())
    tokens = torch.randint(5, (40, 4))
    options: dict[str, Any] = {"stop": RelativeResidual(rtol=1e-2), "loops": 60, "compact": True}
    with torch.no_grad():
        plain = model(tokens, **options)
        compiled = model.compile_loop(backend=backend, dynamic=False)(tokens, **options)
    torch.testing.assert_close(compiled.logits, plain.logits, rtol=1e-12, atol=1e-12)
    assert torch.equal(compiled.loops, plain.loops)
    assert len(compiled.loops.unique()) > 2
    assert set(batches) <= {5, 10, 15, 20, 25, 30, 35, 40}
    assert len(batches) == len(set(batches)) > 1
    assert list(model.state_dict()) == names

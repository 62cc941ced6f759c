import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from earwitness.desta.loss import answer_loss


@pytest.fixture
def head():
    torch.manual_seed(0)
    return nn.Linear(6, 50, bias=False).requires_grad_(False)


@pytest.mark.parametrize("at_once", [1, 150, 10_000])
def test_the_loss_and_its_gradient_do_not_depend_on_how_many_logits_stand_at_once(head, at_once):
    hidden = torch.randn(7, 6, requires_grad=True)
    labels = torch.randint(50, (7,))
    loss = answer_loss(hidden, head, labels, at_once=at_once)
    (found,) = torch.autograd.grad(3 * loss, hidden)
    naive = cross_entropy(head(hidden), labels, reduction="sum")
    (expected,) = torch.autograd.grad(3 * naive, hidden)
    assert loss.item() == pytest.approx(naive.item(), rel=1e-6)
    assert torch.allclose(found, expected, atol=1e-6)


def test_without_gradients_the_loss_is_the_same(head):
    hidden, labels = torch.randn(7, 6, requires_grad=True), torch.randint(50, (7,))
    with torch.no_grad():
        assert answer_loss(hidden, head, labels).item() == pytest.approx(answer_loss(hidden, head, labels).item())
    assert not answer_loss(hidden.detach(), head, labels).requires_grad


def test_it_is_summed_in_float32_whatever_the_model_computes_in(head):
    hidden, labels = torch.randn(7, 6, requires_grad=True), torch.randint(50, (7,))
    half = answer_loss(hidden.bfloat16(), head.bfloat16(), labels)
    assert half.dtype == torch.float32
    half.backward()
    assert hidden.grad.abs().sum() > 0


def test_the_logits_of_few_tokens_stand_at_once(head):
    seen: list[int] = []
    head.register_forward_hook(lambda module, inputs, output: seen.append(output.numel()))
    answer_loss(torch.randn(40, 6, requires_grad=True), head, torch.randint(50, (40,)), at_once=500)
    assert max(seen) == 500 and sum(seen) == 40 * 50

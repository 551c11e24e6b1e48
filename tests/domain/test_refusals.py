"""A refusal's docstring is what the client reads."""

import inspect

import pytest

from domain import refusals


def every_refusal():
    return [
        kind
        for _, kind in inspect.getmembers(refusals, inspect.isclass)
        if issubclass(kind, refusals.Refusal) and kind is not refusals.Refusal
    ]


@pytest.mark.parametrize("kind", every_refusal())
def test_it_says_what_is_wrong_and_what_to_do(kind):
    message = str(kind("metadata"))
    assert "__doc__" in vars(kind)
    assert vars(kind)["__doc__"], "a refusal without a docstring of its own says nothing"
    assert message.endswith(".")
    assert "\n" not in message
    assert ";" in message, "what is wrong; what to do"


@pytest.mark.parametrize("kind", every_refusal())
def test_it_names_the_value(kind):
    assert kind("messages[3].id").param == "messages[3].id"
    assert kind().param is None


def test_the_tree_is_drawn_whole():
    drawn = refusals.__doc__ or ""
    for kind in every_refusal():
        assert f"── {kind.__name__} " in drawn

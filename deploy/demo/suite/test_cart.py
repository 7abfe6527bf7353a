"""Failures of a shop's arithmetic: an assertion, one bug met with many numbers, an exception with its cause."""

import json

import pytest

PRICES = {"apple": 30, "pear": 45, "plum": 20}


def total(items):
    """The bug: the third item of a kind is counted twice."""
    return sum(PRICES[item] for item in items) + (PRICES[items[0]] if len(items) > 2 else 0)


def load(text):
    try:
        return json.loads(text)["items"]
    except (KeyError, ValueError) as error:
        raise RuntimeError("cannot read the cart") from error


def test_two_items_cost_what_they_cost():
    assert total(["apple", "pear"]) == 75


def test_a_receipt_lists_every_item_once():
    receipt = {"items": {"apple": 2, "pear": 1}, "total": total(["apple", "apple", "pear"])}
    assert receipt == {"items": {"apple": 2, "pear": 1}, "total": 105}


@pytest.mark.parametrize("number", [3, 7, 12, 25, 40, 99])
def test_many_apples_cost_a_multiple_of_one(number):
    paid = total(["apple"] * number)
    assert paid == 30 * number, f"{number} apples cost {paid} cents instead of {30 * number}"


@pytest.mark.parametrize("text", ['{"item": []}', '{"items": [1, 2', ""])
def test_a_cart_is_read(text):
    assert load(text) == []


def test_a_discount_is_a_share():
    assert 100 / len([item for item in PRICES if item.startswith("x")]) == 10

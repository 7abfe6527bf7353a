"""A syntax error on purpose: `deploy/demo/make_failures.py` runs this file."""


def price(item:
    return {"apple": 30}[item]

"""Failures of what a test stands on: a fixture, a service that is not there, a time limit, a missing file or module."""

import importlib
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def orders():
    database = sqlite3.connect(":memory:")
    try:
        yield database.execute("SELECT id FROM orders").fetchall()
    finally:
        database.close()


@pytest.fixture
def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize("status", ["open", "paid", "sent"])
def test_orders_are_found_by_status(orders, status):
    assert status in orders


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_the_warehouse_answers(closed_port, attempt):
    with socket.create_connection(("127.0.0.1", closed_port), timeout=1):
        pass


def test_the_warehouse_answers_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_connection(silent.getsockname()) as line:
        line.settimeout(0.2)
        line.recv(1)


def test_a_report_is_written_in_time():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(30)"], timeout=0.3, check=True)


def test_the_price_list_is_there():
    Path("/nonexistent/prices-2026.csv").read_text(encoding="utf-8")


def test_the_currency_module_is_installed():
    importlib.import_module("shop_currencies")


def test_the_export_tool_ends_well():
    subprocess.run([sys.executable, "-c", "import sys; sys.exit(3)"], check=True)

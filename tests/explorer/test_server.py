"""Serving: who may listen where, and a core left for the browser."""

from __future__ import annotations

import os

import pytest
import torch

from galviewer.errors import SettingsError
from galviewer.explorer import server


def test_listening_beyond_this_machine_asks_for_a_password(tmp_path):
    with pytest.raises(SettingsError, match="a password"):
        server.serve(tmp_path, address="0.0.0.0", open_browser=False)


def test_a_core_is_left_free_unless_the_user_decided(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    server.leave_a_core()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert torch.get_num_threads() == before
    monkeypatch.delenv("OMP_NUM_THREADS")
    try:
        server.leave_a_core()
        assert os.environ["OMP_NUM_THREADS"] == "3"
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")

"""Unit tests open no sockets: what needs a server is an integration test."""

import pytest
from pytest_socket import disable_socket


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup() -> None:
    disable_socket(allow_unix_socket=True)  # event loops wake themselves through one

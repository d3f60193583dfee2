"""Errors in the form of OpenAI's API."""

import pytest
from starlette.requests import ClientDisconnect

from langchain_localllm.web.openai_api.errors import error_content


def test_openai_api_client_that_goes_away_is_not_logged_as_a_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert error_content(ClientDisconnect())[0] == 400
    assert caplog.records == []

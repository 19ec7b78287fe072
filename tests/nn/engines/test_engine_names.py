"""An engine that is not installed."""

import pytest

from limner.foundation.errors import UserError
from limner.nn.engines import names


def test_an_engine_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"^--engine openvino needs OpenVINO: pip install 'limner\[openvino\]'$"):
        names.check_engine("openvino", "auto")
    names.check_engine("torch", "auto")

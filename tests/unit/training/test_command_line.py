import pytest

from training.command_line import reproducible_command


def test_a_command_shows_the_data_folder_as_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELEN_DATA_DIR", "/somewhere/data/")
    shown = reproducible_command("training.evaluate", ["--data_dir", "/somewhere/data/asl", "--data_name", "two words"])
    assert shown == "python -m training.evaluate --data_dir $HELEN_DATA_DIR/asl --data_name 'two words'"


def test_without_the_variable_a_command_is_shown_as_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELEN_DATA_DIR", raising=False)
    assert reproducible_command("training.evaluate", ["--seeds", "3"]) == "python -m training.evaluate --seeds 3"

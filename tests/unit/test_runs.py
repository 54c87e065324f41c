"""Run logs: what is written is read back, whatever became of the run."""

import json

import pytest

from pretrain.errors import PretrainError
from pretrain.runs import FORMAT, RunLog, environment, read_log


@pytest.fixture
def path(tmp_path):
    log = RunLog({"name": "a run", "seed": 3}, path=tmp_path / "log.jsonl")
    log.start()
    log.add({"step": 1, "loss": 2.5})
    log.add({"step": 2, "loss": 2.25, "eval_loss": 2.4})
    return log.path


def test_a_log_is_a_header_and_a_record_a_line(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0] == {"format": FORMAT, "name": "a run", "seed": 3}
    assert lines[1:] == [
        {"step": 1, "loss": 2.5},
        {"step": 2, "loss": 2.25, "eval_loss": 2.4},
    ]


def test_reading_gives_back_header_records_and_columns(path):
    log = read_log(path)
    assert log.header["name"] == "a run"
    assert log.column("loss") == [2.5, 2.25]
    assert log.column("eval_loss") == [2.4], "of the records that have it"
    assert log.column("lr") == []


def test_a_log_can_be_read_after_a_kill_at_any_byte(path):
    """Every prefix that holds the header is a log, of the whole lines in it.

    Without its line end a record may be whole already: then it counts.
    """
    content = path.read_bytes()
    records = [json.loads(line) for line in content.decode().splitlines()[1:]]
    header = content.index(b"\n") + 1
    for size in range(header, len(content) + 1):
        path.write_bytes(content[:size])
        found = read_log(path).records
        assert found == records[: len(found)]
        assert len(found) >= content[header:size].count(b"\n")


def test_starting_again_keeps_the_records_and_leaves_no_other_file(path):
    log = read_log(path)
    log.records.pop()
    log.start()
    assert read_log(path).records == [{"step": 1, "loss": 2.5}]
    assert [p.name for p in path.parent.iterdir()] == ["log.jsonl"]


def test_a_log_without_a_path_stays_in_memory():
    log = RunLog({})
    log.start()
    log.add({"step": 1})
    assert log.column("step") == [1]


def test_the_environment_names_versions_and_device():
    found = environment("cpu")
    assert found["device"] == "cpu"
    assert {"python", "torch", "numpy", "tokenizers"} <= set(found)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"not json\n", b"3\n", b"[1]\n", b'{"step": 1}\n', b"\xff\xfe\x00\n"],
)
def test_what_is_no_log_is_one_clear_error(tmp_path, content):
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    with pytest.raises(PretrainError, match="is not a run log of this package"):
        read_log(path)


def test_a_log_that_is_not_there(tmp_path):
    with pytest.raises(PretrainError, match="there is no run log at .*check the fol"):
        read_log(tmp_path / "none.jsonl")
    with pytest.raises(PretrainError, match="there is no run log at"):
        read_log(tmp_path)

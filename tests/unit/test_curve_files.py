"""Readers of other tools' curves: each format, what is wrong with a file, and golden
cases that JavaScript must answer alike."""

import base64
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from widget_site import golden

from pretrain.errors import PretrainError
from pretrain.runs import FORMAT
from pretrain.widgets.curve_files import as_number, label, read_file, read_runs
from pretrain.widgets.event_files import fields, masked_crc

TORCH = Path(__file__).parent.parent / "golden" / "torch.tfevents"

HEADER = {"format": FORMAT, "name": "small", "seed": 3, "parameters": 1000}
LOG = [
    HEADER,
    {"step": 1, "tokens": 64, "seconds": 0.5, "loss": 4.5, "scored": 60, "lr": 0.1},
    {"step": 2, "tokens": 128, "seconds": 1.0, "loss": math.nan, "eval_loss": 4.25},
    {"step": 3, "tokens": 192, "seconds": 1.5, "loss": 3.5},
]
TRAINER = {
    "global_step": 20,
    "total_flos": 4e6,
    "log_history": [
        {"epoch": 0.5, "step": 10, "loss": 2.5, "learning_rate": 5e-5},
        {"epoch": 0.5, "step": 10, "eval_loss": 2.25},
        {"epoch": 1.0, "step": 20, "loss": 2.0, "grad_norm": math.inf},
        {"epoch": 1.0, "step": 20, "train_loss": 2.25, "total_flos": 4e6},
    ],
}
WANDB = (
    '"Step","a b - train/loss","a b - train/loss__MIN","a b - _step","c - train/loss"\n'
    "0,3.5,3.5,0,\n1,3.25,3.25,1,4.5\n2,,,,4.25\n"
)


def lines(rows) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def record(event: bytes) -> bytes:
    """A TFRecord, as TensorFlow's documentation describes it."""
    size = struct.pack("<Q", len(event))
    checks = [struct.pack("<I", masked_crc(part)) for part in (size, event)]
    return size + checks[0] + event + checks[1]


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def event(step: int, tag: str, value: bytes) -> bytes:
    """An Event whose one Value has the tag and the encoded field ``value``."""
    inner = field(1, field(1, tag.encode()) + value)
    head = b"\x09" + struct.pack("<d", 1e9 + step) + b"\x10" + varint(step)
    return record(head + field(5, inner))


def varint(n: int) -> bytes:
    return (bytes([n & 127 | 128]) + varint(n >> 7)) if n > 127 else bytes([n])


def simple(value: float) -> bytes:
    return b"\x15" + struct.pack("<f", value)


def tensor(kind: int, number: int, content: bytes) -> bytes:
    return field(8, b"\x08" + bytes([kind]) + field(number, content))


EVENTS = b"".join(
    [
        record(b"\x09" + struct.pack("<d", 1e9) + field(3, b"brain.Event:2")),
        event(1, "loss", simple(2.5)),
        event(300, "loss", simple(math.inf)),
        event(300, "val/loss", tensor(1, 5, struct.pack("<f", 2.25))),
        event(70_000, "acc", tensor(2, 4, struct.pack("<d", 0.1))),
        event(70_000, "text", tensor(7, 8, b"hello")),
    ]
)
BROKEN = bytearray(EVENTS)
BROKEN[80] ^= 1
FILES = [
    ("runs/a/log.jsonl", lines(LOG)),
    ("cut.jsonl", lines(LOG)[:-20]),
    ("plain.jsonl", b'{"it": 1, "train/loss": 3}\n\n{"it": 2, "train/loss": "NaN"}'),
    ("out/b/trainer_state.json", json.dumps(TRAINER, indent=1).encode()),
    ("table.csv", b"\xef\xbb\xbfstep,Loss,note\n2,1.5,x\n1,2.5,\n2,1.25,\n"),
    ("table.tsv", b"iteration\tval loss\r\n10\t3\r\n20\tnan\r\n"),
    ("semicolons.csv", b'tokens;"my;loss"\n5;1e0\n6;.5\n'),
    ("bare.csv", b"4.5\n4.25\n4\n"),
    ("pairs.csv", b"10,4.5\n20,-inf\n"),
    ("run-x_y-tag-Loss_train.csv", b"Wall time,Step,Value\n100.5,1,3\n102,2,2.5\n"),
    ("renamed.csv", b"Wall time,Step,Value\n100.5,1,3\n"),
    ("wandb_export.csv", WANDB.encode()),
    ("logs/one/events.out.tfevents.1.host", EVENTS),
    ("events.out.tfevents.cut", EVENTS[:-10]),
    ("torch", TORCH.read_bytes()),
    ("empty.csv", b" \n"),
    ("none.jsonl", b""),
    ("damaged.tfevents", bytes(BROKEN)),
    ("short.csv", b"step,loss\n1,2\n2\n"),
    ("word.csv", b"step,loss\n1,2\n2,oops\n"),
    ("header.csv", b"step,loss\n"),
    ("nothing.csv", b"step,tokens\n1,2\n"),
    ("quote.csv", b'step,loss\n1,"2\n'),
    ("prose.txt", b"Once upon a time."),
    ("image.png", b"\x89PNG\r\n\x1a\n\x00\x00"),
    ("bad.json", b'{"log_history": [\n1, 2'),
    ("bad.jsonl", b'{"step": 1, "loss": 2}\nnot json\n{"step": 3, "loss": 2}\n'),
    ("alone.csv", b"Step,a - x__MIN\n1,2\n"),
]


def shown(values) -> list | None:
    return None if values is None else [str(float(v)) for v in values]


def answer(name: str, data: bytes) -> list | str:
    try:
        runs = read_runs(name, data)
    except PretrainError as error:
        return str(error)
    return [
        {
            "name": run.name,
            "group": run.group,
            "series": {
                key: {what: shown(values) for what, values in vars(one).items()}
                for key, one in run.series.items()
            },
        }
        for run in runs
    ]


def test_golden():
    golden(
        "curve_files",
        [
            {
                "name": name,
                "data": base64.b64encode(data).decode(),
                "answer": answer(name, data),
            }
            for name, data in FILES
        ],
    )


def read(name: str):
    return read_runs(name, dict(FILES)[name])


def test_our_own_log():
    (run,) = read("runs/a/log.jsonl")
    loss = run.series["loss"]
    assert (run.name, run.group) == ("small · seed 3", "small")
    np.testing.assert_array_equal(loss.value, [4.5, np.nan, 3.5])
    np.testing.assert_array_equal(loss.flops, 6 * 1000 * np.array([64.0, 128, 192]))
    assert run.series["eval_loss"].step.tolist() == [2]
    assert run.series.keys() == {"loss", "lr", "eval_loss"}


def test_the_trainer_of_hugging_face():
    """Its last entry is the mean of the whole run: a curve of its own."""
    (run,) = read("out/b/trainer_state.json")
    assert run.name == "b" and run.series["loss"].value.tolist() == [2.5, 2.0]
    assert run.series["loss"].flops.tolist() == [2e6, 4e6]
    assert run.series["train_loss"].value.tolist() == [2.25]


def test_weights_and_biases():
    first, second = read("wandb_export.csv")
    assert (first.name, second.name) == ("a b", "c")
    assert first.series["loss"].step.tolist() == [0, 1]
    assert second.series["loss"].value.tolist() == [4.5, 4.25]


def test_a_later_value_at_the_same_step_counts():
    (run,) = read("table.csv")
    assert run.series["loss"].value.tolist() == [2.5, 1.25]


def test_an_event_file_that_torch_wrote():
    """`SummaryWriter` of torch 2.13 with TensorBoard 2.21; new and old style."""
    (run,) = read("torch")
    loss = run.series["loss"]
    np.testing.assert_array_equal(loss.step, np.arange(6) * 10)
    np.testing.assert_array_equal(loss.value, [4.5, 3.25, 2.5, np.nan, 2.0, 1.875])
    np.testing.assert_array_equal(loss.seconds, np.arange(6) * 1.5)
    assert run.series["acc"].value.tolist() == [20 / 64, 50 / 64]  # doubles
    np.testing.assert_array_equal(
        run.series["eval_loss"].value, np.float32([2.55, 2.25])
    )


def test_an_event_file_written_now(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    with tensorboard.SummaryWriter(tmp_path / "now") as writer:
        writer.add_scalar("loss", 1.5, 7)
    (run,) = read_file(next((tmp_path / "now").iterdir()))
    assert run.name == "now" and run.series["loss"].value.tolist() == [1.5]


def test_the_checksum_is_the_published_one():
    """CRC-32C of 32 zero bytes is 8a9136aa (RFC 3720, B.4), then TensorFlow's mask."""
    crc = 0x8A9136AA
    wanted = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc(bytes(32)) == wanted


@given(st.binary(max_size=60))
def test_no_bytes_make_the_protocol_buffers_fail(data):
    for number, value in fields(data):
        assert number >= 0 and isinstance(value, int | bytes)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    try:
        runs = read_runs("x.csv", text.encode())
    except PretrainError as error:
        assert str(error).endswith(".") and "x" in str(error)
    else:
        assert all(len(s.value) == len(s.step) for s in runs[0].series.values())


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e3", 1000.0), (" .5 ", 0.5), ("-Infinity", -math.inf), (True, None)]
    + [(text, None) for text in ("", "1_0", "0x1", "１", "one", None)],
)
def test_numbers(text, number):
    assert as_number(text) == number


def test_names():
    assert label("runs/a/trainer_state.json") == label(r"runs\a\log.jsonl") == "a"
    assert label("a/b.csv") == "b" and label("log.jsonl") == "log"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(PretrainError, match="there is no run at"):
        read_file(tmp_path / "gone.csv")

import base64
import json

import pytest

from clockodile.core import results
from clockodile.core.errors import UserError


def test_notebooks_keep_each_others_metrics(tmp_path):
    results.record_metrics(tmp_path, "01", [results.metric("images", 10)])
    results.record_metrics(tmp_path, "02", [results.metric("accuracy", [0.8, 0.9], unit="%")])
    results.record_metrics(tmp_path, "01", [results.metric("images", 20)])
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["01"][0]["mean"] == 20 and len(content["01"]) == 1 and "02" in content


@pytest.mark.parametrize(
    "foreign", ['{"accuracy": 0.93, "loss": 0.2}', '{"01": [{"name": "x"}]}', '{"01": ["x"]}', "[1]", "MINE", ""]
)
def test_the_metrics_of_another_program_are_left_alone(tmp_path, foreign):
    (tmp_path / "metrics.json").write_text(foreign)
    with pytest.raises(UserError, match="metrics.json was not written by clockodile; .*another --out"):
        results.record_metrics(tmp_path, "01", [results.metric("images", 10)])
    assert (tmp_path / "metrics.json").read_text() == foreign


@pytest.mark.parametrize(
    ("values", "unit", "text"),
    [
        (1000, "", "1000"),
        (0.125, "%", "12.5 %"),
        (0.02, "%", "2.0 %"),
        ([0.84, 0.86], "%", "85.0 +/- 1.4 %"),
        ([0.5, 0.5], "%", "50.0 +/- 0.0 %"),
        ([1.0, 1.5], "s", "1.25 +/- 0.35 s"),
    ],
)
def test_a_metric_reads_as_a_person_would_write_it(values, unit, text):
    assert results.format_metric(results.metric("m", values, unit=unit)) == text


def test_added_rows_follow_those_of_the_notebook_and_replace_their_own_kind(tmp_path):
    results.record_metrics(tmp_path, "02", [results.metric("a", 1), results.metric("b", 2)])
    results.record_metrics(tmp_path, "03", [results.metric("c", 3)])
    for value in (4, 5):
        results.add_metrics(tmp_path, "02", [results.metric("b", value)])
    found = results.read_metrics(tmp_path)
    assert [(row["name"], row["mean"]) for row in found["02"]] == [("a", 1), ("b", 5)]
    assert [row["name"] for row in found["03"]] == ["c"]


def test_an_address_holds_the_whole_file():
    head, _, content = results.data_uri(bytes(range(256)), "image/webp").partition(",")
    assert head == "data:image/webp;base64" and base64.b64decode(content) == bytes(range(256))

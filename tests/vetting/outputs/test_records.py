"""JSON, Croissant and RO-Crate: complete, of known schema, and right for their own programs."""

from __future__ import annotations

import dataclasses
import email.message
import hashlib
import io
import json
import math
import re
import urllib.request
from pathlib import Path
from urllib.response import addinfourl

import pytest

from qiqa.core.regulation import EVIDENCE_BEYOND, clauses_of, evidence_rows
from qiqa.core.vet_payload import restore_words, vet_payload
from qiqa.core.vet_result import NOT_STATED, About
from qiqa.core.vet_words import headline, number_words, statement_words, unchecked
from qiqa.core.vetting import Action
from qiqa.io.croissant import croissant
from qiqa.io.policy_file import parse_policy
from qiqa.io.ro_crate import ro_crate
from qiqa.workflows.reviewing import judge

DOCS = Path(__file__).resolve().parents[3] / "docs"


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


# --- JSON ------------------------------------------------------------------------------------


def test_the_payload_is_json_and_complete(vetted):
    payload = vet_payload(vetted)
    assert payload["schema"] == "qiqa.vet/1"
    text = json.dumps(payload, allow_nan=False)
    assert payload["counts"]["actions"] == {a.value: vetted.counts.actions[a] for a in Action}
    assert payload["policy"]["rules"]["clipped"]["limit"] == 2.0
    assert payload["other_files"] == {"not DICOM": 7, "structured report": 1}
    assert payload["statements"]["representativeness"][1]["value"] is None
    # paths may hold names
    assert not any(row.path in text for row in vetted.rows)


def test_every_key_is_documented(vetted):
    text = (DOCS / "vetting" / "outputs.md").read_text(encoding="utf-8")
    section = text.split("## JSON: qiqa.vet/1")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(vet_payload(vetted))


def test_what_is_read_back_is_what_was_written(vetted):
    words = restore_words(json.loads(json.dumps(vet_payload(vetted))))
    assert words.provenance == vetted.parts.provenance
    assert words.about == vetted.parts.about
    assert words.features == vetted.parts.features
    for name, given in vetted.parts.statements.items():
        for before, after in zip(given, words.statements[name], strict=True):
            assert (after.code, after.subject, after.rows) == (
                before.code, before.subject, before.rows,
            )  # fmt: skip
            assert after.value == before.value or math.isnan(after.value)


@pytest.mark.parametrize(
    "content", [None, [], {}, {"schema": "qiqa.vet/2"}, {"schema": "qiqa.vet/1", "statements": 1}]
)
def test_other_content_is_refused(content):
    with pytest.raises(ValueError, match=r"schema|statements"):
        restore_words(content)


# --- clauses ---------------------------------------------------------------------------------


def test_evidence_is_counted_from_the_set(vetted):
    rows = {row.topic: row for row in evidence_rows(vetted)}
    assert rows["labels"].evidence == "none in this output"  # the check could not be done
    above = sum(vetted.counts.reasons[c].above for c in ("clipped", "map_unit_implausible"))
    assert (
        f"plausibility: {above} findings above"
        in rows["image quality and values of pixels"].evidence
    )
    assert (
        "predictability: 1 of 1 statements"
        in rows["balance of sites, vendors and scanners"].evidence
    )
    assert EVIDENCE_BEYOND not in rows


def test_evidence_for_a_clause_does_not_call_nothing_what_no_rule_judges(parts, make):
    """Whoever takes the rules on names out of the policy has not shown that there are none."""
    rules = [one for one in make.rules if one[0] != "identity_in_header"]
    assert len(rules) < len(make.rules)
    result = judge(parts, parse_policy(make.policy_text(rules=rules), make.checks, "p"))
    seen = result.counts.reasons["identity_in_header"].seen
    assert seen
    rows = {row.topic: row.evidence for row in evidence_rows(result)}
    said = f"0 findings above their limits in 500 series, {seen} that no rule judges"
    assert said in rows["provenance and de-identification"]
    bare = judge(parts, parse_policy(make.policy_text(rules=()), make.checks, "p"))
    rows = {row.topic: row.evidence for row in evidence_rows(bare)}
    said = "0 of 1 statements on the set above their limits, 1 that no rule judges"
    assert f"predictability: {said}" in rows["balance of sites, vendors and scanners"]


def test_a_check_without_a_topic_is_named_as_such(vetted, make):
    odd = dataclasses.replace(make.checks[0], name="of a third party", title="Third party")
    parts = dataclasses.replace(vetted.parts, checks=(*make.checks, odd))
    rows = evidence_rows(dataclasses.replace(vetted, parts=parts))
    assert rows[-1].topic == EVIDENCE_BEYOND
    assert (rows[-1].nist, rows[-1].checks) == ("", ("Third party",))
    assert clauses_of("of a third party") is None


# --- words -----------------------------------------------------------------------------------


def test_words_carry_the_numbers(vetted):
    (one,) = vetted.parts.statements["predictability"]
    said = statement_words(vetted, one)
    for part in ("Scanner can be told", "(scanner)", "0.931", "95 % 0.902 to 0.957", "p 0.005"):
        assert part in said
    actions = vetted.counts.actions
    usable = actions[Action.KEEP] + actions[Action.CORRECT]
    assert headline(vetted).startswith(f"{usable} of 500 series can be used, ")


def test_a_number_that_was_not_found_is_no_number():
    assert number_words(math.nan, "%") == "could not be found"
    assert number_words(math.inf) == "beyond any limit"


def test_what_is_off_is_said_once_and_counts_as_not_checked(parts, make):
    policy = parse_policy(make.policy_text(extra='off = ["quality"]'), make.checks, "p")
    given = dataclasses.replace(parts, not_run={"quality": "turned off by the policy"})
    found = unchecked(judge(given, policy))
    assert found == (("Image quality", "turned off by the policy"),)


# --- Croissant -------------------------------------------------------------------------------


def test_croissant_names_every_file_with_its_hash(output):
    content = read(output / "croissant.json")
    assert content["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    files = {one["contentUrl"]: one for one in content["distribution"]}
    assert {"manifest.csv", "manifest.parquet", "card.html", "vet.json"} <= set(files)
    for name, one in files.items():
        assert one["sha256"] == hashlib.sha256((output / name).read_bytes()).hexdigest()
    assert content["license"] == NOT_STATED
    assert content["creator"]["name"] == NOT_STATED


def test_fields_for_responsible_ai_hold_only_what_was_measured(vetted):
    content = croissant(vetted, ())
    biases = content["rai:dataBiases"]
    assert any("0.931" in words for words in biases)
    assert not any("sex" in words for words in biases)  # could not be found
    limits = content["rai:dataLimitations"]
    assert any(words.startswith("Could not be answered") and "sex" in words for words in limits)
    assert any("Labels: no table with labels was given" in words for words in limits)
    seen = vetted.counts.reasons["identity_in_header"].seen
    assert (
        f"Attributes identify a person: seen in {seen} series of 500"
        in (content["rai:personalSensitiveInformation"])
    )
    known = {"dataBiases", "dataLimitations", "dataUseCases", "dataPreprocessingProtocol"}
    known |= {"personalSensitiveInformation", "dataCollectionMissingData"}
    assert {key.removeprefix("rai:") for key in content if key.startswith("rai:")} == known


def test_what_a_person_states_is_taken_as_stated(vetted):
    about = About(
        name="N", license="https://spdx.org/licenses/MIT.html", creator="C", url="https://x.org/n",
        version="1.2.0", description="D",
    )  # fmt: skip
    stated = dataclasses.replace(vetted, parts=dataclasses.replace(vetted.parts, about=about))
    content = croissant(stated, ())
    assert (content["license"], content["version"]) == (about.license, "1.2.0")
    crate = {one["@id"]: one for one in ro_crate(stated, ())["@graph"]}
    assert crate["./"]["license"] == {"@id": about.license}
    assert crate["#creator"]["name"] == "C"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # theirs, not ours
def test_mlcroissant_accepts_the_metadata_and_reads_every_record(output):
    mlcroissant = pytest.importorskip("mlcroissant")
    data = mlcroissant.Dataset(jsonld=str(output / "croissant.json"))
    assert not data.metadata.ctx.issues.errors
    records = list(data.records("series"))
    assert len(records) == 500
    assert {one["series/decision"] for one in records} <= {a.value.encode() for a in Action}


# --- RO-Crate --------------------------------------------------------------------------------


def test_the_crate_names_every_file_and_what_made_it(output):
    graph = {one["@id"]: one for one in read(output / "ro-crate-metadata.json")["@graph"]}
    parts = [one["@id"] for one in graph["./"]["hasPart"]]
    assert "croissant.json" in parts
    for name in parts:
        content = (output / name).read_bytes()
        assert graph[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert graph[name]["contentSize"] == str(len(content))
    assert graph["#vetting"]["instrument"] == {"@id": "#qiqa"}
    assert graph["#owner"]["name"] == "J. Kask, North Trial"
    assert graph["#license"]["name"] == NOT_STATED


@pytest.fixture
def context(monkeypatch):
    """Serve the context that comes with `rocrate`: nothing is fetched from a network."""
    rocrate, requests = pytest.importorskip("rocrate"), pytest.importorskip("requests")
    cache = pytest.importorskip("requests_cache")
    text = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_bytes()

    def opened(_self, request, *_rest, **_named):
        address = request if isinstance(request, str) else request.full_url
        assert address.startswith("https://w3id.org/ro/crate/")
        headers = email.message.Message()
        headers["Content-Type"] = "application/ld+json"
        return addinfourl(io.BytesIO(text), headers, address, 200)

    def sent(_self, request, **_named):
        assert request.url.startswith("https://w3id.org/ro/crate/")
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer._content = text
        answer.headers["Content-Type"] = "application/ld+json"
        return answer

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", opened)
    monkeypatch.setattr(requests.Session, "send", sent)
    monkeypatch.setattr(cache.CachedSession, "send", sent)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # theirs, not ours
def test_the_validator_of_ro_crate_has_nothing_to_require(output, context):  # noqa: ARG001
    services = pytest.importorskip("rocrate_validator.services")
    models = pytest.importorskip("rocrate_validator.models")
    settings = services.ValidationSettings(
        rocrate_uri=str(output),
        profile_identifier="ro-crate-1.2",
        requirement_severity=models.Severity.REQUIRED,
    )
    result = services.validate(settings)
    assert [issue.message for issue in result.get_issues()] == []
    assert result.passed()

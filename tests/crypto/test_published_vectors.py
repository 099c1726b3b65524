"""Published vectors of `cryptography_vectors` through the browser's own wrappers."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw

from tests.client.test_cobblestone import CASES as COBBLESTONE_CASES
from tests.client.test_cobblestone import ciphertext_of
from tests.client.test_published_vectors import (
    ARGON_CASES,
    ECDH_CASES,
    ECDSA_CASES,
    GCM_CASES,
    HKDF_CASES,
    VECTORS,
    Case,
)

DRIVER = Path(__file__).with_name("published_vectors_driver.js")
# Our worker gives 32 bytes and takes no empty password: nothing that asks it needs more.
ARGON_32_CASES = [case for case in ARGON_CASES if case["length"] == "32" and case["pass"]]
ARGON_COSTS = [(8, 1, 1), (32, 3, 4), (1_024, 2, 2), (65_536, 3, 1), (70_001, 4, 3)]
HMAC_CASES = re.findall(
    r"^Key = (\S+)$.*?^Msg = (\S+)$.*?^MD = (\S+)$",
    (VECTORS / "HMAC/rfc-4231-sha256.txt").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)

Results = dict[str, list[str | None]]


def read_hkdf(case: Case) -> dict[str, Any]:
    length = int(case["L"])
    return {"salt": case["salt"], "secret": case["IKM"], "info": case["info"], "length": length}


def read_gcm(case: Case) -> dict[str, Any]:
    sealed = case["IV"] + case["CT"] + case["Tag"]
    return {"key": case["Key"], "sealed": sealed, "additionalData": case["AAD"]}


def read_argon2id(case: Case) -> dict[str, Any]:
    costs = {"mKib": int(case["memcost"]), "t": int(case["iter"]), "p": int(case["lanes"])}
    return {"password": case["pass"], "salt": case["salt"], **costs}


def read_ecdh(case: Case) -> dict[str, Any]:
    own = "04" + case["QsIUTx"] + case["QsIUTy"]
    peer = "04" + case["QsCAVSx"] + case["QsCAVSy"]
    return {"scalar": case["dsIUT"], "own": own, "peer": peer}


def read_ecdsa(case: Case) -> dict[str, Any]:
    public = "04" + case["Qx"] + case["Qy"]
    return {"publicKey": public, "message": case["Msg"], "signature": case["R"] + case["S"]}


def read_cobblestone(case: dict[str, Any]) -> dict[str, Any]:
    ciphertext = ciphertext_of(case).hex()
    return {"key": case["key"], "context": case["context"], "ciphertext": ciphertext}


def is_valid(case: Case) -> bool:
    return case["Result"].startswith("P")


@pytest.fixture(scope="module")
def results() -> Results:
    """Every case computed once, by one process."""
    questions = {
        "hkdf": [read_hkdf(case) for case in HKDF_CASES],
        "hmac": [{"key": key, "input": message} for key, message, _ in HMAC_CASES],
        "gcm": [read_gcm(case) for case in GCM_CASES],
        "cobblestone": [read_cobblestone(case) for case in COBBLESTONE_CASES],
        "argon2id": [read_argon2id(case) for case in ARGON_32_CASES],
        "ecdh": [read_ecdh(case) for case in ECDH_CASES],
        "ecdsa": [read_ecdsa(case) for case in ECDSA_CASES],
    }
    return compute(questions)


def compute(questions: dict[str, list[dict[str, Any]]]) -> Results:
    finished = subprocess.run(
        ["node", DRIVER], input=json.dumps(questions), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    answers: Results = json.loads(finished.stdout)
    return answers


def test_hkdf_of_rfc_5869(results: Results) -> None:
    assert results["hkdf"] == [case["OKM"] for case in HKDF_CASES]


def test_hmac_of_rfc_4231(results: Results) -> None:
    assert len(HMAC_CASES) == 6
    assert results["hmac"] == [tag for _, _, tag in HMAC_CASES]


def test_argon2id_of_rfc_9106_and_its_command_line_tool(results: Results) -> None:
    assert len(ARGON_32_CASES) >= 1
    assert results["argon2id"] == [case["output"] for case in ARGON_32_CASES]


@pytest.mark.parametrize(("memory_kib", "passes", "lanes"), ARGON_COSTS)
def test_argon2id_equals_the_reference_implementation(
    memory_kib: int, passes: int, lanes: int
) -> None:
    password, salt = os.urandom(20), os.urandom(32)
    case = {"pass": password.hex(), "salt": salt.hex()}
    costs = {"memcost": str(memory_kib), "iter": str(passes), "lanes": str(lanes)}
    expected = hash_secret_raw(password, salt, passes, memory_kib, lanes, 32, Type.ID)
    assert compute({"argon2id": [read_argon2id(case | costs)]}) == {"argon2id": [expected.hex()]}


def test_aes_256_gcm_of_nist_opens_what_is_whole_and_refuses_the_rest(results: Results) -> None:
    assert any("FAIL" in case for case in GCM_CASES)
    assert results["gcm"] == [None if "FAIL" in case else case["PT"] for case in GCM_CASES]


def test_chunked_encryption_of_c2sp_opens_what_is_whole_and_refuses_the_rest(
    results: Results,
) -> None:
    for case, digest in zip(COBBLESTONE_CASES, results["cobblestone"], strict=True):
        expected = case["payload_sha256"] if case["expect"] == "success" else None
        assert digest == expected, case["name"]


def test_ecdh_of_nist_agrees_on_the_secret_or_refuses(results: Results) -> None:
    for case, secret in zip(ECDH_CASES, results["ecdh"], strict=True):
        assert (secret == case["Z"]) == is_valid(case), case


def test_ecdsa_of_nist_tells_valid_signatures_from_changed_ones(results: Results) -> None:
    for case, answer in zip(ECDSA_CASES, results["ecdsa"], strict=True):
        assert (answer == "01") == is_valid(case), case

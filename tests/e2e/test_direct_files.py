"""Files go from page to bucket and from bucket to page, past a real server (S-44)."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aioboto3
import pytest
from playwright.async_api import Browser, Request, expect
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from client.link_visits import LinkAddress
from tests.client.crowd import Crowd
from tests.client.file_pieces import MIB
from tests.e2e.conftest import PHONE
from tests.e2e.person import Person
from tests.e2e.test_attachments import chooser_of
from tests.e2e.visitor import Visitor
from tests.process import ServerProcess
from tests.s3 import S3Process

SIZE = 9 * MIB
PARTS = 3
NOBODY = "http://127.0.0.1:9"  # the port on which everything is thrown away
ADDRESS = "/api/files/{file_id}/parts/{number}/address"
PART = "/api/files/{file_id}/parts/{number}"
CONTENT = "/api/files/{file_id}/content"


@dataclass
class Bucket:
    """Where the server of a test keeps files."""

    service: S3Process
    public: str

    def settings(self) -> dict[str, str]:
        bucket = self.service.bucket
        return {
            "SEALROOM_FILES": f"s3://{bucket.name}/{secrets.token_hex(8)}",
            "SEALROOM_S3_ENDPOINT": bucket.endpoint,
            "SEALROOM_S3_ACCESS_KEY": bucket.access_key,
            "SEALROOM_S3_SECRET_KEY": bucket.secret_key,
            "SEALROOM_S3_PRESIGNED": "on",
            "SEALROOM_S3_PUBLIC_ENDPOINT": self.public,
        }

    async def admit(self, origin: str) -> None:
        """Let pages of one origin use the bucket, as docs/operations.md says."""
        text = (Path(__file__).parents[2] / "docs/operations.md").read_text()
        rule = text.partition("```json\n")[2].partition("```")[0]
        assert '"CORSRules"' in rule
        bucket = self.service.bucket
        client = aioboto3.Session().client(
            "s3",
            endpoint_url=bucket.endpoint,
            region_name=bucket.region,
            aws_access_key_id=bucket.access_key,
            aws_secret_access_key=bucket.secret_key,
        )
        async with client as s3:
            rules = json.loads(rule.replace("https://chat.example.org", origin))
            await s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration=rules)

    async def allows(self, origin: str) -> bool:
        """Whether a page of that origin may put parts."""
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "content-type,x-amz-checksum-sha256",
        }
        url = f"{self.service.bucket.endpoint}/{self.service.bucket.name}/part"
        request = HTTPRequest(url, method="OPTIONS", headers=asked)
        answer = await AsyncHTTPClient().fetch(request, raise_error=False)
        return answer.headers.get("Access-Control-Allow-Origin") == origin


@pytest.fixture
async def bucket(request: pytest.FixtureRequest, s3_service: S3Process) -> Bucket:
    await s3_service.ready()
    return Bucket(s3_service, getattr(request, "param", s3_service.bucket.endpoint))


@pytest.fixture
def server(bucket: Bucket, tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path, bucket.settings())
    process.start()
    yield process
    assert process.stop() == 0
    log = process.log.read_text(encoding="utf-8")
    assert '"level": "error"' not in log, log[-4000:]
    assert "X-Amz" not in log


def calls(server: ServerProcess) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    done = [line for line in lines if line["message"] == "request" and line["status"] < 300]
    return [(line["method"], line["route"]) for line in done]


async def goes_from_page_to_page(an: Person, binh: Person, folder: Path) -> None:
    film = folder / "phim.bin"
    film.write_bytes(os.urandom(SIZE))
    await (await chooser_of(an.page)).set_files(film)
    await an.get("message-input").fill("Đây nhé")
    await an.get("message-send").click()
    await binh.reads("Đây nhé")
    file = binh.get("attachment")
    async with binh.page.expect_download() as download:
        await file.get_by_test_id("attachment-download").click()
    await (await download.value).save_as(folder / "saved")
    assert (folder / "saved").read_bytes() == film.read_bytes()
    await expect(file).to_have_attribute("data-verdict", "intact")


async def test_a_file_goes_past_the_server_from_page_to_page(
    bucket: Bucket, server: ServerProcess, pair: tuple[Person, Person], tmp_path: Path
) -> None:
    await bucket.admit(server.origin)
    assert await bucket.allows(server.origin)
    assert not await bucket.allows("https://other.example.org")
    seen: list[Request] = []
    for person in pair:
        person.context.on("request", lambda request: seen.append(request))
    await goes_from_page_to_page(*pair, tmp_path)
    done = calls(server)
    assert done.count(("POST", ADDRESS)) == done.count(("GET", ADDRESS)) == PARTS
    assert ("PUT", PART) not in done
    assert ("GET", CONTENT) not in done
    there = [request for request in seen if request.url.startswith(bucket.public)]
    assert [each.method for each in there if each.method != "OPTIONS"].count("PUT") == PARTS
    for request in there:
        names = set(await request.all_headers())
        assert not names & {"authorization", "x-file-grant", "cookie", "referer"}, names


@pytest.mark.parametrize("bucket", [NOBODY], indirect=True)
async def test_without_a_way_to_the_bucket_a_file_goes_through_the_server(
    server: ServerProcess, pair: tuple[Person, Person], tmp_path: Path
) -> None:
    await goes_from_page_to_page(*pair, tmp_path)
    done = calls(server)
    assert done.count(("POST", ADDRESS)) == done.count(("GET", ADDRESS)) == 1
    assert done.count(("PUT", PART)) == done.count(("GET", CONTENT)) == PARTS


async def test_whoever_has_a_link_fetches_from_the_bucket(
    bucket: Bucket, server: ServerProcess, crowd: Crowd, browser: Browser, tmp_path: Path
) -> None:
    await bucket.admit(server.origin)
    lan = await crowd.person("lan")
    film = tmp_path / "phim.bin"
    film.write_bytes(os.urandom(SIZE))
    link = await lan.engine.sent_transfers.send_by_link([film])
    context = await browser.new_context(viewport=PHONE, locale="en-GB", accept_downloads=True)
    visitor = await Visitor.at(context, tmp_path)
    await visitor.open(LinkAddress(server.origin, link.transfer_id, link.secret).dump())
    saved = await visitor.save()
    assert saved.read_bytes() == film.read_bytes()
    done = calls(server)
    one = "/api/links/{transfer_id}/files/{file_id}"
    assert done.count(("GET", f"{one}/parts/{{number}}/address")) == PARTS
    assert ("GET", f"{one}/content") not in done
    assert visitor.complaints == []
    await context.close()

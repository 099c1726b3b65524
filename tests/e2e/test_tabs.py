"""Several tabs of one browser: one of them has the engine, whatever becomes of it (R-11)."""

import json
from typing import Any

from playwright.async_api import CDPSession, expect

from tests.e2e.person import Person

# A transaction on the whole database that goes on as long as the worker is awake.
WRITING = """() => new Promise((begun) => {
    const opening = indexedDB.open("sealroom");
    opening.onsuccess = () => {
        const names = [...opening.result.objectStoreNames];
        const rows = opening.result.transaction(names, "readwrite").objectStore("settings");
        const again = () => { rows.count().onsuccess = () => { begun(); again(); }; };
        again();
    };
})"""


async def another_tab(person: Person) -> Person:
    """The same person in a new tab of the same browser, at the same room."""
    tab = Person(
        person.server, person.context, await person.context.new_page(), person.name, person.email
    )
    tab.watch(tab.page)
    await tab.page.goto(person.page.url)
    return tab


class Sleep:
    """The engine of a page stops wherever it is, as when a phone suspends a tab, and goes on."""

    def __init__(self, browser: CDPSession) -> None:
        self._browser = browser
        self._workers: list[str] = []
        browser.on("Target.attachedToTarget", self._attached)

    @classmethod
    async def of(cls, person: Person) -> "Sleep":
        """Fall asleep."""
        sleep = cls(await person.context.new_cdp_session(person.page))
        await sleep._browser.send(
            "Target.setAutoAttach",
            {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False},
        )
        await sleep._say("Debugger.enable", "Debugger.pause")
        return sleep

    async def end(self) -> None:
        """Wake up."""
        await self._say("Debugger.resume")

    def _attached(self, event: dict[str, Any]) -> None:
        if event["targetInfo"]["type"] == "worker":
            self._workers.append(event["sessionId"])

    async def _say(self, *methods: str) -> None:
        assert self._workers
        for worker in self._workers:
            for number, method in enumerate(methods):
                message = json.dumps({"id": number, "method": method})
                await self._browser.send(
                    "Target.sendMessageToTarget", {"sessionId": worker, "message": message}
                )


async def test_a_tab_goes_on_by_itself_while_the_one_that_leads_sleeps(
    pair: tuple[Person, Person],
) -> None:
    an, binh = pair
    await an.send("trước khi ngủ")
    await an.get("message-input").fill("còn dở")
    # Without a network nothing is being written; a tab that slept in the middle of that would keep
    # the others out.
    await an.context.set_offline(True)
    await expect(an.page.locator(".connection-banner")).to_be_visible()
    sleep = await Sleep.of(an)
    await an.context.set_offline(False)
    tab = await another_tab(an)
    await expect(tab.get("message-input")).to_have_value("còn dở")
    await tab.reads("trước khi ngủ")
    await tab.send("thẻ kia đang ngủ")
    await binh.reads("thẻ kia đang ngủ")
    await binh.send("thấy rồi")
    await tab.reads("thấy rồi")
    await sleep.end()
    # It begins anew, beside the one that leads now.
    await an.reads("thấy rồi")
    await an.send("ngủ dậy rồi")
    for person in (an, tab, binh):
        await person.reads("ngủ dậy rồi")
    assert not tab.complaints


async def test_a_tab_that_others_keep_out_says_what_to_do(pair: tuple[Person, Person]) -> None:
    an, binh = pair
    await an.send("trước khi ngủ")
    await binh.reads("trước khi ngủ")
    (engine,) = (worker for worker in an.page.workers if "/session/worker.js" in worker.url)
    await engine.evaluate(WRITING)
    await Sleep.of(an)
    tab = await another_tab(an)
    await expect(tab.page.get_by_text("If it does not, close that tab.")).to_be_visible()
    await an.page.close()
    await tab.send("lại được rồi")
    await binh.reads("lại được rồi")
    assert not tab.complaints

"""The page of documents in a real browser: `python -m tests.deploy.docs_offline [--url URL --key KEY]`.

Opens `/docs` of a service (by default of a `verbatim dev` of its own) in headless Chromium, unfolds an operation,
authorizes and executes it. It proves: the page shows every operation of the document, a request can be tried from it,
and every request that the page makes goes to the service itself.
"""

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.deploy.browser import Page, page
from tests.running import running_dev

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPERATION = '.opblock-get:has([data-path="/v1/conversations"])'
FILL = """(text => {
  const field = document.querySelector(".modal-ux input");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", {bubbles: true}));
})"""
"""As React hears of it."""


def prove(shown: Page, url: str, key: str) -> list[str]:
    """What does not hold; empty where all does. `url` is the page's."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    document = httpx.get(f"{origin}/schema/openapi.json", timeout=60, trust_env=False).json()
    operations = sum(len(methods) for methods in document["paths"].values())
    shown.open(url)
    shown.wait("document.querySelectorAll('.opblock').length > 0")
    rendered = shown.run("document.querySelectorAll('.opblock').length")
    wrong = [] if rendered == operations else [f"{rendered} of {operations} operations are shown"]
    shown.click(f"{OPERATION} .opblock-summary-control")
    shown.wait(f"document.querySelector(`{OPERATION} .parameters`) !== null")
    _authorize(shown, key)
    shown.click(f"{OPERATION} .try-out__btn")
    shown.click(f"{OPERATION} button.execute")
    status = (
        f"document.querySelector(`{OPERATION} .live-responses-table tbody .response-col_status`)"
    )
    shown.wait(f"{status} !== null")
    told = shown.run(f"{status}.innerText")
    wrong += [] if told.startswith("200") else [f"trying an operation answers {told}"]
    wrong += [f"a request to {asked}" for asked in shown.requests if not stays(asked, origin)]
    wrong += [f"the page complains: {text}" for text in shown.trouble]
    tried = [asked for asked in shown.requests if asked.startswith(f"{origin}/v1/")]
    if len(tried) != 1 or "metadata" in tried[0]:  # what was not filled in is not sent
        wrong.append(f"what was tried is {tried}")
    print(
        f"{rendered} operations shown, {len(shown.requests)} requests, answer when tried: {told}",
        flush=True,
    )
    for asked in shown.requests:
        print(f"  {asked[:100]}")
    return wrong


def _authorize(shown: Page, key: str) -> None:
    shown.click(".auth-wrapper .authorize")
    shown.wait("document.querySelector('.modal-ux input') !== null")
    shown.run(f"{FILL}({key!r})")
    shown.click(".modal-ux button.authorize")
    shown.click(".modal-ux .btn-done")


def stays(asked: str, origin: str) -> bool:
    """`data:` and `blob:` are the page's own bytes."""
    parts = urlsplit(asked)
    return parts.scheme in ("data", "blob") or f"{parts.scheme}://{parts.netloc}" == origin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of the page; by default of a service started for it")
    parser.add_argument("--key", default="", help="an API key of that service")
    given = parser.parse_args()
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        print("Error: no Chromium; apt-get install chromium", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-docs-")))
        url, key = given.url, given.key
        if url is None:
            dev = stack.enter_context(running_dev(folder / "data"))
            url, key = dev.docs_url, dev.api_key
        wrong = prove(stack.enter_context(page(program, folder)), url, key)
    for one in wrong:
        print(f"wrong: {one}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

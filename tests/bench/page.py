"""`python -m tests.bench.page`: what a long Markdown answer costs the main thread of the page, in Chromium.

Code, tables and formulas at 200 tokens a second, in four lengths. Twice the text should take twice the time.
"""

import argparse
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from tests.bench.__main__ import environment, sessions
from tests.bench.servers import Process, web
from tests.browser.chromium import ARGUMENTS, CHROMIUM
from tests.support.fake_upstream.chunks import DONE, ROLE, chunk, ended, send, sse
from tests.support.fake_upstream.server import FakeUpstream
from tests.support.fake_upstream.steps import Send, Sleep, Step
from tests.support.services import program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECTION = r"""
## Step {n}: fitting a line

The **residuals** of step {n} are the distances between what was *measured* and what the line says, so their
squares are summed: `loss = sum(r ** 2)`. With $n = {n}$ points and a slope $\beta_1 = \frac{{s_{{xy}}}}{{s_{{xx}}}}$
the rest follows, as [the manual](https://manual.example/{n}) shows; see
also https://numbers.example/{n}?q=least+squares for more of it.

$$
\begin{{aligned}}
  \beta_1 &= \frac{{\sum_{{i=1}}^{{n}} (x_i - \bar x)(y_i - \bar y)}}{{\sum_{{i=1}}^{{n}} (x_i - \bar x)^2}} \\
  \beta_0 &= \bar y - \beta_1 \bar x
\end{{aligned}}
$$

```python
from dataclasses import dataclass

@dataclass(frozen=True)
class Line{n}:
    slope: float
    intercept: float = 0.0

    def at(self, x: float) -> float:
        "Where the line is."
        return self.slope * x + self.intercept

def fit(xs: list[float], ys: list[float]) -> Line{n}:
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys))
    under = sum((x - mean_x) ** 2 for x in xs)  # zero if all are the same
    return Line{n}(over / under, mean_y - over / under * mean_x)
```

| x | y | predicted | residual | remark |
|--:|--:|----------:|---------:|:-------|
| 1 | 2.1 | 2.0 | 0.1 | near |
| 2 | 3.9 | 4.0 | -0.1 | near |
| 3 | 6.4 | 6.0 | 0.4 | **far**, look at it again |

1. Take the means of both.
2. Sum the products of the distances:
   - those of `x`,
   - those of `y`.
3. Divide, and keep what is left over.

> A line is a model, and all models are wrong.
"""
TOKEN = re.compile(r"\s*\w{1,8}|\s*[^\w\s]{1,3}|\s+")
TRACED = ["disabled-by-default-devtools.timeline"]
METRICS = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration", "TaskDuration")


def answer(size: int) -> str:
    sections = "".join(SECTION.format(n=n) for n in range(size // len(SECTION) + 2))
    return sections[: sections.index("\n\n", size)]


def paced(text: str, rate: int) -> Iterator[Step]:
    yield send(ROLE)
    for token in TOKEN.findall(text):
        yield Send(sse(chunk(content=token)))
        yield Sleep(1 / rate)
    yield send(*ended(), DONE)


class Task(NamedTuple):
    """A task of the main thread, in milliseconds."""

    cpu: float
    clock: float


class Tab:
    """A page with one conversation, and its counters."""

    def __init__(self, browser: "Browser", base_url: str, session: str) -> None:
        context = browser.new_context(base_url=base_url, viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": session, "url": base_url}])
        self.page: Page = context.new_page()
        self.page.goto("/")
        self._browser = browser
        self._devtools: Any = context.new_cdp_session(self.page)
        # The CPU of the main thread, whatever else the machine does.
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def ask(self) -> None:
        self.page.locator("#question").fill("How do I fit a line?")
        self.page.locator("#question").press("Enter")
        # Not with Playwright's own waiting, which makes the page redraw all the time.
        while not self.page.query_selector(".answer[data-status=complete]"):
            self.page.wait_for_timeout(500)

    def seconds(self) -> dict[str, float]:
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in metrics if one["name"] in METRICS}

    def measure(self) -> tuple[dict[str, float], list[Task]]:
        """Return what an answer cost the main thread: seconds of CPU in total, and each task."""
        before = self.seconds()
        self._browser.start_tracing(page=self.page, categories=TRACED)
        self.ask()
        events = json.loads(self._browser.stop_tracing())["traceEvents"]
        after = self.seconds()
        self.page.context.close()
        return {name: after[name] - before[name] for name in METRICS}, tasks_of(events)


def tasks_of(events: list[dict[str, Any]]) -> list[Task]:
    """Return the tasks of pages only: the browser's own process has a main thread too."""
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    tasks = [event for event in events if event["name"] == "RunTask" and "tdur" in event]
    ours = [task for task in tasks if names.get((task["pid"], task["tid"])) == "CrRendererMain"]
    return [Task(task["tdur"] / 1000, task["dur"] / 1000) for task in ours]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", type=int, default=[15, 30, 45, 60], help="KB")
    parser.add_argument("--rate", type=int, default=200, help="tokens a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, environment(Path(name)), FakeUpstream() as upstream:
        upstream.scripts.clear()
        upstream.add("answer", [])
        [session] = sessions(1)
        far = Process(os.getpid(), urlsplit(upstream.base_url).port or 80)
        with web(far) as product, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program(CHROMIUM), args=ARGUMENTS)
            for size in options.sizes:
                text = answer(size * 1000)
                upstream.add("answer", paced(text, options.rate))
                print(f"{len(text) / 1000:.0f} KB, {len(TOKEN.findall(text))} tokens:", end=" ", flush=True)
                report(*Tab(browser, f"http://127.0.0.1:{product.port}", session).measure())
            browser.close()


def report(figures: dict[str, float], tasks: list[Task]) -> None:
    print(", ".join(f"{name.removesuffix('Duration').lower()} {seconds:.2f} s" for name, seconds in figures.items()))
    cpu, clock = max(task.cpu for task in tasks), max(task.clock for task in tasks)
    print(f"  {len(tasks)} tasks, the longest {cpu:.0f} ms of CPU, {clock:.0f} ms by the clock", flush=True)


if __name__ == "__main__":
    main()

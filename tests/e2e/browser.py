"""A headless Chromium for the end-to-end tests, driven by Debian's
chromedriver over the WebDriver protocol (W3C), with nothing but the standard
library.

It has a fresh profile, talks to nobody by itself, and says what it asked for:
.requests() lists the addresses that the pages made it fetch, .console() what
it had to say (errors, violations of a Content-Security-Policy).

    page = browser()
    page.open(url)
    page.fill("#m0", "text")
    page.click("button")
    page.wait("return document.title")
"""
import base64
import http.client
import shutil
import tempfile
import urllib.parse
from harness import *

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--disable-extensions",
         "--no-proxy-server", "--force-color-profile=srgb"]


def has_browser():
    return shutil.which("chromium") and shutil.which("chromedriver")


class Browser:
    """One window."""

    def __init__(self, width=1000, height=900, dark=False, scripts=True,
                 flags=()):
        self.profile = tempfile.mkdtemp(dir=scratch, prefix="chromium-")
        port = free_port()
        self.driver = Process(["chromedriver", "--port=%d" % port],
                              env={"HOME": self.profile})
        self.driver.port = self.port = port
        wait_for(lambda: accepts(port), "chromedriver to listen")
        options = {
            "binary": shutil.which("chromium"),
            "args": [*FLAGS, *flags, "--user-data-dir=" + self.profile]}
        if not scripts:
            options["prefs"] = {
                "profile.managed_default_content_settings.javascript": 2}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = "/session/" + made["sessionId"]
        self.look(width, height, dark)

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=60)
        connection.request(method, path,
                           json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError("%s: %s" % (value["error"],
                                           value.get("message", "")[:500]))
        return value

    def ask(self, method, path, body=None):
        return self._ask(method, self.session + path, body)

    def devtools(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute",
                        {"cmd": command, "params": parameters})

    def look(self, width, height, dark=False, still=False):
        """The size of the page, and what its reader prefers."""
        self.width = width
        self.devtools("Emulation.setDeviceMetricsOverride", width=width,
                      height=height, deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia", media="screen", features=[
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion",
             "value": "reduce" if still else "no-preference"}])

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    @property
    def url(self):
        return self.ask("GET", "/url")

    @property
    def text(self):
        """What a reader sees."""
        return self.run("return document.body.innerText")

    def run(self, script, *args):
        """The value of a function's body.  Not subject to the page's CSP."""
        return self.ask("POST", "/execute/sync",
                        {"script": script, "args": list(args)})

    def wait(self, script, what=None):
        def look():
            try:
                return self.run(script)
            except RuntimeError:
                return None  # between two pages
        return wait_for(look, what or script)

    def find(self, selector):
        found = self.ask("POST", "/element", {"using": "css selector",
                                              "value": selector})
        return found[ELEMENT]

    def fill(self, selector, text):
        """As a person does: by keys, into what can be seen."""
        element = self.find(selector)
        self.ask("POST", "/element/%s/clear" % element, {})
        self.ask("POST", "/element/%s/value" % element, {"text": text})

    def choose(self, selector, text):
        self.ask("POST", "/element/%s/value" % self.find(selector),
                 {"text": text})

    def click(self, selector):
        self.ask("POST", "/element/%s/click" % self.find(selector), {})

    def keys(self, text):
        """Keys to whatever has the focus."""
        element = self.ask("GET", "/element/active")[ELEMENT]
        self.ask("POST", "/element/%s/value" % element, {"text": text})

    def screenshot(self, path, height=None):
        """The page from its top; height: no more than that."""
        size = self.run("return document.documentElement.scrollHeight")
        got = self.devtools(
            "Page.captureScreenshot", captureBeyondViewport=True,
            clip={"x": 0, "y": 0, "width": self.width, "scale": 1,
                  "height": min(size, height) if height else size})
        with open(path, "wb") as file:
            file.write(base64.b64decode(got["data"]))

    def console(self):
        """What was complained about since the last call."""
        return [entry["message"] for entry in
                self.ask("POST", "/se/log", {"type": "browser"})]

    def requests(self):
        """Addresses that the pages had it fetch since the last call."""
        found = []
        for entry in self.ask("POST", "/se/log", {"type": "performance"}):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith(("data:", "blob:", "about:", "chrome")):
                    found.append(url)
        return found

    def close(self):
        try:
            self.ask("DELETE", "")
        except (OSError, RuntimeError):
            pass
        self.driver.stop()


def browser(**kw):
    return Browser(**kw)


def _light(color):
    """Relative luminance of "rgb(…)" (WCAG 2.2)."""
    parts = [int(p) / 255 for p in re.findall(r"\d+", color)[:3]]
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4
             for p in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(a, b):
    """The contrast ratio of two colours."""
    high, low = sorted((_light(a), _light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


# Every text that is seen, with its colour, what is behind it, and its size.
TEXTS = """
var found = [], walk = document.createTreeWalker(document.body,
                                                 NodeFilter.SHOW_TEXT);
function behind(element) {
  for (; element; element = element.parentElement) {
    var color = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)|transparent/.test(color)) { return color; }
  }
  return "rgb(255, 255, 255)";
}
function add(element, text) {
  var style = getComputedStyle(element), box = element.getClientRects();
  if (text.trim() && box.length && style.visibility === "visible") {
    found.push({ text: text.trim().slice(0, 40), color: style.color,
                 behind: behind(element), size: parseFloat(style.fontSize) });
  }
}
while (walk.nextNode()) {
  add(walk.currentNode.parentElement, walk.currentNode.data);
}
document.querySelectorAll("input").forEach(function (input) {
  add(input, "input " + input.id);
});
return found;
"""


def check_contrast(page, name):
    """WCAG 2.2 AA, 1.4.3: 4.5:1, of every text on the page."""
    texts = page.run(TEXTS)
    low = [(round(contrast(t["color"], t["behind"]), 2), t) for t in texts
           if contrast(t["color"], t["behind"]) < 4.5]
    ok(len(texts) > 3 and not low, "%s: contrast of %d texts, the least %.2f"
       % (name, len(texts), min(contrast(t["color"], t["behind"])
                                for t in texts)), low)

"""The page that tells a phone to trust this machine: plain http, because there is no other way yet.

/               what to do
/sealroom.crt   the authority's certificate, DER
"""

from tornado.web import Application, RequestHandler

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trust this Sealroom</title>
<h1>Trust this Sealroom</h1>
<p>Once on each phone. It will then trust this machine for addresses of a home, and for nothing
else.</p>
<ol>
<li><a href="/sealroom.crt">Download the certificate.</a></li>
<li>On an iPhone or iPad: Settings, Profile Downloaded, Install; then General, About, Certificate
Trust Settings, and switch it on.<br>
On Android: search the settings for “CA certificate”, Install anyway, and choose the file.</li>
<li>Before you agree, look at its details: the SHA-256 fingerprint must be the one on the terminal
of the machine that runs Sealroom.</li>
<li>Open <a href="{url}">{url}</a>.</li>
</ol>
</html>
"""


class PageHandler(RequestHandler):
    """The only two things that are served without TLS."""

    def initialize(self, content: bytes, kind: str) -> None:
        self._content = content
        self._kind = kind

    def get(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", self._kind)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'")
        self.finish(self._content)


def trust_page(url: str, certificate: bytes) -> Application:
    """Return the page; `url` is where it leads in the end."""
    page = {"content": PAGE.format(url=url).encode(), "kind": "text/html; charset=utf-8"}
    file = {"content": certificate, "kind": "application/x-x509-ca-cert"}
    return Application([("/", PageHandler, page), ("/sealroom.crt", PageHandler, file)])

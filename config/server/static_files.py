import re
from wsgiref.headers import Headers

from servestatic.storage import CompressedManifestStaticFilesStorage

from chat.http import protecting


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Static files named by the hash of their content, in the `import` lines of JavaScript modules too."""

    support_js_module_import_aggregation = True


def is_hashed(path: str, url: str) -> bool:
    """Tell whether a name contains the hash of the file's content, so that it can be cached for good."""
    return bool(re.search(r"\.[0-9a-f]{12}\.", url))


def protect(headers: Headers, path: str, url: str) -> None:
    """Give a static file the headers that every page has."""
    for name, value in protecting().items():
        headers[name] = value

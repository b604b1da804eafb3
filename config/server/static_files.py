from servestatic.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names with the hash of the content, in the `import` lines of JavaScript modules too."""

    support_js_module_import_aggregation = True

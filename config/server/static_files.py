from servestatic.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Static files named by the hash of their content, in the `import` lines of JavaScript modules too."""

    support_js_module_import_aggregation = True

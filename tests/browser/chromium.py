"""The system's own Chromium; it asks nobody for anything but the pages."""

CHROMIUM = "chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

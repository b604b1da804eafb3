"""The private parts of libraries that the server uses are checked before it starts."""

import subprocess
import sys

PROGRAM = """
from config.server.reactor import reactor
from config.server import relied_on
from autobahn.websocket.protocol import WebSocketProtocol

relied_on.check(reactor)
del WebSocketProtocol.sendCloseFrame
try:
    relied_on.check(reactor)
except RuntimeError as error:
    print(error)
"""


def test_a_version_that_lacks_an_attribute_is_named() -> None:
    # A process of its own: importing the reactor installs it.
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "WebSocketProtocol.sendCloseFrame is missing: install the versions of requirements.txt.\n"

"""All formats, in the order that names a credential which two of them find."""

from __future__ import annotations

from typing import Final

from streams.core.credentials.clouds import CLOUDS
from streams.core.credentials.commands import COMMANDS
from streams.core.credentials.databases import DATABASES
from streams.core.credentials.devices import DEVICES
from streams.core.credentials.files import FILES
from streams.core.credentials.places import PLACES
from streams.core.credentials.row import Format
from streams.core.credentials.services import SERVICES
from streams.core.credentials.wallets import WALLETS

FORMATS: Final[tuple[Format, ...]] = (
    *(*PLACES, *COMMANDS, *CLOUDS, *SERVICES, *FILES, *DEVICES, *DATABASES, *WALLETS),
)

"""A new installation: its two files, made from answers, imports and presets.

``relays`` knows what each way out needs, ``imports`` reads interests from files, ``remote`` from
ORCID and Zotero, ``files`` writes. Nothing here opens a store: there is no configuration yet.
"""

from digest.actions.setup.files import Answers, Written, write
from digest.actions.setup.imports import Imported, read_import
from digest.actions.setup.relays import RELAYS, Relay
from digest.actions.setup.remote import from_orcid, from_zotero

__all__ = [
    "RELAYS",
    "Answers",
    "Imported",
    "Relay",
    "Written",
    "from_orcid",
    "from_zotero",
    "read_import",
    "write",
]

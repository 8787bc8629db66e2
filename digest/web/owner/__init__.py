"""The owner's pages: what goes on, and the few levers. Off unless ``web.owner_token`` is set.

Each module has ``routes(site, gate) -> APIRouter``; every page asks the gate for a session, every
POST for a form that this session was given.
"""

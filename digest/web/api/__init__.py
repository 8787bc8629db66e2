"""The owner's JSON API: what the commands do, for programs that hold the owner's token.

To add a noun, write a module with ``routes(site) -> APIRouter`` and name it in ``app.ROUTES``.
Each route parses, calls one action and returns its value; schemas are in ``schemas``.
"""

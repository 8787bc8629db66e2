"""A real name server on loopback that knows what a test tells it."""

from __future__ import annotations

import contextlib
import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@contextlib.contextmanager
def name_server(records):
    """Answer what is in ``records``; everything else does not exist."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        address = listening.getsockname()
        thread = threading.Thread(target=_answer, args=(listening, records), daemon=True)
        thread.start()
        yield f"127.0.0.1:{address[1]}"
        listening.sendto(b"", address)
        thread.join()


def _answer(listening, records):
    while True:
        wire, client = listening.recvfrom(4096)
        if not wire:
            return
        asked = dns.message.from_wire(wire)
        reply = dns.message.make_response(asked)
        reply.flags |= dns.flags.RA
        (question,) = asked.question
        kind = dns.rdatatype.to_text(question.rdtype)
        if found := records.get((question.name.to_text(), kind)):
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        else:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        listening.sendto(reply.to_wire(), client)

"""How much a status keeps, so that it never outgrows what the Kubernetes API can store. Pure.

etcd takes 1.5 MiB for an object, its spec and what kubectl notes of it included. What stands in a status for people to
read is cut by rule; what names data in a store cannot be, so no staging begins that might not find room.
"""

from __future__ import annotations

from penstock.api.materialization import MaterializationStatus, RunState
from penstock.wiresize import shortened, wire_bytes

STATUS_BYTES = 512 * 1024
"""No status is larger."""
FULL_BYTES = 384 * 1024
"""From here on no further staging begins: what one may add still fits in."""
CROWDED_BYTES = 256 * 1024
"""From here on a run that retires is given no grace."""
CROWDED, FULL = 200, 240
"""The same by the number of records: a status has room for 256."""
MESSAGE_BYTES, OLD_MESSAGE_BYTES, GATE_BYTES = 8192, 512, 256
REFUSALS = 10
"""Refused runs of which nothing is left but the record, for people to read."""


def crowded(status: MaterializationStatus) -> bool:
    """Whether room is getting scarce."""
    return len(status.runs) > CROWDED or wire_bytes(status.to_wire()) > CROWDED_BYTES


def full(status: MaterializationStatus) -> bool:
    """Whether there is no room for another staging."""
    return len(status.runs) >= FULL or wire_bytes(status.to_wire()) > FULL_BYTES


def trim(status: MaterializationStatus) -> None:
    """Cut what only tells of the past, but little of the records that people look at."""
    told = _told(status)
    for record in status.runs:
        people_look = (record.run, record.revision) in told
        record.message = shortened(record.message, MESSAGE_BYTES if people_look else OLD_MESSAGE_BYTES)
        if not people_look:
            record.gates = [gate for gate in record.gates if not gate.passed][:1]
        for gate in record.gates:
            gate.message = shortened(gate.message, GATE_BYTES)
        if record.state is not RunState.STAGING:
            # The report is taken over; the folder is of no more use.
            record.stage_uri = ""


def _told(status: MaterializationStatus) -> set[tuple[str, int]]:
    """The newest record, the newest that may be promoted, and what is served."""
    staged = [record for record in status.runs if record.state is RunState.STAGED]
    told = {(record.run, record.revision) for record in (*status.runs[-1:], *staged[-1:])}
    return told | {(status.active.run, status.active.revision)} if status.active is not None else told

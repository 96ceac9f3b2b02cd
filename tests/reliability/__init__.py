"""Whatever fails: nothing is lost, nothing is made twice, and every report is true.

``python -m tests.reliability`` runs seeded schedules of operations through a proxy that injects faults, and lies: whole
responses that break their documented shape or do not correspond to the request.
"""

"""A whole space on one computer: three factories, the task queues of three virtual organisations, and what comes of it.

``python -m demo`` runs it, and ``make demo`` sets up what it needs first. Everything that counts here is real: the
daemons, their datagrams, the machines (processes), the queues over HTTP and the journals that the figures come from.
"""

"""What runs inside a machine. It needs nothing but Python 3.6 or newer, and is copied there as it is.

``python3 -m inside SETTINGS`` runs a pilot; all that it is to know stands in the JSON file SETTINGS, which
`vac_lhcb.settings` describes.
"""

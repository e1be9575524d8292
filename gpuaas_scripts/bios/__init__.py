"""BIOS settings: what a host's firmware offers, how it stands, and what has to change. Pure: values in, values out.

`registry` what the firmware offers · `names` logical names per vendor · `state` how it stands ·
`plan` desired values to verdicts and changes · `messages` error bodies to a stable meaning ·
`racadm_text` outputs of RACADM. Transports and journals are sinks.
"""

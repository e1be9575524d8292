"""What a MAAS region holds against what a site wants it to hold: pure, values in and values out.

`metadata` reads a script as MAAS does, `state` reads MAAS's answers, `plan` compares both and names the
requests. Carrying them out is `sinks.maas_session`'s part.
"""

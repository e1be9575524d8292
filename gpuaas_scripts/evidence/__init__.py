"""What machines report about themselves: read, judged and told. Pure, values in and values out.

`parse` reads evidence lines, `result` the YAML that a script writes for MAAS, `judge` turns both into verdicts,
`topology` compares them with what was approved for a node, `report` writes verdicts as text, JSON or JUnit XML.
"""

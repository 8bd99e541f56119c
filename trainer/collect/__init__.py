"""From the feature messages of gateways to a store that training reads.

A message goes: broker -> ``connection`` -> ``message`` (is it one?) -> ``journal`` (on the disk,
once per id) -> acknowledged -> ``parts`` (Parquet by gateway, asset and day) -> ``compaction``.
``collector`` is the loop that moves it.
"""

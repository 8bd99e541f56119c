"""A plugin whose import fails, as after an upgrade of what it depends on."""

raise RuntimeError("the driver is missing")

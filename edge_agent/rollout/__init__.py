"""Models from the operator to the gateways, over nothing but the broker.

``repository`` is what the operator signs and publishes, ``fleet`` moves gateways in waves,
``install`` is the gateway's side. What both sides say to each other stands in the modules here.
"""

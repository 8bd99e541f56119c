"""What the running agent can be told, over MQTT or on its own machine, and how it answers."""
